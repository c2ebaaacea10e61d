#include <string.h>

#include "symmetry.h"

enum { MOST_UNBINNED = 64 }; /* with fewer atoms, scanning a species is faster than bins */

/* A ball as a box in fixed point: |d| <= half along each axis, tested with one comparison each. */
typedef struct { uint64_t half[3], width[3]; double square; } ball;

static ball ball_of(const atoms *a, double radius) {
    ball b = {.square = radius * radius};
    for (int i = 0; i < 3; i++) {
        double edges = a->cell.reach[i] * radius;
        int fits = edges < 0.49; /* otherwise the entire cell: the test must pass for any difference */
        b.half[i] = fits ? (uint64_t)(edges * UNIT) + 2 : UINT64_C(1) << 63;
        b.width[i] = fits ? 2 * b.half[i] : UINT64_MAX;
    }
    return b;
}

/* Sites of a supercell are at simple fractions, as are the faces of bins: a ball around a site would then overlap eight
 * bins. So shift the bins by an irrational-like fraction of a bin. */
static inline uint32_t bin_along(const work *w, uint64_t x, uint32_t bins) { return (uint32_t)(((x + w->bin_offset) >> 32) * bins >> 32); }

static void fill_bins(work *w, const atoms *a) {
    uint32_t side = (uint32_t)cbrt((double)a->n), total;
    for (int i = 0; i < 3; i++) w->bins[i] = side;
    w->bin_offset = (uint64_t)(0.381966 * UNIT) / side;
    total = side * side * side;
    memset(w->bin_start, 0, (total + 1) * sizeof *w->bin_start);
    for (size_t i = 0; i < a->n; i++) {
        uint32_t bin = 0;
        for (int k = 0; k < 3; k++) bin = bin * side + bin_along(w, a->x[k][i], side);
        w->bin_of[i] = bin;
        w->bin_start[bin]++;
    }
    uint32_t end = 0;
    for (uint32_t bin = 0; bin <= total; bin++) w->bin_start[bin] = end += bin < total ? w->bin_start[bin] : 0;
    for (size_t i = a->n; i-- > 0;) w->bin_atom[--w->bin_start[w->bin_of[i]]] = (uint32_t)i;
}

void begin_matching(work *w, const atoms *a) {
    w->n_holes = w->n_suspects = 0;
    w->binned = a->n > MOST_UNBINNED;
    if (w->binned) fill_bins(w, a);
}

/* Is the atom a better match than the best so far: nearer, and in the ball? */
static inline int is_nearer(const atoms *a, size_t atom, const uint64_t *y, const ball *b, double *best) {
    uint64_t d[3] = {y[0] - a->x[0][atom], y[1] - a->x[1][atom], y[2] - a->x[2][atom]};
    if (!((d[0] + b->half[0] <= b->width[0]) & (d[1] + b->half[1] <= b->width[1]) & (d[2] + b->half[2] <= b->width[2]))) return 0;
    double found = square(a->cell.metric, to_real(d[0]), to_real(d[1]), to_real(d[2]));
    if (!(found <= *best)) return 0;
    *best = found;
    return 1;
}

/* The bins that overlap the box of a ball, each once. */
typedef struct { uint32_t low[3], count[3], n; } bin_range;

static inline bin_range bins_around(const work *w, const uint64_t *y, const ball *b) {
    bin_range range = {.n = 1};
    for (int k = 0; k < 3; k++) {
        uint32_t bins = w->bins[k];
        range.low[k] = bin_along(w, y[k] - b->half[k], bins);
        range.count[k] = (bin_along(w, y[k] + b->half[k], bins) + bins - range.low[k]) % bins + 1;
        if (b->half[k] > UINT64_MAX / 4) range.low[k] = 0, range.count[k] = bins; /* a box that may wrap onto itself */
        range.n *= range.count[k];
    }
    return range;
}

static inline uint32_t nth_bin(const work *w, const bin_range *r, uint32_t n) {
    uint32_t at[3] = {n / (r->count[2] * r->count[1]), n / r->count[2] % r->count[1], n % r->count[2]}, bin = 0;
    for (int k = 0; k < 3; k++) bin = bin * w->bins[k] + (r->low[k] + at[k]) % w->bins[k];
    return bin;
}

/* The atom of a species nearest to a position, within the ball around it; -1 if there is none. */
static int64_t find_atom(work *w, const atoms *a, uint32_t species, const uint64_t *y, const ball *b) {
    int64_t nearest = -1;
    double best = b->square;
    if (!w->binned) {
        uint32_t first = a->start[species], end = a->start[species + 1];
        w->comparisons += end - first;
        for (uint32_t i = first; i < end; i++)
            if (is_nearer(a, i, y, b, &best)) nearest = i;
        return nearest;
    }
    bin_range range = bins_around(w, y, b);
    for (uint32_t n = 0; n < range.n; n++) {
        uint32_t bin = nth_bin(w, &range, n);
        w->comparisons += w->bin_start[bin + 1] - w->bin_start[bin] + 1;
        for (uint32_t at = w->bin_start[bin]; at < w->bin_start[bin + 1]; at++) {
            uint32_t atom = w->bin_atom[at];
            if (a->species[atom] == species && is_nearer(a, atom, y, b, &best)) nearest = atom;
        }
    }
    return nearest;
}

