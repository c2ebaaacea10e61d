/* The engine without Python: known crystals, a status for every bad input, the laws on random bytes, and a budget that is
 * kept. Exit code 0: all held. Built with sanitizers by test_core_in_c.py. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloudkit/scope.h"
#include "laws.h"

#define ROCK_SALT "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"

static const double CUBE[9] = {5.64, 0, 0, 0, 5.64, 0, 0, 0, 5.64};
static const double SALT[24] = {0, 0, 0, 0.5, 0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0.5, 0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0.5, 0.5, 0.5};
static const int32_t NUMBERS[8] = {11, 11, 11, 11, 17, 17, 17, 17};

static uint32_t seed = 20261130;
static uint32_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

static double uniform(void) { return draw() / 4294967296.0; }

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (memory == NULL) abort();
    return memory;
}

/* encode_structure in memory of the exact size; the text is kept until the next call. */
static char text[512];
static size_t length;

static ck_status encode(const ck_crystal *crystal, const ck_species *species, double symprec) {
    size_t size = ck_work_size(crystal->n);
    void *work = allocate(size + 1);
    ck_status status = ck_encode_structure(crystal, species, symprec, 0, work, size, text, sizeof text, &length, NULL);
    free(work);
    return status;
}

static void expect_text(const char *wanted) {
    if (length != strlen(wanted) || memcmp(text, wanted, length) != 0) fprintf(stderr, "%.*s\n", (int)length, text);
    expect(length == strlen(wanted) && memcmp(text, wanted, length) == 0, wanted);
}

static void known_crystals(void) {
    ck_crystal salt = {CUBE, SALT, NUMBERS, 8, NULL, 0};
    expect(encode(&salt, NULL, 1e-2) == CK_OK, "rock salt has a string");
    expect_text(ROCK_SALT " | Na 4a Cl 4b");

    double primitive[9] = {0, 2.82, 2.82, 2.82, 0, 2.82, -2.82, -2.82, 0}, places[6] = {0.1, 0.2, 0.3, 0.6, 0.7, 0.8}; /* left-handed */
    int32_t two[2] = {17, 11};
    ck_crystal small = {primitive, places, two, 2, NULL, 0};
    expect(encode(&small, NULL, 1e-2) == CK_OK, "so has its primitive cell");
    expect_text(ROCK_SALT " | Na 4a Cl 4b");

    ck_species species[2] = {{"Fe 0.25 Ni 0.75", 15, 7}, {"O", 1, 9}};
    int32_t labels[8] = {0, 0, 0, 0, 1, 1, 1, 1};
    ck_crystal mixed = {CUBE, SALT, labels, 8, NULL, 2};
    expect(encode(&mixed, species, 1e-2) == CK_OK, "so has a mixed crystal");
    expect_text(ROCK_SALT " | Fe 0.25 Ni 0.75 4a O 4b");

    double cell[9] = {4, 0, 0, 0, 4.1, 0, 0, 0, 4.2}, near[6] = {0.1, 0.1, 0.1, 0.1 + 0.08 / 4, 0.1, 0.1}, shares[2] = {0.5, 0.5};
    int32_t split[2] = {0, 1};
    ck_species halves[2] = {{"Na 0.5", 6, 0}, {"K 0.5", 5, 1}};
    ck_crystal alternatives = {cell, near, split, 2, shares, 2};
    expect(encode(&alternatives, halves, 1e-2) == CK_OK, "alternatives may be near each other");
    expect_text("0 2 b O O O j O O O 0 | Na 0.5 1a K 0.5 1a");

    double cube[9] = {8, 0, 0, 0, 8, 0, 0, 0, 8}, bond[6] = {0, 0, 0, 0.12, 0, 0};
    int32_t hydroxyl[2] = {8, 1};
    ck_crystal molecule = {cube, bond, hydroxyl, 2, NULL, 0};
    expect(encode(&molecule, NULL, 1) == CK_OK, "a symprec longer than a bond has an answer");
    expect(ck_check(text, length, NULL, 0, NULL) == 0, "that does not put two atoms on one point");
}

static ck_status find(const ck_crystal *crystal, double symprec, uint64_t budget, ck_symmetry *found) {
    size_t size = ck_work_size(crystal->n);
    void *work = allocate(size + 1);
    ck_status status = ck_find_symmetry(crystal, symprec, budget, work, size, found, NULL, NULL, NULL);
    free(work);
    return status;
}

static ck_status find_with(const double *lattice, const double *positions, const int32_t *labels, size_t n, double symprec) {
    ck_crystal crystal = {lattice, positions, labels, n, NULL, 0};
    return find(&crystal, symprec, 0, NULL);
}

