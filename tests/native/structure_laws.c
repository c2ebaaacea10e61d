/* The laws of structures: what must hold of ck_find_symmetry and ck_encode_structure for any arrays at all. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cloudkit/scope.h"
#include "laws.h"

enum { MOST_SITES = 128, N_LABELS = 119 };

static const uint64_t BUDGET = 300000; /* comparisons, so that no input takes long */

typedef struct { const uint8_t *at, *end; } reader;

static unsigned take_byte(reader *r) { return r->at < r->end ? *r->at++ : 0; }

static double take_double(reader *r) {
    double value = 0;
    for (size_t i = 0; i < sizeof value; i++) ((uint8_t *)&value)[i] = (uint8_t)take_byte(r);
    return value;
}

/* A crystal read from bytes, in arrays of their exact size. */
typedef struct {
    ck_crystal crystal;
    ck_species species[N_LABELS];
    int has_species;
    double lattice[9], *positions, *occupancies, symprec;
    int32_t *labels;
} structure;

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (memory == NULL) abort();
    return memory;
}

/* Any doubles and any labels: NaN, infinities, denormals, volumes of zero. */
static void read_raw(reader *r, structure *s) {
    size_t n = take_byte(r) % 24;
    s->symprec = take_double(r);
    for (int i = 0; i < 9; i++) s->lattice[i] = take_double(r);
    s->positions = allocate(3 * n * sizeof *s->positions);
    s->labels = allocate(n * sizeof *s->labels);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 3; k++) s->positions[3 * i + k] = take_double(r);
        s->labels[i] = (int32_t)(take_byte(r) | take_byte(r) << 8 | take_byte(r) << 16 | take_byte(r) << 24);
    }
    s->crystal.n = n;
}

static void read_lattice(reader *r, double *m) {
    unsigned family = take_byte(r) % 6;
    double a = 2 + take_byte(r) / 16.0, b = 2 + take_byte(r) / 16.0, c = 2 + take_byte(r) / 16.0, shear = take_byte(r) / 256.0;
    memset(m, 0, 9 * sizeof *m);
    m[0] = a, m[4] = family >= 2 ? b : a, m[8] = family >= 1 ? c : a;
    if (family == 3) m[3] = -a / 2, m[4] = a * sqrt(0.75);
    if (family == 4) m[6] = shear * a;
    if (family == 5) m[3] = shear * a, m[6] = -shear * b, m[7] = shear * shear * b;
    double skew = take_byte(r), scale = take_byte(r) % 16 == 0 ? pow(10, (int)(take_byte(r) % 21) - 10) : 1;
    if (skew > 192) /* add many times one vector to another: what a lattice reduction must undo */
        for (int k = 0; k < 3; k++) m[3 + k] += exp2(skew - 192) * m[k], m[6 + k] -= (skew - 192) * m[3 + k];
    for (int k = 0; k < 9; k++) m[k] *= scale * (skew > 128 && skew <= 160 ? -1 : 1);
}

/* A crystal as people have them: a cell of some family, sites on simple fractions, centred, repeated, a little noise. */
static void read_nice(reader *r, structure *s) {
    static const double CHOICES[8] = {1e-2, 1e-2, 1e-1, 1e-3, 1e-5, 0.5, 1e300, 1e-12};
    static const uint8_t CENTRING[4][4] = {{0}, {0, 7}, {0, 4}, {0, 3, 5, 6}}; /* bits: a half along x, y, z */
    read_lattice(r, s->lattice);
    unsigned kind = take_byte(r), points = kind % 4 == 3 ? 4 : kind % 4 == 0 ? 1 : 2, many[3], noise = take_byte(r);
    s->symprec = CHOICES[kind / 4 % 8];
    for (int k = 0; k < 3; k++) many[k] = kind & 128 ? 1 + take_byte(r) % 3 : 1;
    size_t copies = points * many[0] * many[1] * many[2], sites = take_byte(r) % 12, n = 0;
    if (sites * copies > MOST_SITES) sites = MOST_SITES / copies;
    s->positions = allocate(3 * sites * copies * sizeof *s->positions);
    s->labels = allocate(sites * copies * sizeof *s->labels);
    for (size_t site = 0; site < sites; site++) {
        double x[3];
        for (int k = 0; k < 3; k++) x[k] = take_byte(r) % 48 / 24.0;
        int32_t label = 1 + (int32_t)(take_byte(r) % 120) - (kind & 64 ? 1 : 0);
        for (unsigned copy = 0; copy < copies; copy++) {
            unsigned cell = copy / points, at[3] = {cell % many[0], cell / many[0] % many[1], cell / many[0] / many[1]};
            for (unsigned k = 0; k < 3; k++) {
                double jitter = noise > 128 ? ((double)take_byte(r) - 128) * (noise - 128) * 1e-6 : 0;
                s->positions[3 * n + k] = (x[k] + (CENTRING[kind % 4][copy % points] >> k & 1) / 2.0 + at[k]) / many[k] + jitter;
            }
            s->labels[n++] = label;
        }
    }
    for (unsigned k = 0; k < 9; k++) s->lattice[k] *= many[k / 3];
    s->crystal.n = n;
}

