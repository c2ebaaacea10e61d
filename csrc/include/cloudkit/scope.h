/* cloudkit/scope.h: encode crystals as SCOPE strings; check, tokenize and format such strings. This header is the manual.
 *
 * The library allocates nothing, keeps no state, reads no locale and sets no errno: every function is thread-safe, and
 * the caller owns every buffer. Text is bytes with a length; no NUL is needed. All offsets are byte offsets.
 *
 *     uint16_t ids[64]; size_t n;
 *     if (ck_encode_cloud(text, length, ids, 64, &n) == CK_OK) ...
 *
 * A SCOPE string is a space group's generators, a bar, and orbits (dialect "orbit": `Na 4a Cl 4b`), or Wyckoff symbols, a
 * bar and fractions (dialect "reduced": `4a 4b | Na 0.5 Cl 0.5`), or one Wyckoff symbol per site, a bar and one species
 * per site (dialect "full": `4a 4b | Na Cl`). The rules are in spec/scope.md.
 */
#ifndef CLOUDKIT_SCOPE_H
#define CLOUDKIT_SCOPE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* other symbols of the library are hidden */
#endif

#define CK_ABI_VERSION 1

/* The ABI version of the library; compare it with CK_ABI_VERSION. */
uint32_t ck_abi_version(void);

typedef enum ck_status {
    CK_OK = 0,
    CK_INVALID = 1,   /* the text has errors; ck_check lists them */
    CK_NO_SPACE = 2,  /* the buffer is too small; *n_out is the length needed */
    CK_NOT_ASCII = 3, /* ck_encode_cloud only: the text needs Unicode rules, which this library does not have */
    CK_NO_TOKEN = 4,  /* ck_encode_compact only: valid text with an oxidation state, or an occupancy of three or more decimals */
    CK_BAD_CELL = 5,  /* structures: no sites, too many, a number that is not finite or far too large, or no volume */
    CK_CONTACT = 6,   /* structures: two sites, or a site and its periodic image, are too close */
    CK_TOO_HARD = 7   /* structures: more comparisons than the budget allows */
} ck_status;

/* Codes of findings. 1xx: grammar, 2xx: tables, 3xx: semantics, 4xx: warnings. A level is checked only if the level
 * before it found nothing; warnings come with semantics. */
typedef enum ck_code {
    CK_EMPTY = 101,             /* no text at all */
    CK_BLANKS = 102,            /* an extra space */
    CK_UNEXPECTED = 103,        /* a token that is not allowed here */
    CK_UNFINISHED = 104,        /* the text ends too early */
    CK_UNKNOWN_GROUP = 201,     /* unknown generators */
    CK_UNKNOWN_ELEMENT = 202,   /* not one of the 118 elements */
    CK_UNKNOWN_WYCKOFF = 203,   /* a Wyckoff symbol that the space group does not have */
    CK_FRACTION_SUM = 301,      /* fractions of the composition do not sum to 1 within rounding */
    CK_OCCUPANCY_SUM = 302,     /* occupancies of an orbit or site sum to more than 1 */
    CK_FIXED_SITE_TWICE = 303,  /* a position without free parameters used for two orbits */
    CK_REPEATED_WYCKOFF = 304,  /* reduced dialect: a Wyckoff symbol listed twice */
    CK_REPEATED_ELEMENT = 305,  /* an element twice in one composition, orbit or site */
    CK_FULL_OCCUPANCY = 306,    /* orbit dialect: a single species with its 1.0 written out */
    CK_SITE_COUNT = 307,        /* full dialect: more or fewer species than Wyckoff symbols */
    CK_BROKEN_ORBIT = 308,      /* full dialect: the sites of a position do not form complete orbits */
    CK_ZERO_FRACTION = 401,     /* a fraction of 0.0 */
    CK_SIGNS = 403              /* full dialect: a species with signs that the published vocabulary reads as [UNK] */
} ck_code;

typedef struct ck_issue {
    uint32_t code;   /* a ck_code */
    uint32_t length; /* bytes concerned, capped at UINT32_MAX; 0 at the end of the text */
    uint64_t offset; /* first byte concerned */
} ck_issue;

/* Write the issues of the text, in order of offset, into issues[0..cap). Issues beyond cap are counted, not written; those
 * written are then the first that were found, which need not have the smallest offsets.
 * *space_group is the number 1..230, or 0 if the generators are unknown. Either pointer may be NULL (with cap 0).
 * Returns the number of issues, warnings included; 0 means valid. */
size_t ck_check(const char *text, size_t length, ck_issue *issues, size_t cap, uint32_t *space_group);

/* Ids in the published vocabulary of 564 tokens (spec/vocab/cloud.txt), [CLS] ... [SEP] included, for any ASCII text.
 * Control characters and non-ASCII bytes give CK_NOT_ASCII. length + 2 ids always suffice. */