static void bad_input(void) {
    static const double WRONG[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300};
    double lattice[9], positions[24];
    memcpy(lattice, CUBE, sizeof lattice);
    memcpy(positions, SALT, sizeof positions);
    expect(find_with(CUBE, SALT, NUMBERS, 8, 1e-2) == CK_OK, "rock salt has a group");
    expect(find_with(CUBE, SALT, NUMBERS, 0, 1e-2) == CK_BAD_CELL, "no site");
    expect(find_with(CUBE, SALT, NUMBERS, CK_MOST_SITES + (size_t)1, 1e-2) == CK_BAD_CELL, "too many sites");
    expect(ck_work_size(CK_MOST_SITES + (size_t)1) == 0 && ck_work_size(SIZE_MAX) == 0, "and no size for them");
    for (size_t k = 0; k < sizeof WRONG / sizeof *WRONG; k++) {
        for (size_t i = 0; i < 9; i++) {
            lattice[i] = WRONG[k];
            expect(find_with(lattice, SALT, NUMBERS, 8, 1e-2) == CK_BAD_CELL, "a cell of no numbers");
            lattice[i] = CUBE[i];
        }
        for (size_t i = 0; i < 24; i++) {
            positions[i] = WRONG[k];
            expect(find_with(CUBE, positions, NUMBERS, 8, 1e-2) == CK_BAD_CELL, "a place of no numbers");
            positions[i] = SALT[i];
        }
    }
    static const double PRECISIONS[] = {0, -0.0, -1e-2, NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < sizeof PRECISIONS / sizeof *PRECISIONS; k++)
        expect(find_with(CUBE, SALT, NUMBERS, 8, PRECISIONS[k]) == CK_INVALID, "symprec must be a positive number");
    static const double LARGE[] = {5e-324, 1e-300, 1, 6, 1e10, 1.7e308};
    for (size_t k = 0; k < sizeof LARGE / sizeof *LARGE; k++)
        expect(find_with(CUBE, SALT, NUMBERS, 8, LARGE[k]) == CK_OK, "any positive symprec has an answer, larger than the cell too");

    double flat[9] = {4, 0, 0, 0, 4, 0, 4, 4, 0}, negative[9] = {-4, 0, 0, 0, 4, 0, 0, 0, 4}, thin[9] = {0.3, 0, 0, 0, 9, 0, 0, 0, 9};
    double skewed[9] = {4, 0, 0, 4e4, 4, 0, -9e4, 8e4, 4}, long_one[9] = {1e5, 0, 0, 0, 1e5, 0, 0, 0, 1e5};
    double line[9] = {1e5, 1e5, 1e5, 1e5, 1e5, 1e5 - 1e-6, 1e5, 1e5 - 1e-6, 1e5};
    int32_t one = 14;
    expect(find_with(flat, SALT, &one, 1, 1e-2) == CK_BAD_CELL, "no volume");
    expect(find_with(negative, SALT, &one, 1, 1e-2) == CK_OK, "the hand of the axes does not matter");
    expect(find_with(thin, SALT, &one, 1, 1e-2) == CK_CONTACT, "a site meets its image");
    expect(find_with(skewed, SALT, &one, 1, 1e-2) == CK_OK, "a skewed cell");
    expect(find_with(long_one, SALT, &one, 1, 1e-2) == CK_OK, "the longest cell");
    expect(find_with(line, SALT, &one, 1, 1e-2) != CK_OK, "three vectors nearly on a line");
    memset(positions, 0, sizeof positions);
    expect(find_with(CUBE, positions, NUMBERS, 8, 1e-2) == CK_CONTACT, "all sites on one point");

    ck_crystal salt = {CUBE, SALT, NUMBERS, 8, NULL, 0};
    size_t size = ck_work_size(8);
    char work[16];
    expect(ck_find_symmetry(&salt, 1e-2, 0, work, sizeof work, NULL, NULL, NULL, NULL) == CK_NO_SPACE, "work memory too small");
    expect(ck_find_symmetry(&salt, 1e-2, 0, NULL, 0, NULL, NULL, NULL, NULL) == CK_NO_SPACE, "or none");
    expect(ck_encode_structure(&salt, NULL, 1e-2, 0, NULL, 0, NULL, 0, &size, NULL) == CK_NO_SPACE && size == 0, "and no text is promised");

    static const int32_t LABELS[] = {INT32_MIN, -1, 0, 119, INT32_MAX};
    int32_t numbers[8];
    double shares[119];
    ck_species species[119];
    for (size_t i = 0; i < 119; i++) shares[i] = 1, species[i] = (ck_species){"X", 1, 0};
    for (size_t k = 0; k < sizeof LABELS / sizeof *LABELS; k++) {
        for (size_t i = 0; i < 8; i++) numbers[i] = i < 4 ? 11 : LABELS[k];
        expect(find_with(CUBE, SALT, numbers, 8, 1e-2) == CK_OK, "the symmetry takes any labels");
        ck_crystal odd = {CUBE, SALT, numbers, 8, NULL, 0};
        expect(encode(&odd, NULL, 1e-2) == CK_INVALID, "an element's number is 1 to 118");
        odd.occupancies = shares, odd.n_labels = 119;
        int outside = LABELS[k] < 0 || LABELS[k] >= 119;
        expect(find(&odd, 1e-2, 0, NULL) == (outside ? CK_INVALID : CK_OK), "a label has an occupancy");
        expect(encode(&odd, NULL, 1e-2) == CK_INVALID, "and with occupancies, too, an element's number");
        odd.occupancies = NULL;
        expect(encode(&odd, species, 1e-2) == (outside ? CK_INVALID : CK_OK), "a label has a species");
    }
}