/* A hole is a position without an atom of a species within 4 tolerances. An operation within one tolerance that maps an atom
 * to within one tolerance of a hole would have its partner within three: so the pre-image of a hole must have no atom. */
static int fills_a_hole(work *w, const atoms *a, const int8_t *r, const uint64_t *t, double tolerance) {
    if (w->n_holes == 0) return 0;
    int32_t m[9], inverse[9];
    int8_t back[9];
    for (int i = 0; i < 9; i++) m[i] = r[i];
    adjugate(m, inverse);
    int32_t d = determinant(m);
    for (int i = 0; i < 9; i++) back[i] = (int8_t)(inverse[i] * d);
    ball b = ball_of(a, tolerance);
    for (unsigned h = 0; h < w->n_holes; h++) {
        uint64_t moved[3], place[3];
        for (int k = 0; k < 3; k++) moved[k] = w->hole[h][k] - t[k];
        rotate(back, moved, place);
        uint32_t species = w->hole_species[h];
        if (find_atom(w, a, species, place, &b) < 0) continue;
        for (unsigned k = h; k > 0; k--) { /* most recent first */
            memcpy(w->hole[k], w->hole[k - 1], sizeof w->hole[k]);
            w->hole_species[k] = w->hole_species[k - 1];
        }
        w->hole_species[0] = species;
        for (int k = 0; k < 3; k++) w->hole[0][k] = moved[k] + t[k];
        return 1;
    }
    return 0;
}

static void note_hole(work *w, uint32_t species, const uint64_t *y) {
    if (w->n_holes < MOST_HOLES) w->n_holes++;
    for (unsigned k = w->n_holes - 1; k > 0; k--) {
        memcpy(w->hole[k], w->hole[k - 1], sizeof w->hole[k]);
        w->hole_species[k] = w->hole_species[k - 1];
    }
    memcpy(w->hole[0], y, sizeof w->hole[0]);
    w->hole_species[0] = species;
}

/* The deviations of the atoms so far: along no direction may they spread by more than two tolerances if the operation is
 * within one. Directions: the axes, and sums and differences of two or three. */
enum { N_DIRECTIONS = 13 };

typedef struct {
    int64_t low[N_DIRECTIONS], high[N_DIRECTIONS];
    uint32_t lowest[N_DIRECTIONS], highest[N_DIRECTIONS]; /* the atoms there */
    uint64_t limit[N_DIRECTIONS];
} spread;

static const int8_t DIRECTIONS[N_DIRECTIONS][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {1, -1, 0}, {1, 0, 1}, {1, 0, -1},
                                                   {0, 1, 1}, {0, 1, -1}, {1, 1, 1}, {1, 1, -1}, {1, -1, 1}, {-1, 1, 1}};

static void begin_spread(spread *s, const atoms *a, double tolerance) {
    for (int n = 0; n < N_DIRECTIONS; n++) {
        double across[3], edges;
        for (int i = 0; i < 3; i++)
            across[i] = DIRECTIONS[n][0] * a->cell.inverse[i] + DIRECTIONS[n][1] * a->cell.inverse[3 + i] + DIRECTIONS[n][2] * a->cell.inverse[6 + i];
        edges = 2 * tolerance * sqrt(across[0] * across[0] + across[1] * across[1] + across[2] * across[2]);
        s->low[n] = s->high[n] = 0; /* of the first atom, whose image determines t */
        s->lowest[n] = s->highest[n] = 0;
        s->limit[n] = edges < 0.2 ? (uint64_t)(edges * UNIT) + 2 : UINT64_MAX;
    }
}

/* A displaced atom rules out many operations: test it first from now on. */
static void note_suspect(work *w, uint32_t atom) {
    unsigned k = 0;
    while (k < w->n_suspects && w->suspect[k] != atom) k++;
    if (k == w->n_suspects && w->n_suspects < MOST_SUSPECTS) w->n_suspects++;
    if (k == MOST_SUSPECTS) k--;
    memmove(w->suspect + 1, w->suspect, k * sizeof *w->suspect);
    w->suspect[0] = atom;
}

/* Include the deviation of an atom from its partner. */
static int widen(work *w, spread *s, const atoms *a, uint32_t atom, size_t partner, const uint64_t *y) {
    uint64_t d[3] = {a->x[0][partner] - y[0], a->x[1][partner] - y[1], a->x[2][partner] - y[2]};
    uint64_t sums[N_DIRECTIONS] = {d[0], d[1], d[2], d[0] + d[1], d[0] - d[1], d[0] + d[2], d[0] - d[2],
                                   d[1] + d[2], d[1] - d[2], d[0] + d[1] + d[2], d[0] + d[1] - d[2], d[0] - d[1] + d[2], d[1] + d[2] - d[0]};
    for (int n = 0; n < N_DIRECTIONS; n++) {
        int64_t along = (int64_t)sums[n]; /* wraps only if there is no limit */
        if (along < s->low[n]) s->low[n] = along, s->lowest[n] = atom;
        if (along > s->high[n]) s->high[n] = along, s->highest[n] = atom;
        if ((uint64_t)s->high[n] - (uint64_t)s->low[n] <= s->limit[n]) continue;
        note_suspect(w, s->lowest[n]);
        note_suspect(w, s->highest[n]);
        return 0;
    }
    return 1;
}

