#include <string.h>

#include "symmetry.h"

enum { UNKNOWN, IN, OUT }; /* status of a rotation */

typedef struct {
    work *w;
    const atoms *a;
    const automorphisms *lattice;
    group *g;
    uint8_t status[MOST_AUTOMORPHISMS];
} search;

static uint32_t *row(const search *s, unsigned k) { return s->g->permutation + k * s->a->n; }

static double distance_of(const search *s, unsigned r, const uint32_t *permutation, uint64_t *t) {
    return fmax(refine(s->w, s->a, s->lattice->r[r].m, permutation, t), s->lattice->distance[r]);
}

/* The same for an operation that was found, not multiplied: the residuals of it and of its inverse. They differ if the
 * rotation distorts the lattice. */
static double distance_both_ways(const search *s, unsigned r, const uint32_t *permutation, uint64_t *t) {
    double distance = distance_of(s, r, permutation, t);
    if (s->lattice->order[r] <= 2 || !within(distance, s->w->tolerance)) return distance;
    uint32_t *inverse = s->w->folded;
    uint64_t back[3];
    for (size_t i = 0; i < s->a->n; i++) inverse[permutation[i]] = (uint32_t)i;
    return fmax(distance, distance_of(s, s->lattice->inverse[r], inverse, back));
}

/* Look for the translations that make a rotation an operation, trying every atom of the rarest species as the image of its
 * first. Writes the first one within the tolerance into op and permutation, and returns their number: with `all` 0,
 * 1 or 2 (two are not a symmetry), otherwise 0 or 1. *matched: one or more were within 4 tolerances. */
static unsigned find_translations(search *s, unsigned r, int all, operation *op, uint32_t *permutation, int *matched) {
    const atoms *a = s->a;
    work *w = s->w;
    const int8_t *m = s->lattice->r[r].m;
    uint64_t x[3], y[3];
    size_t n_rotated = 0;
    unsigned found = 0;
    *matched = 0;
    place_of(a, 0, x);
    rotate(m, x, y);
    for (uint32_t q = a->start[0]; q < a->start[1] && !out_of_budget(w); q++) {
        uint64_t t[3] = {a->x[0][q] - y[0], a->x[1][q] - y[1], a->x[2][q] - y[2]};
        if (!match(w, a, m, &n_rotated, t, w->tolerance, w->trial)) continue;
        *matched = 1;
        double distance = distance_both_ways(s, r, w->trial, t);
        if (!within(distance, w->tolerance)) continue;
        if (found++) return 2;
        op->rotation = r;
        op->distance = distance;
        memcpy(op->t, t, sizeof op->t);
        memcpy(permutation, w->trial, a->n * sizeof *permutation);
        if (!all) return 1;
    }
    return found;
}

/* Add the product of two operations if it is new. Returns its index, the number of operations if it is known, or -1 if it is
 * not within the tolerance: then the operations are not a group. */
static int add_product(search *s, unsigned first, unsigned second) {
    group *g = s->g;
    const operation *p = &g->op[first], *q = &g->op[second];
    int r = multiply_rotations(s->lattice, p->rotation, s->lattice->r[q->rotation].m);
    if (r < 0) return -1;
    if (s->status[r] == IN) return (int)g->n;
    if (g->n == MOST_ROTATIONS) return -1;
    const uint32_t *a = row(s, first), *b = row(s, second);
    uint32_t *product = row(s, g->n);
    for (size_t i = 0; i < s->a->n; i++) product[i] = a[b[i]];
    operation *op = &g->op[g->n];
    op->rotation = (unsigned)r;
    op->distance = distance_of(s, (unsigned)r, product, op->t);
    if (!within(op->distance, s->w->tolerance) || out_of_budget(s->w)) return -1;
    s->status[r] = IN;
    return (int)g->n++;
}

/* Close the group again after op[size] was added to the group of the operations before it, coset by coset (Dimino). */
static int close_group(search *s, unsigned size) {
    group *g = s->g;
    for (unsigned k = 1; k < size; k++)
        if (add_product(s, k, size) < 0) return 0;
    for (unsigned coset = size; coset < g->n; coset += size)
        for (unsigned q = 0; q < g->n_generators; q++) {
            unsigned before = g->n;
            int added = add_product(s, coset, g->generator[q]);
            if (added < 0) return 0;
            if ((unsigned)added == before && g->n > before)
                for (unsigned k = 1; k < size; k++)
                    if (add_product(s, k, before) < 0) return 0;
        }
    return 1;
}

/* A rotation R that matches nowhere, not even within 4 tolerances, takes its coset with it: if R H were within one
 * tolerance, so would R H and H's inverse together bring R within two, and its atoms within four. */
