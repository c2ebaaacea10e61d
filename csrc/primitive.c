#include <string.h>

#include "symmetry.h"

static const int8_t IDENTITY[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

enum { MOST_DIVISORS = 256 }; /* of a number up to 10^7 */

typedef struct { uint32_t n, d[MOST_DIVISORS]; } divisors;

static uint32_t gcd(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* The greatest common divisor of the numbers of atoms per species: pure translations act freely, so their number divides it. */
static uint32_t common_count(const atoms *a) {
    uint32_t g = 0;
    for (size_t s = 0; s < a->n_species; s++) g = gcd(a->start[s + 1] - a->start[s], g);
    return g;
}

/* Divisors above 1. */
static void find_divisors(uint32_t g, divisors *out) {
    out->n = 0;
    for (uint32_t d = 1; d * d <= g && out->n + 2 <= MOST_DIVISORS; d++) {
        if (g % d) continue;
        if (d > 1) out->d[out->n++] = d;
        if (d * d != g) out->d[out->n++] = g / d;
    }
}

/* A translation within the tolerance returns to the start after m steps, each off by at most twice the tolerance. */
static int may_be_periodic(const atoms *a, const uint64_t *t, const divisors *orders, double tolerance) {
    for (uint32_t k = 0; k < orders->n; k++) {
        uint32_t m = orders->d[k];
        double limit = 2 * m * tolerance;
        if (square(a->cell.metric, to_real(t[0] * m), to_real(t[1] * m), to_real(t[2] * m)) <= limit * limit) return 1;
    }
    return 0;
}

static void translation_to(const atoms *a, size_t from, size_t to, uint64_t *t) {
    for (int k = 0; k < 3; k++) t[k] = a->x[k][to] - a->x[k][from];
}

/* The lattice that `old` and a translation of order m span together, reduced. step: old coordinates to new. */
static int finer_lattice(const lattice *old, const uint64_t *t, int64_t m, lattice *out, int64_t *step) {
    int64_t rows[3][3] = {{m, 0, 0}, {0, m, 0}, {0, 0, m}}, v[3]; /* in units of 1/m */
    for (int k = 0; k < 3; k++) v[k] = (int64_t)rint(to_real(t[k]) * (double)m);
    for (int k = 0; k < 3; k++) { /* Hermite form: Euclid on each column; the following entries count modulo m */
        while (v[k]) {
            int64_t q = rows[k][k] / v[k];
            for (int j = 0; j < 3; j++) {
                int64_t rest = rows[k][j] - q * v[j];
                rows[k][j] = v[j], v[j] = rest;
            }
        }
        for (int j = k + 1; j < 3; j++) rows[k][j] %= m, v[j] %= m;
    }
    if (fabs((double)rows[0][0] * (double)rows[1][1] * (double)rows[2][2]) != (double)m * (double)m) return 0; /* one new lattice point in m */
    double basis[9];
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++)
            basis[3 * i + j] = (old->basis[3 * i] * (double)rows[j][0] + old->basis[3 * i + 1] * (double)rows[j][1]
                                + old->basis[3 * i + 2] * (double)rows[j][2]) / (double)m;
    int64_t change[9];
    if (!reduce_basis(basis, change)) return 0;
    set_lattice(out, basis);
    double real[9];
    multiply_real(out->inverse, old->basis, real);
    for (int i = 0; i < 9; i++) step[i] = (int64_t)rint(real[i]);
    return 1;
}

/* Merge the atoms that a translation of order m maps onto each other; each becomes the mean of its m images.
 * Writes the new crystal into `out` and the new index of each atom into w->folded. Returns 0 if it does not act freely. */
static int fold(work *w, const atoms *a, const uint32_t *permutation, uint32_t m, atoms *out) {
    uint64_t t[3];
    int64_t step[9];
    refine(w, a, IDENTITY, permutation, t);
    if (!finer_lattice(&a->cell, t, m, &out->cell, step)) return 0;
    out->n_species = a->n_species;
    for (size_t s = 0; s <= a->n_species; s++) {
        if (a->start[s] % m) return 0;
        out->start[s] = a->start[s] / m;
    }
    memset(w->folded, 255, a->n * sizeof *w->folded);
    out->n = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (w->folded[i] != UINT32_MAX) continue;
        uint64_t first[3] = {0, 0, 0};
        double sum[3] = {0, 0, 0};
        size_t j = i;
        for (uint32_t image = 0; image < m; image++, j = permutation[j]) {
            if (w->folded[j] != UINT32_MAX || out->n >= a->n / m) return 0;
            w->folded[j] = (uint32_t)out->n;
            for (int k = 0; k < 3; k++) {
                uint64_t y = 0;
                for (int l = 0; l < 3; l++) y += (uint64_t)step[3 * k + l] * a->x[l][j];
                if (image == 0) first[k] = y;
                sum[k] += to_real(y - first[k]);
            }
        }
        if (j != i) return 0;
        for (int k = 0; k < 3; k++) out->x[k][out->n] = first[k] + from_real(sum[k] / m);
        out->species[out->n++] = a->species[i];
    }
    return 1;
}

static atoms *other_buffer(work *w, const atoms *a) { return a == &w->buffer[1] ? &w->buffer[2] : &w->buffer[1]; }