ck_status ck_encode_cloud(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out);

/* Ids in the compact vocabulary (spec/vocab/compact.txt), [CLS] ... [SEP] included, for text without errors. */
ck_status ck_encode_compact(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out);

/* The text of published ids: tokens separated by one space, continuations joined to the token before them, [CLS], [PAD]
 * and [SEP] left out. The inverse of ck_encode_cloud for every valid SCOPE text without CK_SIGNS, which leaves [UNK].
 * An id outside the vocabulary gives CK_INVALID, and *n_out is its index. 7 bytes per id always suffice; all of
 * out[0..cap) may be written. No NUL is written. */
ck_status ck_decode_cloud(const uint16_t *ids, size_t n_ids, char *out, size_t cap, size_t *n_out);

/* The text of compact ids ([CLS] and [SEP] optional): the space group, then orbits, or Wyckoff symbols and fractions, or
 * Wyckoff symbols, | and sites, where | also separates a site that ends in an occupancy and the next site.
 * CK_INVALID for ids of another form; if the text of accepted ids is valid, ck_encode_compact returns the same ids for it.
 * 7 bytes per id and 80 more always suffice. No NUL is written. */
ck_status ck_format(const uint16_t *ids, size_t n_ids, char *out, size_t cap, size_t *n_out);

/* The meaning of a compact id. The ids of a text encode its tree: the group, then for each orbit its species and its
 * Wyckoff symbol, or the Wyckoff symbols and then the composition or the sites. */
typedef enum ck_kind {
    CK_MARK = 0,     /* [CLS], [PAD], [SEP], [UNK], [MASK] */
    CK_GROUP = 1,    /* value: space group, 1 to 230 */
    CK_WYCKOFF = 2,  /* value: multiplicity, 1 to 192; letter */
    CK_ELEMENT = 3,  /* value: atomic number, 1 to 118 */
    CK_FRACTION = 4, /* value: hundredths, 0 to 100 */
    CK_BAR = 5       /* full dialect: see ck_format */
} ck_kind;

typedef struct ck_symbol {
    uint16_t kind;  /* a ck_kind */
    uint16_t value;
    char letter;    /* 'a' to 'z' or 'A'; NUL for other kinds */
} ck_symbol;

/* CK_INVALID for an id outside the vocabulary. */
ck_status ck_read_id(uint16_t id, ck_symbol *symbol);

/* The canonical letters and order of n orbits: the smallest sequence of (letter, content) over the renamings of Wyckoff
 * letters that the affine normalizer of the space group induces (spec/scope.md, section 6).
 * letters: 0 for a, ... 26 for A. contents: the rank of the species on each orbit; equal numbers mean equal species.
 * The orbits must be sorted by (letter, content); CK_INVALID if they are not, or if the group lacks a letter.
 * Writes n values each: new_letters[k] is the letter of the k-th orbit of the canonical form, order[k] its index in the
 * input. */
ck_status ck_canonical(uint32_t space_group, const uint8_t *letters, const uint32_t *contents, size_t n,
                       uint8_t *new_letters, uint32_t *order);

/* ---- Structures ----
 *
 * From arrays to symmetry, and to the canonical string:
 *
 *     double lattice[9] = {5.64, 0, 0, 0, 5.64, 0, 0, 0, 5.64}, positions[24] = {...};
 *     int32_t numbers[8] = {11, 11, 11, 11, 17, 17, 17, 17};
 *     ck_crystal salt = {lattice, positions, numbers, 8, NULL, 0};
 *     size_t size = ck_work_size(8), n;
 *     void *work = malloc(size);
 *     char text[256];
 *     if (ck_encode_structure(&salt, NULL, 1e-2, 0, work, size, text, sizeof text, &n, NULL) == CK_OK) ...
 *
 * symprec, a length in angstrom, is the only tolerance; spec/scope.md, section 10, defines it. The result depends only on the
 * crystal and on symprec: not on the cell, the origin, the order of the sites or the handedness of the axes. */

/* lattice: three cell vectors as rows, angstrom. positions: 3 n fractional coordinates. labels: n; equal labels are the same
 * species. occupancies: the total occupancy of a site with each label below n_labels, or NULL if all sites are fully
 * occupied: sites that are alternatives of each other may be closer than CK_SHORTEST_CONTACT. */
typedef struct ck_crystal {
    const double *lattice, *positions;
    const int32_t *labels;
    size_t n;
    const double *occupancies;
    size_t n_labels;
} ck_crystal;

