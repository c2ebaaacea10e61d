/* From a crystal's arrays to its space group and orbits. Private to the library.
 *
 * The steps, one file each, called in this order by symmetry.c:
 *     lattice.c     a reduced basis; the rotations that the lattice allows
 *     match.c       does an operation map atoms onto atoms, and with what error
 *     primitive.c   the pure translations, and the crystal folded onto its primitive cell
 *     operations.c  the rotations that are operations, as a group
 *     setting.c     axes, arithmetic class, space group, origin
 *     letters.c     Wyckoff letters of the orbits
 *     ideal.c       symmetrized cell and positions
 *
 * Column convention: matrices are row-major, x' = M x, and the basis vectors of a cell are the COLUMNS of its basis.
 * Fractional coordinates are 64-bit fixed point in units of 2^-64 of a cell edge: they wrap for free, and
 * the signed difference of two is that of the nearest images along the axis. */
#ifndef CK_SYMMETRY_H
#define CK_SYMMETRY_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "cloudkit/scope.h"
#include "tables.h"

enum { MOST_ROTATIONS = 48, MOST_AUTOMORPHISMS = 128 };

#define UNIT 18446744073709551616.0 /* 2^64: one cell edge */

/* A lattice: basis (columns, angstrom), its inverse, its metric tensor, the radius-to-box factors. */
typedef struct {
    double basis[9], inverse[9], metric[9];
    double reach[3]; /* half-width, in cell edges, of the box around a sphere of radius 1 angstrom: the lengths of a*, b*, c* */
} lattice;

/* A crystal in fixed point, with atoms sorted by species, the rarest species first. */
typedef struct {
    lattice cell;
    size_t n, n_species;
    uint64_t *x[3];
    uint32_t *species; /* of each atom */
    uint32_t *start;   /* n_species + 1: the atoms of species s are start[s] to start[s + 1] */
} atoms;

typedef struct { int8_t m[9]; } rotation;

/* The rotations that map the lattice onto itself within the tolerance. */
typedef struct {
    unsigned n;
    rotation r[MOST_AUTOMORPHISMS];
    double distance[MOST_AUTOMORPHISMS]; /* error of the lattice, angstrom: the larger of those of a rotation and its inverse */
    uint8_t inverse[MOST_AUTOMORPHISMS];
    int8_t order[MOST_AUTOMORPHISMS];    /* of the proper part: 1, 2, 3, 4, 6 */
    int8_t determinant[MOST_AUTOMORPHISMS];
    /* what find_rotation and multiply need: columns packed into 10-bit fields, a hash table of codes */
    int32_t column[MOST_AUTOMORPHISMS][3];
    uint32_t code[MOST_AUTOMORPHISMS];
    uint8_t slot[256];
} automorphisms;

typedef struct {
    unsigned rotation; /* index into the automorphisms */
    uint64_t t[3];
    double distance;   /* angstrom, of the worst atom and of the lattice */
} operation;

typedef struct {
    unsigned n, n_generators;
    operation op[MOST_ROTATIONS];        /* op[0] is the identity */
    unsigned generator[MOST_ROTATIONS];
    uint32_t *permutation;               /* row k: where op[k] puts each atom */
} group;

/* Positions without an atom of a species; an operation that maps an atom there is not a symmetry. */
enum { MOST_HOLES = 8, MOST_SUSPECTS = 256 };

/* The caller's memory, divided into arrays, and the counters of the steps. */
typedef struct {
    double tolerance;          /* of the present level, angstrom */
    uint64_t comparisons, budget;
    /* matching */
    uint64_t *rotated[3];
    double *shift[3];          /* deviation of each atom after an operation, in cell edges */
    uint8_t *used;
    uint32_t *trial;           /* the permutation being tested */
    /* bins for large cells, about one atom in each */
    int binned;
    uint32_t bins[3], *bin_start, *bin_atom, *bin_of;
    uint64_t bin_offset;
    unsigned n_holes;
    uint64_t hole[MOST_HOLES][3];
    uint32_t hole_species[MOST_HOLES];
    unsigned n_suspects;       /* atoms whose deviations ruled out an operation, most recent first */
    uint32_t suspect[MOST_SUSPECTS];
    /* folding */
    atoms buffer[3];
    uint32_t *source;          /* sorted index -> site of the input */
    uint32_t *primitive;       /* sorted index -> atom of the primitive cell */
    uint32_t *folded;          /* atom -> atom of the folded cell */
    unsigned most_levels;      /* translations of relative order 2 or more that can generate a group: log2 of the sites */
    uint32_t *levels;          /* 2 * most_levels permutations */
    uint8_t *reached;
    automorphisms lattice_group;
    group symmetry;
    uint32_t *orbit;           /* of each atom of the primitive cell: its first atom */
    uint32_t *orbit_size;
    double *residual;
    uint8_t *letter;
} work;

/* ---- matrices ---- */

static inline int32_t determinant(const int32_t *m) {
    return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

/* The inverse of an integer matrix times its determinant. */
static inline void adjugate(const int32_t *m, int32_t *out) {
    out[0] = m[4] * m[8] - m[5] * m[7], out[1] = m[2] * m[7] - m[1] * m[8], out[2] = m[1] * m[5] - m[2] * m[4];
    out[3] = m[5] * m[6] - m[3] * m[8], out[4] = m[0] * m[8] - m[2] * m[6], out[5] = m[2] * m[3] - m[0] * m[5];
    out[6] = m[3] * m[7] - m[4] * m[6], out[7] = m[1] * m[6] - m[0] * m[7], out[8] = m[0] * m[4] - m[1] * m[3];
}

static inline void multiply(const int32_t *a, const int32_t *b, int32_t *out) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
}