static void read_structure(const uint8_t *bytes, size_t n, structure *s) {
    reader r = {bytes, bytes + n};
    unsigned mode = take_byte(&r);
    *s = (structure){.has_species = mode >> 1 & 1};
    if (mode & 1) read_raw(&r, s);
    else read_nice(&r, s);
    if (mode & 4) {
        s->occupancies = allocate(N_LABELS * sizeof *s->occupancies);
        for (size_t i = 0; i < N_LABELS; i++) s->occupancies[i] = mode & 8 ? take_double(&r) : (double)(i % 4 + 1) / 4;
    }
    static const char *const TEXT[4] = {"X", "Fe 0.5 Ni 0.5", "", "a rather long text for one species"};
    for (uint32_t i = 0; i < N_LABELS; i++) s->species[i] = (ck_species){TEXT[i % 4], (uint32_t)strlen(TEXT[i % 4]), i % 4};
    s->crystal.lattice = exact(s->lattice, sizeof s->lattice);
    s->crystal.positions = s->positions;
    s->crystal.labels = s->labels;
    s->crystal.occupancies = s->occupancies;
    s->crystal.n_labels = N_LABELS;
}

static void free_structure(structure *s) {
    free((void *)(uintptr_t)s->crystal.lattice);
    free(s->positions), free(s->labels), free(s->occupancies);
}

/* What the two functions say of one crystal. */
typedef struct {
    ck_status found_status, text_status;
    ck_symmetry found;
    uint8_t *letters;
    uint32_t *orbits, group;
    double *ideal;
    char *text;
    size_t length;
} answer;

static void ask(const structure *s, answer *a) {
    const ck_crystal *c = &s->crystal;
    const ck_species *species = s->has_species ? s->species : NULL;
    size_t size = ck_work_size(c->n), needed = 0, again = 0;
    *a = (answer){.letters = allocate(c->n), .orbits = allocate(c->n * sizeof *a->orbits), .ideal = allocate(3 * c->n * sizeof *a->ideal)};
    void *work = allocate(size);
    a->found_status = ck_find_symmetry(c, s->symprec, BUDGET, work, size, &a->found, a->letters, a->orbits, a->ideal);
    a->text_status = ck_encode_structure(c, species, s->symprec, BUDGET, work, size, NULL, 0, &needed, &a->group);
    if (a->text_status != CK_NO_SPACE) {
        expect(a->text_status != CK_OK && needed == 0, "a text takes room, an error none");
    } else {
        size_t caps[3] = {1, needed - 1, needed};
        for (int k = 0; k < 3; k++) { /* what fits is written, nothing behind it is touched */
            free(a->text);
            a->text = allocate(caps[k]);
            a->text_status = ck_encode_structure(c, species, s->symprec, BUDGET, work, size, a->text, caps[k], &again, NULL);
            expect(a->text_status == (caps[k] < needed ? CK_NO_SPACE : CK_OK) && again == needed, "the number of bytes needed is reported");
        }
        a->length = needed;
    }
    free(work);
    if (c->n == 0) return;
    work = allocate(size - 1);
    ck_status status = ck_find_symmetry(c, s->symprec, BUDGET, work, size - 1, NULL, NULL, NULL, NULL);
    expect(status == CK_NO_SPACE || (status == CK_INVALID && a->found_status == CK_INVALID), "less work memory is refused");
    free(work);
}

