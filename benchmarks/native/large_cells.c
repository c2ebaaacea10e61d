/* Symmetry of large cells: best CPU time of five, comparisons, bytes of work memory an atom. benchmarks/large_cells.py. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "symmetry.h"

enum { MOST = 32768 };

static double lattice_rows[9], positions[3 * MOST];
static int32_t labels[MOST];
static size_t n_atoms;

static uint32_t seed = 20261130;
static double uniform(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed / 4294967296.0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void set_cell(double edge) {
    for (int i = 0; i < 9; i++) lattice_rows[i] = i % 4 == 0 ? edge : 0;
}

/* side^3 cells of eight sites: diamond, or rock salt where the second four have another label. */
static void make_supercell(int side, double edge, int is_salt, double noise) {
    static const double face[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    n_atoms = 0;
    for (int i = 0; i < side * side * side; i++)
        for (int j = 0; j < 8; j++, n_atoms++) {
            int at[3] = {i % side, i / side % side, i / side / side};
            labels[n_atoms] = is_salt ? j < 4 ? 11 : 17 : 14;
            for (int k = 0; k < 3; k++)
                positions[3 * n_atoms + (size_t)k] = (at[k] + face[j % 4][k] + (j < 4 ? 0 : is_salt ? 0.5 : 0.25) + (2 * uniform() - 1) * noise / edge) / side;
        }
    set_cell(side * edge);
}

static void make_random(size_t n, double edge) {
    n_atoms = n;
    for (size_t i = 0; i < n; i++) labels[i] = 14;
    for (size_t i = 0; i < 3 * n; i++) positions[i] = uniform();
    set_cell(edge);
}

static void measure(const char *name) {
    ck_crystal crystal = {lattice_rows, positions, labels, n_atoms, NULL, 0};
    ck_symmetry found = {0};
    size_t size = ck_work_size(n_atoms);
    work *w = malloc(size);
    double best = 1e18;
    ck_status status = CK_OK;
    if (w == NULL) exit(1);
    for (int round = 0; round < 5; round++) {
        double start = now();
        status = ck_find_symmetry(&crystal, 1e-2, 0, w, size, &found, NULL, NULL, NULL);
        double took = now() - start;
        best = took < best ? took : best;
    }
    printf("%-38s %7zu %6u %6u %9.1f %13llu %11zu\n", name, n_atoms, (unsigned)status, (unsigned)found.space_group, best,
           (unsigned long long)w->comparisons, size / n_atoms);
    free(w);
}

int main(void) {
    char name[64];
    printf("%-38s %7s %6s %6s %9s %13s %11s\n", "crystal", "atoms", "status", "group", "ms", "comparisons", "bytes/atom");
    make_supercell(10, 5.64, 1, 0);
    measure("rock salt 10x10x10");
    n_atoms--;
    measure("rock salt 10x10x10, a vacancy");
    make_supercell(10, 5.43, 0, 0);
    measure("silicon 10x10x10");
    n_atoms--;
    measure("silicon 10x10x10, a vacancy");
    make_supercell(16, 5.43, 0, 0);
    measure("silicon 16x16x16");
    make_random(1000, 40);
    measure("random");
    make_random(10000, 150);
    measure("random");
    static const double NOISE[] = {0.001, 0.003, 0.0035, 0.004, 0.005, 0.007, 0.01, 0.02, 0.04};
    for (size_t k = 0; k < sizeof NOISE / sizeof *NOISE; k++) {
        make_supercell(8, 5.43, 0, NOISE[k]);
        sprintf(name, "silicon 8x8x8, noise %g angstrom", NOISE[k]);
        measure(name);
        make_supercell(8, 5.64, 1, NOISE[k]);
        sprintf(name, "rock salt 8x8x8, noise %g angstrom", NOISE[k]);
        measure(name);
    }
    return 0;
}