/* The suspects have partners, and their deviations do not spread too far. */
static int suspects_match(work *w, const atoms *a, const int8_t *r, const uint64_t *t, const ball *b, spread *left) {
    for (unsigned k = 0; k < w->n_suspects; k++) {
        uint64_t x[3], y[3];
        uint32_t atom = w->suspect[k];
        place_of(a, atom, x);
        rotate(r, x, y);
        for (int i = 0; i < 3; i++) y[i] += t[i];
        int64_t partner = find_atom(w, a, a->species[atom], y, b);
        if (partner < 0) {
            note_hole(w, a->species[atom], y);
            return 0;
        }
        if (!widen(w, left, a, atom, (size_t)partner, y)) return 0;
    }
    return 1;
}

/* Is each atom hit once? */
static int is_bijection(work *w, const uint32_t *permutation, size_t n) {
    memset(w->used, 0, n);
    for (size_t i = 0; i < n; i++) {
        if (w->used[permutation[i]]) return 0;
        w->used[permutation[i]] = 1;
    }
    return 1;
}

int match(work *w, const atoms *a, const int8_t *r, size_t *n_rotated, const uint64_t *t, double tolerance, uint32_t *permutation) {
    ball b = ball_of(a, 4 * tolerance);
    spread left;
    if (w->binned) {
        if (fills_a_hole(w, a, r, t, tolerance)) return 0;
        begin_spread(&left, a, tolerance);
        if (!suspects_match(w, a, r, t, &b, &left)) return 0;
    }
    for (size_t i = 0; i < a->n; i++) {
        uint64_t y[3];
        if (i >= *n_rotated) {
            uint64_t x[3];
            place_of(a, i, x);
            rotate(r, x, y);
            for (int k = 0; k < 3; k++) w->rotated[k][i] = y[k];
            *n_rotated = i + 1;
        }
        for (int k = 0; k < 3; k++) y[k] = w->rotated[k][i] + t[k];
        int64_t partner = find_atom(w, a, a->species[i], y, &b);
        if (partner < 0) {
            if (w->binned) note_hole(w, a->species[i], y);
            return 0;
        }
        if (w->binned && !widen(w, &left, a, (uint32_t)i, (size_t)partner, y)) return 0;
        permutation[i] = (uint32_t)partner;
    }
    return is_bijection(w, permutation, a->n);
}

double refine(work *w, const atoms *a, const int8_t *r, const uint32_t *permutation, uint64_t *t) {
    double sum[3] = {0, 0, 0}, largest = 0;
    uint64_t first[3];
    w->comparisons += a->n;
    for (size_t i = 0; i < a->n; i++) {
        uint64_t x[3], y[3];
        place_of(a, i, x);
        rotate(r, x, y);
        for (int k = 0; k < 3; k++) {
            uint64_t translation = a->x[k][permutation[i]] - y[k];
            if (i == 0) first[k] = translation;
            double d = to_real(translation - first[k]);
            w->shift[k][i] = d;
            sum[k] += d;
        }
    }
    for (int k = 0; k < 3; k++) {
        sum[k] /= (double)a->n;
        t[k] = first[k] + from_real(sum[k]);
    }
    for (size_t i = 0; i < a->n; i++)
        largest = fmax(largest, square(a->cell.metric, w->shift[0][i] - sum[0], w->shift[1][i] - sum[1], w->shift[2][i] - sum[2]));
    return sqrt(largest);
}

int visit_pairs(work *w, const atoms *a, double radius, int (*see)(void *, size_t, size_t, double), void *context) {
    ball b = ball_of(a, radius);
    for (size_t i = 0; i < a->n; i++) {
        uint64_t x[3];
        place_of(a, i, x);
        if (!w->binned) {
            for (size_t j = 0; j < i; j++) {
                double best = b.square;
                if (is_nearer(a, j, x, &b, &best) && !see(context, i, j, sqrt(best))) return 0;
            }
            continue;
        }
        bin_range range = bins_around(w, x, &b);
        for (uint32_t n = 0; n < range.n; n++) {
            uint32_t bin = nth_bin(w, &range, n);
            w->comparisons += w->bin_start[bin + 1] - w->bin_start[bin] + 1;
            if (out_of_budget(w)) return 0;
            for (uint32_t at = w->bin_start[bin]; at < w->bin_start[bin + 1]; at++) {
                uint32_t j = w->bin_atom[at];
                double best = b.square;
                if (j < i && is_nearer(a, j, x, &b, &best) && !see(context, i, j, sqrt(best))) return 0;
            }
        }
    }
    return 1;
}
