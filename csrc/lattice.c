#include <string.h>

#include "symmetry.h"

static double dot(const double *u, const double *v) { return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]; }

typedef struct { double v[3]; int64_t c[3]; } step; /* a lattice vector, and its coefficients in the old basis */

static const int64_t LARGEST = INT64_C(1) << 40; /* of a coefficient */

/* Modulo 2^64: the coefficients may be large, the determinant of a basis is 1 or -1. */
static int64_t determinant_of(const step *a, const step *b, const step *c) {
    uint64_t m[9];
    for (int i = 0; i < 3; i++) m[i] = (uint64_t)a->c[i], m[3 + i] = (uint64_t)b->c[i], m[6 + i] = (uint64_t)c->c[i];
    return (int64_t)(m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]));
}

#ifdef __wasm__
typedef double wide; /* a long double would need a library there; cells skewed by 10^4 are still exact to 1e-8 angstrom */
#else
typedef long double wide;
#endif

/* The vector from its coefficients: rounding must not grow with the number of steps. */
static void recompute(step *s, const double *basis) {
    for (int i = 0; i < 3; i++)
        s->v[i] = (double)((wide)basis[3 * i] * (wide)s->c[0] + (wide)basis[3 * i + 1] * (wide)s->c[1] + (wide)basis[3 * i + 2] * (wide)s->c[2]);
}

/* Subtract the nearest multiple of one vector from another. Returns 0 if it is zero, -1 if numbers grow too large. */
static int shorten(step *a, const step *b) {
    double length = dot(b->v, b->v);
    if (!(length > 0)) return -1;
    double q = rint(dot(a->v, b->v) / length * (1 - 1e-9)); /* leave a tie at one half */
    if (q == 0) return 0;
    if (!(fabs(q) < 2147483648.0)) return -1;
    for (int i = 0; i < 3; i++) {
        a->v[i] -= q * b->v[i];
        a->c[i] -= (int64_t)q * b->c[i];
        if (a->c[i] > INT32_MAX || a->c[i] < -INT32_MAX) return -1;
    }
    return 1;
}

/* Lagrange steps between pairs: a cell skewed by 10^4 takes ten. */
static int shorten_pairs(step *s) {
    for (int round = 0, changed = 1; changed && round < 200; round++) {
        changed = 0;
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) {
                int done = a == b ? 0 : shorten(&s[a], &s[b]);
                if (done < 0) return 0;
                changed |= done;
            }
    }
    return 1;
}

/* Selling: make all six products of the superbase (a, b, c, -a-b-c) at most zero. Returns 0 if numbers grow too large. */
static int make_obtuse(step *s) {
    double tolerance = 1e-10 * (dot(s[0].v, s[0].v) + dot(s[1].v, s[1].v) + dot(s[2].v, s[2].v));
    for (int i = 0; i < 3; i++) s[3].v[i] = -(s[0].v[i] + s[1].v[i] + s[2].v[i]), s[3].c[i] = -(s[0].c[i] + s[1].c[i] + s[2].c[i]);
    for (int round = 0, changed = 1; changed && round < 200; round++) {
        changed = 0;
        for (int a = 0; a < 3 && !changed; a++)
            for (int b = a + 1; b < 4 && !changed; b++) {
                if (dot(s[a].v, s[b].v) <= tolerance) continue;
                changed = 1;
                for (int k = 0; k < 4; k++)
                    if (k != a && k != b)
                        for (int i = 0; i < 3; i++) s[k].v[i] += s[a].v[i], s[k].c[i] += s[a].c[i];
                for (int i = 0; i < 3; i++) s[a].v[i] = -s[a].v[i], s[a].c[i] = -s[a].c[i];
            }
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < 3; i++)
                if (s[k].c[i] > LARGEST || s[k].c[i] < -LARGEST) return 0;
    }
    return 1;
}

int reduce_basis(double *basis, int64_t *change) {
    step s[7];
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++) s[j].v[i] = basis[3 * i + j], s[j].c[i] = i == j;
    for (int pass = 0; pass < 2; pass++) { /* the second corrects rounding errors in a very skewed cell */
        if (!shorten_pairs(s)) return 0;
        for (int j = 0; j < 3; j++) recompute(&s[j], basis);
    }
    if (!make_obtuse(s)) return 0;
    /* the seven Delaunay vectors: those of the superbase, and the sums of two */
    for (int k = 1; k < 4; k++)
        for (int i = 0; i < 3; i++) s[3 + k].v[i] = s[0].v[i] + s[k].v[i], s[3 + k].c[i] = s[0].c[i] + s[k].c[i];
    double length[7];
    int by_length[7];
    for (int k = 0; k < 7; k++) {
        int j = k;
        for (length[k] = dot(s[k].v, s[k].v); j && length[by_length[j - 1]] > length[k]; j--) by_length[j] = by_length[j - 1];
        by_length[j] = k;
    }
    const step *chosen[3] = {&s[by_length[0]], &s[by_length[1]], NULL};
    int64_t volume = 0;
    for (int k = 2; k < 7 && volume != 1 && volume != -1; k++) {
        chosen[2] = &s[by_length[k]];
        volume = determinant_of(chosen[0], chosen[1], chosen[2]);
    }
    if (volume != 1 && volume != -1) return 0;
    double reduced[9];
    for (int j = 0; j < 3; j++) {
        step best = *chosen[j];
        recompute(&best, basis);
        for (int i = 0; i < 3; i++) reduced[3 * i + j] = best.v[i], change[3 * i + j] = best.c[i];
    }
    double hand = determinant_real(reduced) < 0 ? -1 : 1;
    for (int i = 0; i < 9; i++) basis[i] = hand * reduced[i], change[i] *= (int64_t)hand;
    return 1;
}