/* A crystal of n atoms in arrays. */
typedef struct { ck_crystal crystal; double lattice[9], *positions; int32_t *labels; } large;

static void begin_large(large *l, size_t n, double edge) {
    *l = (large){.lattice = {edge, 0, 0, 0, edge, 0, 0, 0, edge}};
    l->positions = allocate(3 * n * sizeof *l->positions);
    l->labels = allocate(n * sizeof *l->labels);
    for (size_t i = 0; i < n; i++) l->labels[i] = 14;
    l->crystal = (ck_crystal){l->lattice, l->positions, l->labels, n, NULL, 0};
}

static void free_large(large *l) { free(l->positions), free(l->labels); }

/* A simple cubic supercell, each atom moved by at most `noise` along each axis. */
static void make_grid(large *l, unsigned side, double noise) {
    begin_large(l, (size_t)side * side * side, 3.0 * side);
    for (unsigned i = 0; i < l->crystal.n; i++) {
        unsigned at[3] = {i % side, i / side % side, i / side / side};
        for (unsigned k = 0; k < 3; k++) l->positions[3 * i + k] = (at[k] + (2 * uniform() - 1) * noise / 3.0) / side;
    }
}

static void make_random(large *l, size_t n, double edge) {
    begin_large(l, n, edge);
    for (size_t i = 0; i < 3 * n; i++) l->positions[i] = uniform();
}

/* The answer comes within so many comparisons, on any machine. */
static void expect_within(const large *l, uint64_t budget, uint32_t space_group, const char *what) {
    ck_symmetry found = {0};
    expect(find(&l->crystal, 1e-2, budget, &found) == CK_OK, what);
    expect(found.space_group == space_group, what);
}

static void large_cells(void) {
    large l;
    make_grid(&l, 20, 0);
    expect_within(&l, 2000000, 221, "8,000 atoms of a supercell within 2 million comparisons");
    l.crystal.n--;
    expect_within(&l, 150000000, 221, "8,000 atoms less one within 150 million");
    free_large(&l);
    make_random(&l, 10000, 80);
    ck_status status = find(&l.crystal, 1e-2, 100000000, NULL);
    expect(status == CK_OK || status == CK_CONTACT, "10,000 random atoms within 100 million");
    free_large(&l);
    make_grid(&l, 16, 0.003);
    expect_within(&l, 300000000, 221, "4,096 atoms with noise below symprec within 300 million");
    free_large(&l);
    make_grid(&l, 16, 0.02);
    expect_within(&l, 300000000, 1, "4,096 atoms with noise above symprec within 300 million");
    free_large(&l);
}

static void million_atoms(void) {
    large l;
    make_grid(&l, 100, 0);
    ck_status status = find(&l.crystal, 1e-2, 10000000, NULL);
    expect(status == CK_OK || status == CK_TOO_HARD, "a million atoms in order");
    for (size_t i = 0; i < 3 * l.crystal.n; i++) l.positions[i] = uniform();
    for (size_t k = 0; k < 9; k++) l.lattice[k] *= 100;
    status = find(&l.crystal, 1e-2, 10000000, NULL);
    expect(status == CK_OK || status == CK_TOO_HARD || status == CK_CONTACT, "a million random atoms");
    for (size_t i = 0; i < 3 * l.crystal.n; i++) l.positions[i] *= 0.01; /* all in one corner, in one bin */
    expect(find(&l.crystal, 1e-2, 10000000, NULL) != CK_INVALID, "a million atoms in a corner");
    for (size_t i = 0; i < l.crystal.n; i++) l.labels[i] = (int32_t)((uint32_t)i << 21 | (uint32_t)i >> 11); /* share slots of the hash */
    expect(find(&l.crystal, 1e-2, 10000000, NULL) != CK_INVALID, "a million species whose labels collide");
    free_large(&l);
}

static void random_bytes(void) {
    uint8_t bytes[400];
    for (int round = 0; round < 1500; round++) {
        size_t n = draw() % sizeof bytes;
        for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)draw();
        if (n && round % 3) bytes[0] &= 0xfe; /* more crystals of simple fractions */
        structures_laws(bytes, n);
    }
}

int main(void) {
    known_crystals();
    bad_input();
    random_bytes();
    large_cells();
    million_atoms();
    puts("all laws held");
    return 0;
}