#define CK_MOST_SITES 4000000
#define CK_LONGEST_EDGE 1e5       /* angstrom, of each component of a cell vector */
#define CK_FARTHEST_SITE 1e6      /* cells from the origin */
#define CK_SMALLEST_VOLUME 0.1    /* cubic angstrom */
#define CK_THINNEST_CELL 0.5      /* angstrom; no lattice repeats faster than the shortest bond */
#define CK_SHORTEST_CONTACT 0.1   /* angstrom */
#define CK_SAME_PLACE 0.05        /* angstrom; not even alternatives may be closer */
#define CK_FULL_SITE 1.01         /* the largest sum of two alternatives' occupancies */
#define CK_DEFAULT_BUDGET 500000000 /* comparisons of two positions: seconds, a minute or two for a million sites */

typedef struct ck_symmetry {
    uint32_t space_group;    /* 1 to 230 */
    uint32_t n_orbits;       /* of the primitive cell */
    uint32_t n_operations;   /* of the point group */
    uint32_t lattice_points; /* primitive cells in the input cell */
    double symprec;          /* the tolerance at which the operations form a group: at most the one asked for */
    double distance;         /* angstrom, the largest d of the operations: the result is the same from here to symprec */
    double axes[9], origin[3]; /* x = axes * x_standard + origin, in fractions of the input cell */
    double lattice[9];       /* the idealized conventional cell, rows, angstrom, a along x; its orientation is not that of the input */
} ck_symmetry;

/* The bytes of work memory that n sites need, aligned for double; about 500 n. 0 for more than CK_MOST_SITES. The caller owns
 * the memory, which carries nothing from one call to the next. */
size_t ck_work_size(size_t n);

/* Space group, orbits and Wyckoff letters. budget: the largest number of comparisons, 0 for CK_DEFAULT_BUDGET.
 * letters: n; 0 for a, ... 26 for A, in the standard axes of *found. orbits: n; the first site of each site's orbit.
 * ideal: 3 n; the symmetrized positions in the input cell. found, letters, orbits and ideal may each be NULL.
 * CK_BAD_CELL, CK_CONTACT, CK_TOO_HARD; CK_INVALID for a symprec that is not a positive number, or a label without an
 * occupancy; CK_NO_SPACE if the work memory is too small. */
ck_status ck_find_symmetry(const ck_crystal *crystal, double symprec, uint64_t budget, void *work, size_t work_size,
                           ck_symmetry *found, uint8_t *letters, uint32_t *orbits, double *ideal);

/* The text of a label, and its rank among the species; equal ranks must have equal text. The text of a mixed or partially
 * occupied site includes its occupancies: "Fe 0.5 Ni 0.5". */
typedef struct ck_species {
    const char *text;
    uint32_t length, rank;
} ck_species;

/* The canonical string in the dialect "orbit". species: one for each label below crystal->n_labels; NULL if the labels are
 * atomic numbers. space_group may be NULL. CK_INVALID for any other label; CK_NO_SPACE with *n_out > 0 gives the length of
 * the text. 80 bytes, and 8 for each orbit of one element, always suffice. No NUL is written. Other statuses as above. */
ck_status ck_encode_structure(const ck_crystal *crystal, const ck_species *species, double symprec, uint64_t budget,
                              void *work, size_t work_size, char *out, size_t cap, size_t *n_out, uint32_t *space_group);

/* ---- Without linking ----
 *
 * The functions above in one table. A Python extension gets it from the installed package, without linking the library:
 *
 *     const ck_api *ck = PyCapsule_Import(CK_CAPSULE, 0);
 *     if (ck == NULL || ck->abi_version != CK_ABI_VERSION) ...
 *
 * Later versions may append functions; size is that of the table in bytes. */
#define CK_CAPSULE "cloudkit.scope_api"

typedef struct ck_api {
    uint32_t abi_version, size;
    size_t (*check)(const char *, size_t, ck_issue *, size_t, uint32_t *);
    ck_status (*encode_cloud)(const char *, size_t, uint16_t *, size_t, size_t *);
    ck_status (*encode_compact)(const char *, size_t, uint16_t *, size_t, size_t *);
    ck_status (*decode_cloud)(const uint16_t *, size_t, char *, size_t, size_t *);
    ck_status (*format)(const uint16_t *, size_t, char *, size_t, size_t *);
    ck_status (*read_id)(uint16_t, ck_symbol *);
    ck_status (*canonical)(uint32_t, const uint8_t *, const uint32_t *, size_t, uint8_t *, uint32_t *);
    size_t (*work_size)(size_t);
    ck_status (*find_symmetry)(const ck_crystal *, double, uint64_t, void *, size_t, ck_symmetry *, uint8_t *, uint32_t *, double *);
    ck_status (*encode_structure)(const ck_crystal *, const ck_species *, double, uint64_t, void *, size_t, char *, size_t, size_t *, uint32_t *);
} ck_api;

const ck_api *ck_get_api(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