static void free_answer(answer *a) { free(a->letters), free(a->orbits), free(a->ideal), free(a->text); }

static int are_finite(const double *values, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return 0;
    return 1;
}

static void symmetry_laws(const structure *s, const answer *a) {
    const ck_symmetry *f = &a->found;
    size_t n = s->crystal.n, heads = 0;
    expect(f->space_group >= 1 && f->space_group <= 230, "a space group");
    expect(f->symprec > 0 && f->symprec <= s->symprec, "the tolerance used is at most the one asked for");
    expect(f->distance >= 0 && f->distance <= f->symprec * (1 + 1e-5), "operations are within it");
    expect(f->n_operations >= 1 && 48 % f->n_operations == 0, "operations form a point group");
    expect(f->lattice_points >= 1 && n % f->lattice_points == 0, "primitive cells hold the same");
    expect(are_finite(f->axes, 9) && are_finite(f->origin, 3) && are_finite(f->lattice, 9), "the cell is of numbers");
    expect(are_finite(a->ideal, 3 * n), "ideal positions are numbers");
    for (size_t i = 0; i < n; i++) {
        uint32_t head = a->orbits[i], content = 0, order;
        uint8_t letter;
        expect(head <= i && a->orbits[head] == head, "an orbit is named by its first site");
        expect(s->labels[head] == s->labels[i] && a->letters[head] == a->letters[i], "an orbit has one species and one letter");
        expect(ck_canonical(f->space_group, &a->letters[i], &content, 1, &letter, &order) == CK_OK, "which the space group has");
        heads += head == i;
    }
    expect(heads == f->n_orbits, "orbits are counted");
}

/* A text of elements is a valid string and its ids give it back. */
static void text_laws(const answer *a) {
    ck_issue issues[8];
    uint32_t group = 0;
    size_t n_issues = ck_check(a->text, a->length, issues, 8, &group), n = 0, n_back = 0;
    expect(n_issues == 0 && group == a->group, "the string is valid");
    expect(a->length <= 80 + 8 * (size_t)a->found.n_orbits, "80 bytes and 8 an orbit suffice");
    uint16_t *ids = allocate((a->length + 2) * sizeof *ids);
    char *back = allocate(a->length);
    expect(ck_encode_compact(a->text, a->length, ids, a->length + 2, &n) == CK_OK, "it has ids");
    expect(ck_format(ids, n, back, a->length, &n_back) == CK_OK && n_back == a->length, "they have a text");
    expect(memcmp(a->text, back, n_back) == 0, "and it is the string");
    free(back);
    free(ids);
}

/* The crystal with its positions made exact. They may admit operations that the given ones missed narrowly; where they do
 * not, the string is the same. */
static void ideal_laws(const structure *s, const answer *a) {
    structure exact_one = *s;
    answer again;
    exact_one.crystal.positions = a->ideal;
    ask(&exact_one, &again);
    if (again.text_status == CK_OK && again.found.symprec >= s->symprec && again.found.n_operations == a->found.n_operations
        && again.found.lattice_points == a->found.lattice_points)
        expect(again.length == a->length && memcmp(again.text, a->text, a->length) == 0, "ideal positions have the same string");
    free_answer(&again);
}

void structures_laws(const uint8_t *bytes, size_t n) {
    structure s;
    answer a;
    read_structure(bytes, n, &s);
    ask(&s, &a);
    if (a.found_status == CK_OK) symmetry_laws(&s, &a);
    expect(a.found_status == a.text_status || a.text_status == CK_INVALID, "both functions agree on what has an answer");
    if (a.found_status == CK_OK && a.text_status == CK_OK) {
        expect(a.group == a.found.space_group, "and on the space group");
        if (!s.has_species && !s.occupancies) text_laws(&a);
        if (a.found.symprec >= s.symprec) ideal_laws(&s, &a);
    }
    free_answer(&a);
    free_structure(&s);
}