static inline void multiply_real(const double *a, const double *b, double *out) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
}

static inline double determinant_real(const double *m) {
    return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

static inline void invert_real(const double *m, double *out) {
    double d = 1 / determinant_real(m);
    out[0] = (m[4] * m[8] - m[5] * m[7]) * d, out[1] = (m[2] * m[7] - m[1] * m[8]) * d, out[2] = (m[1] * m[5] - m[2] * m[4]) * d;
    out[3] = (m[5] * m[6] - m[3] * m[8]) * d, out[4] = (m[0] * m[8] - m[2] * m[6]) * d, out[5] = (m[2] * m[3] - m[0] * m[5]) * d;
    out[6] = (m[3] * m[7] - m[4] * m[6]) * d, out[7] = (m[1] * m[6] - m[0] * m[7]) * d, out[8] = (m[0] * m[4] - m[1] * m[3]) * d;
}

/* The squared length of a vector given in cell edges. */
static inline double square(const double *metric, double x, double y, double z) {
    return x * (metric[0] * x + 2 * (metric[1] * y + metric[2] * z)) + y * (metric[4] * y + 2 * metric[5] * z) + metric[8] * z * z;
}

/* ---- fixed point ---- */

static inline uint64_t to_fixed(double x) {
    double f = x - floor(x); /* in [0, 1]; 1 where a tiny negative number was rounded */
    return f < 1 ? (uint64_t)(int64_t)((f - 0.5) * UNIT) + (UINT64_C(1) << 63) : 0;
}

static inline double to_real(uint64_t difference) { return (double)(int64_t)difference * (1 / UNIT); }

/* The inverse, for -1 < x < 1. */
static inline uint64_t from_real(double x) { return 2 * (uint64_t)(int64_t)(x * (UNIT / 2)); }

static inline void rotate(const int8_t *r, const uint64_t *x, uint64_t *y) {
    for (int i = 0; i < 3; i++)
        y[i] = (uint64_t)(int64_t)r[3 * i] * x[0] + (uint64_t)(int64_t)r[3 * i + 1] * x[1] + (uint64_t)(int64_t)r[3 * i + 2] * x[2];
}

static inline void place_of(const atoms *a, size_t i, uint64_t *x) {
    for (int k = 0; k < 3; k++) x[k] = a->x[k][i];
}

/* Is a distance within the tolerance? Rounding must not decide if a file's decimals put it exactly on the limit. */
static inline int within(double distance, double tolerance) { return distance <= tolerance * (1 + 1e-6); }

/* ---- the steps ---- */

/* Reduce the columns of `basis` in place: the three shortest vectors that span the lattice, right-handed.
 * change: the integer matrix with new = old * change. Returns 0 if the coefficients grow too large or the volume vanishes. */
int reduce_basis(double *basis, int64_t *change);

void set_lattice(lattice *cell, const double *basis);

void find_automorphisms(const lattice *cell, double tolerance, automorphisms *out);

/* The index of a rotation, or -1. */
int find_rotation(const automorphisms *a, const int8_t *m);
int multiply_rotations(const automorphisms *a, unsigned first, const int8_t *second);

/* Prepare to match the atoms of this crystal. */
void begin_matching(work *w, const atoms *a);

/* Does x -> r x + t map the crystal onto itself, each atom onto one within 4 tolerances? Writes the permutation.
 * For cells of many atoms, also 0 if the operation cannot be within one tolerance, which is quick to check.
 * n_rotated: how many atoms of w->rotated hold r x already; set it to 0 for a new r. */
int match(work *w, const atoms *a, const int8_t *r, size_t *n_rotated, const uint64_t *t, double tolerance, uint32_t *permutation);

/* The best translation for a known permutation, by least squares; returns the largest remaining distance, angstrom. */
double refine(work *w, const atoms *a, const int8_t *r, const uint32_t *permutation, uint64_t *t);

/* Call see(context, i, j, distance) for each pair of atoms within `radius`, nearest images only; stop where it returns 0,
 * or the budget is spent, and return 0. The atoms are those of begin_matching. */
int visit_pairs(work *w, const atoms *a, double radius, int (*see)(void *, size_t, size_t, double), void *context);

/* Fold the crystal onto its primitive cell. On return *crystal is one of the buffers, and *grey says that some further
 * translation is within twice the tolerance. Returns 0 if the translations within the tolerance are not a group. */
int fold_to_primitive(work *w, atoms **crystal, int *grey);

/* The operations within the tolerance, one for each rotation. Returns 0 if they are not a group. */
int find_operations(work *w, const atoms *crystal, int grey);

/* The space group of the operations, and x_standard = to_standard * x + shift, in primitive standard axes. */
typedef struct {
    unsigned space_group;
    char centring;
    int is_standard; /* the axes chosen from the lattice are those of the standard setting */
    int32_t to_standard[9];
    double shift[3];
} setting;

int find_setting(const work *w, const atoms *crystal, setting *out);

void find_orbits(work *w, size_t n);

/* Returns 0 if no Wyckoff position has the multiplicity of an orbit. */
int find_letters(work *w, const atoms *crystal, const setting *s);

/* Lattice points of a conventional cell, and its primitive axes in conventional ones, in sixths, by columns. */
unsigned lattice_points(char centring);
const int8_t *centring_matrix(char centring);

static inline int out_of_budget(const work *w) { return w->comparisons > w->budget; }

#endif