void set_lattice(lattice *cell, const double *basis) {
    memcpy(cell->basis, basis, sizeof cell->basis);
    invert_real(basis, cell->inverse);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++)
            cell->metric[3 * i + j] = basis[i] * basis[j] + basis[3 + i] * basis[3 + j] + basis[6 + i] * basis[6 + j];
        const double *row = cell->inverse + 3 * i;
        cell->reach[i] = sqrt(dot(row, row));
    }
}

/* ---- rotations of the lattice ---- */

/* A rotation's entries are -1, 0 or 1. A column, plus one each, goes into one number, ten bits a row, so that a product
 * of two rotations is three multiplications; an entry out of range leaves bits outside of these. */
enum { FIELDS = 0x00300c03, ONES = 1 | 1 << 10 | 1 << 20 };

static int32_t pack_column(const int8_t *m, int j) { return m[j] + m[3 + j] * 1024 + m[6 + j] * 1048576; }

static unsigned slot_of(uint32_t code) { return code * 2654435761u >> 24; }

static int find_code(const automorphisms *a, uint32_t code) {
    for (unsigned slot = slot_of(code);; slot = (slot + 1) & 255) {
        unsigned k = a->slot[slot];
        if (k == 255) return -1;
        if (a->code[k] == code) return (int)k;
    }
}

int find_rotation(const automorphisms *a, const int8_t *m) {
    uint32_t code = 0;
    for (int i = 0; i < 9; i++)
        if (m[i] < -1 || m[i] > 1) return -1;
    for (int j = 0; j < 3; j++) code |= (uint32_t)(pack_column(m, j) + ONES) << 2 * j;
    return find_code(a, code);
}

int multiply_rotations(const automorphisms *a, unsigned first, const int8_t *second) {
    const int32_t *column = a->column[first];
    uint32_t code = 0;
    for (int j = 0; j < 3; j++) {
        int32_t sum = column[0] * second[j] + column[1] * second[3 + j] + column[2] * second[6 + j] + ONES;
        if (sum & ~FIELDS) return -1;
        code |= (uint32_t)sum << 2 * j;
    }
    return find_code(a, code);
}

static void add_rotation(automorphisms *a, const int8_t *u, const int8_t *v, const int8_t *w, int volume, double distance) {
    rotation *r = &a->r[a->n];
    for (int i = 0; i < 3; i++) r->m[3 * i] = u[i], r->m[3 * i + 1] = v[i], r->m[3 * i + 2] = w[i];
    static const int8_t order_of_trace[5] = {2, 3, 4, 6, 1}; /* -1, 0, 1, 2, 3 */
    int trace = (u[0] + v[1] + w[2]) * volume;
    a->order[a->n] = order_of_trace[trace + 1];
    a->determinant[a->n] = (int8_t)volume;
    a->distance[a->n] = distance;
    uint32_t code = 0;
    for (int j = 0; j < 3; j++) {
        a->column[a->n][j] = pack_column(r->m, j);
        code |= (uint32_t)(a->column[a->n][j] + ONES) << 2 * j;
    }
    a->code[a->n] = code;
    unsigned slot = slot_of(code);
    while (a->slot[slot] != 255) slot = (slot + 1) & 255;
    a->slot[slot] = (uint8_t)a->n++;
}

/* The vectors onto which a rotation can map the basis vectors of a reduced cell; opposite ones are adjacent. */
static const int8_t VECTORS[26][3] = {
    {1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}, {1, 1, 0}, {-1, -1, 0}, {1, -1, 0}, {-1, 1, 0},
    {1, 0, 1}, {-1, 0, -1}, {1, 0, -1}, {-1, 0, 1}, {0, 1, 1}, {0, -1, -1}, {0, 1, -1}, {0, -1, 1}, {1, 1, 1}, {-1, -1, -1},
    {1, 1, -1}, {-1, -1, 1}, {1, -1, 1}, {-1, 1, -1}, {-1, 1, 1}, {1, -1, -1}};

typedef struct {
    const double *metric;
    double tolerance;
    double image[26][3], length[26]; /* metric times vector; length in angstrom */
} vectors;