static void exclude_coset(search *s, unsigned r) {
    for (unsigned k = 1; k < s->g->n; k++) {
        int z = multiply_rotations(s->lattice, r, s->lattice->r[s->g->op[k].rotation].m);
        if (z >= 0 && s->status[z] == UNKNOWN) s->status[z] = OUT;
    }
}

/* Inversion and operations of order above 2 generate most and exclude most. */
static int comes_first(const automorphisms *a, unsigned r) { return a->order[r] > 2 || (a->order[r] == 1 && a->determinant[r] < 0); }

static int grow_group(search *s) {
    group *g = s->g;
    int may_exclude = !s->w->binned; /* a match may be rejected early, by a hole or the spread */
    uint8_t nowhere[MOST_AUTOMORPHISMS] = {0};
    for (int pass = 0; pass < 2; pass++)
        for (unsigned r = 0; r < s->lattice->n; r++) {
            if (s->status[r] != UNKNOWN || (pass == 0 && !comes_first(s->lattice, r))) continue;
            int matched = 0;
            unsigned size = g->n;
            if (size < MOST_ROTATIONS && find_translations(s, r, 0, &g->op[size], row(s, size), &matched)) {
                s->status[r] = IN;
                g->generator[g->n_generators++] = size;
                g->n++;
                if (!close_group(s, size)) return 0;
                for (unsigned k = 0; may_exclude && k < s->lattice->n; k++)
                    if (nowhere[k]) exclude_coset(s, k);
            } else {
                s->status[r] = OUT;
                nowhere[r] = !matched;
                if (may_exclude && !matched) exclude_coset(s, r);
            }
            if (out_of_budget(s->w)) return 0;
        }
    return 1;
}

/* If the primitive cell almost has a further translation, two operations may share a rotation: test all of them, and check
 * that each rotation has one translation and that they form a group. */
static int try_all(search *s) {
    group *g = s->g;
    for (unsigned r = 0; r < s->lattice->n; r++) {
        int matched, identity = r == g->op[0].rotation;
        if (!identity && g->n == MOST_ROTATIONS) return 0;
        operation other, *op = identity ? &other : &g->op[g->n];
        unsigned found = find_translations(s, r, 1, op, identity ? s->w->folded : row(s, g->n), &matched);
        if (found > 1 || out_of_budget(s->w)) return 0;
        if (found == 0 || identity) continue;
        s->status[r] = IN;
        g->generator[g->n_generators++] = g->n++;
    }
    for (unsigned i = 0; i < g->n; i++)
        for (unsigned j = 0; j < g->n; j++) {
            int r = multiply_rotations(s->lattice, g->op[i].rotation, s->lattice->r[g->op[j].rotation].m);
            unsigned k = 0;
            if (r < 0 || s->status[r] != IN) return 0;
            while (g->op[k].rotation != (unsigned)r) k++;
            const uint32_t *a = row(s, i), *b = row(s, j), *product = row(s, k);
            for (size_t atom = 0; atom < s->a->n; atom++)
                if (product[atom] != a[b[atom]]) return 0;
        }
    return 1;
}

int find_operations(work *w, const atoms *crystal, int grey) {
    static const int8_t identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    search s = {.w = w, .a = crystal, .lattice = &w->lattice_group, .g = &w->symmetry};
    find_automorphisms(&crystal->cell, w->tolerance, &w->lattice_group);
    begin_matching(w, crystal);
    int r = find_rotation(s.lattice, identity);
    if (r < 0) return 0;
    w->symmetry.n = 1;
    w->symmetry.n_generators = 0;
    w->symmetry.op[0] = (operation){.rotation = (unsigned)r};
    for (size_t i = 0; i < crystal->n; i++) w->symmetry.permutation[i] = (uint32_t)i;
    s.status[r] = IN;
    return grey ? try_all(&s) : grow_group(&s);
}

static uint32_t root_of(uint32_t *parent, uint32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

void find_orbits(work *w, size_t n) {
    const group *g = &w->symmetry;
    for (size_t i = 0; i < n; i++) w->orbit[i] = (uint32_t)i, w->orbit_size[i] = 0;
    for (unsigned q = 0; q < g->n_generators; q++) {
        const uint32_t *permutation = g->permutation + g->generator[q] * n;
        for (size_t i = 0; i < n; i++) {
            uint32_t a = root_of(w->orbit, (uint32_t)i), b = root_of(w->orbit, permutation[i]);
            if (a < b) w->orbit[b] = a;
            else w->orbit[a] = b;
        }
    }
    for (size_t i = 0; i < n; i++) {
        w->orbit[i] = root_of(w->orbit, (uint32_t)i);
        w->orbit_size[w->orbit[i]]++;
    }
}