/* fold(), and update the map from sorted sites to primitive atoms and the permutations still to be folded. */
static atoms *fold_along(work *w, const atoms *a, const uint32_t *permutation, uint32_t m, uint32_t *rows, size_t n_rows) {
    atoms *out = other_buffer(w, a);
    if (!fold(w, a, permutation, m, out)) return NULL;
    for (size_t i = 0; i < w->buffer[0].n; i++) w->primitive[i] = w->folded[w->primitive[i]];
    for (size_t row = 0; row < n_rows; row++) {
        uint32_t *p = rows + row * w->buffer[0].n;
        for (size_t i = 0; i < a->n; i++) p[w->folded[i]] = w->folded[p[i]]; /* folded[i] <= i: read before it is written */
    }
    return out;
}

static uint32_t cycle_length(const uint32_t *permutation, uint32_t start) {
    uint32_t length = 1;
    for (uint32_t at = permutation[start]; at != start; at = permutation[at]) length++;
    return length;
}

/* Perfect supercells first: fold on a translation that is far within the tolerance, and search again in the smaller cell.
 * A supercell of 8,000 atoms then takes 8 foldings, not 4,000 translations. Returns NULL if there is none. */
static atoms *fold_perfect(work *w, const atoms *a, double tolerance) {
    divisors orders;
    find_divisors(common_count(a), &orders);
    size_t n_rotated = 0;
    begin_matching(w, a);
    for (uint32_t q = a->start[0] + 1; q < a->start[1]; q++) {
        uint64_t t[3];
        translation_to(a, a->start[0], q, t);
        if (out_of_budget(w)) return NULL;
        if (!may_be_periodic(a, t, &orders, tolerance)) continue;
        if (!match(w, a, IDENTITY, &n_rotated, t, tolerance, w->trial)) continue;
        if (refine(w, a, IDENTITY, w->trial, t) > tolerance) continue;
        atoms *out = fold_along(w, a, w->trial, cycle_length(w->trial, a->start[0]), NULL, 0);
        if (out) return out;
    }
    return NULL;
}

/* The translations within the tolerance as a list of generators: row k of `generators` has the relative order order[k]. */
typedef struct {
    unsigned n;
    uint32_t order[32], *generators, *walk;
    size_t n_elements, stride;
    uint8_t *reached; /* of the atoms of the first species: the translation to it is in the group */
} translations;

/* Visit every product of `current` with the elements that the first `level` generators span: mark it as reached, and check
 * that it is within the tolerance. */
static int visit(work *w, const atoms *a, translations *g, const uint32_t *current, unsigned level) {
    if (level == 0) {
        uint64_t t[3];
        g->reached[current[a->start[0]]] = 1;
        g->n_elements++;
        return within(refine(w, a, IDENTITY, current, t), w->tolerance) && !out_of_budget(w);
    }
    uint32_t *row = g->walk + (level - 1) * g->stride;
    const uint32_t *generator = g->generators + (level - 1) * g->stride;
    for (uint32_t power = 0; power < g->order[level - 1]; power++) {
        if (!visit(w, a, g, power ? row : current, level - 1)) return 0;
        const uint32_t *last = power ? row : current;
        for (size_t i = 0; i < a->n; i++) row[i] = generator[last[i]];
    }
    return 1;
}

/* Extend the group by w->trial: all its powers times all elements so far. */
static int extend(work *w, const atoms *a, translations *g) {
    if (g->n == w->most_levels) return 0;
    uint32_t *generator = g->generators + g->n * g->stride, *power = g->walk + g->n * g->stride, order = 1;
    memcpy(generator, w->trial, a->n * sizeof *generator);
    memcpy(power, w->trial, a->n * sizeof *power);
    while (!g->reached[power[a->start[0]]]) {
        if (!visit(w, a, g, power, g->n)) return 0;
        for (size_t i = 0; i < a->n; i++) power[i] = generator[power[i]];
        order++;
    }
    g->order[g->n++] = order;
    return 1;
}

int fold_to_primitive(work *w, atoms **crystal, int *grey) {
    atoms *a = &w->buffer[0];
    *grey = 0;
    for (size_t i = 0; i < a->n; i++) w->primitive[i] = (uint32_t)i;
    for (atoms *next = a; next;) {
        a = next;
        next = common_count(a) > 1 ? fold_perfect(w, a, w->tolerance / 64) : NULL;
    }
    *crystal = a;
    divisors orders;
    find_divisors(common_count(a), &orders);
    if (orders.n == 0) return 1;
    translations g = {.generators = w->levels, .walk = w->levels + w->most_levels * w->buffer[0].n,
                      .n_elements = 1, .stride = w->buffer[0].n, .reached = w->reached};
    memset(g.reached, 0, a->n);
    g.reached[a->start[0]] = 1;
    size_t n_rotated = 0;
    begin_matching(w, a);
    for (uint32_t q = a->start[0] + 1; q < a->start[1]; q++) {
        uint64_t t[3];
        double radius = *grey ? w->tolerance : 2 * w->tolerance; /* one near-translation is enough */
        translation_to(a, a->start[0], q, t);
        if (g.reached[q] || !may_be_periodic(a, t, &orders, radius)) continue;
        if (!match(w, a, IDENTITY, &n_rotated, t, radius, w->trial)) {
            if (out_of_budget(w)) return 0;
            continue;
        }
        double distance = refine(w, a, IDENTITY, w->trial, t);
        if (within(distance, w->tolerance)) {
            if (!extend(w, a, &g)) return 0;
        } else if (within(distance, 2 * w->tolerance)) {
            *grey = 1;
        }
    }
    if (common_count(a) % g.n_elements) return 0;
    for (unsigned k = 0; k < g.n; k++) {
        a = fold_along(w, a, g.generators + k * g.stride, g.order[k], g.generators + (k + 1) * g.stride, g.n - k - 1);
        if (!a) return 0;
    }
    *crystal = a;
    return 1;
}