static double product(const vectors *s, int u, int v) {
    return VECTORS[u][0] * s->image[v][0] + VECTORS[u][1] * s->image[v][1] + VECTORS[u][2] * s->image[v][2];
}

/* The error, in angstrom, of the angle between two vectors: the sine of its difference from that of two others, times their
 * mean length. Negative if it exceeds the tolerance. */
static double angle_distance(const vectors *s, int u, int v, int u0, int v0) {
    double wanted = product(s, u0, v0), found = product(s, u, v), reach = s->length[u0] + s->length[v0];
    if (fabs(found - wanted) > 3 * s->tolerance * reach) return -1; /* reject early: the cosine alone is too far off */
    double c0 = wanted / (s->length[u0] * s->length[v0]), c = found / (s->length[u] * s->length[v]);
    double sine = sqrt(fmax(0, 1 - c * c)) * c0 - c * sqrt(fmax(0, 1 - c0 * c0));
    double distance = fabs(sine) * 0.5 * sqrt((s->length[u] + s->length[u0]) * (s->length[v] + s->length[v0]));
    return within(distance, s->tolerance) ? distance : -1;
}

/* A rotation has the error of its inverse if that is larger, and is rejected if the inverse exceeds the tolerance. */
static void pair_inverses(automorphisms *a) {
    for (unsigned r = 0; r < a->n; r++) {
        int k = (int)r;
        if (a->order[r] > 2) {
            int8_t inverse[9];
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++) {
                    const int8_t *m = a->r[r].m;
                    int p = (i + 1) % 3, q = (i + 2) % 3, u = (j + 1) % 3, v = (j + 2) % 3;
                    inverse[3 * j + i] = (int8_t)((m[3 * p + u] * m[3 * q + v] - m[3 * p + v] * m[3 * q + u]) * a->determinant[r]);
                }
            k = find_rotation(a, inverse);
        }
        a->inverse[r] = k < 0 ? (uint8_t)r : (uint8_t)k;
        if (k < 0) a->distance[r] = INFINITY;
    }
    for (unsigned r = 0; r < a->n; r++)
        if (a->distance[a->inverse[r]] > a->distance[r]) a->distance[r] = a->distance[a->inverse[r]];
}

void find_automorphisms(const lattice *cell, double tolerance, automorphisms *out) {
    vectors s = {.metric = cell->metric, .tolerance = tolerance};
    for (int k = 0; k < 26; k++) {
        if (k & 1) { /* the opposite of the previous vector */
            for (int i = 0; i < 3; i++) s.image[k][i] = -s.image[k - 1][i];
            s.length[k] = s.length[k - 1];
            continue;
        }
        for (int i = 0; i < 3; i++)
            s.image[k][i] = cell->metric[3 * i] * VECTORS[k][0] + cell->metric[3 * i + 1] * VECTORS[k][1] + cell->metric[3 * i + 2] * VECTORS[k][2];
        s.length[k] = sqrt(VECTORS[k][0] * s.image[k][0] + VECTORS[k][1] * s.image[k][1] + VECTORS[k][2] * s.image[k][2]);
    }
    int like[3][26], n_like[3] = {0, 0, 0}; /* the vectors as long as a, b and c */
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 26; k++)
            if (within(fabs(s.length[k] - s.length[2 * i]), tolerance)) like[i][n_like[i]++] = k;
    out->n = 0;
    memset(out->slot, 255, sizeof out->slot);
    for (int a = 0; a < n_like[0]; a++)
        for (int b = 0; b < n_like[1]; b++) {
            int u = like[0][a], v = like[1][b];
            if (u >> 1 == v >> 1) continue;
            double uv = angle_distance(&s, u, v, 0, 2);
            if (uv < 0) continue;
            for (int c = 0; c < n_like[2]; c++) {
                int w = like[2][c];
                const int8_t *p = VECTORS[u], *q = VECTORS[v], *r = VECTORS[w];
                int volume = p[0] * (q[1] * r[2] - q[2] * r[1]) - q[0] * (p[1] * r[2] - p[2] * r[1]) + r[0] * (p[1] * q[2] - p[2] * q[1]);
                if (volume != 1 && volume != -1) continue;
                double vw = angle_distance(&s, v, w, 2, 4), uw = vw < 0 ? -1 : angle_distance(&s, u, w, 0, 4);
                if (uw < 0) continue;
                int trace = (p[0] + q[1] + r[2]) * volume;
                if (trace < -1 || trace > 3 || out->n == MOST_AUTOMORPHISMS) continue; /* of no finite order: not a rotation */
                double distance = fmax(uv, fmax(vw, uw));
                for (int i = 0; i < 3; i++) {
                    int image = i == 0 ? u : i == 1 ? v : w;
                    distance = fmax(distance, fabs(s.length[image] - s.length[2 * i]));
                }
                add_rotation(out, p, q, r, volume, distance);
            }
        }
    pair_inverses(out);
}
