#include <string.h>

#include "structure.h"

/* Fractional coordinates in the input cell to those in the primitive cell: an integer matrix, because the primitive lattice
 * is finer. */
static void to_primitive(const ck_crystal *crystal, const solution *s, double *m) {
    double given[9];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) given[3 * i + j] = crystal->lattice[3 * j + i];
    multiply_real(s->crystal->cell.inverse, given, m);
    for (int i = 0; i < 9; i++) m[i] = rint(m[i]);
}

static void apply(const double *m, const double *x, double *y) {
    for (int i = 0; i < 3; i++) y[i] = m[3 * i] * x[0] + m[3 * i + 1] * x[1] + m[3 * i + 2] * x[2];
}

/* The standard conventional axes, by columns, in the primitive basis: (centring * to_standard)^-1. */
static void conventional_axes(const setting *s, double *axes) {
    double centring[9], standard[9], forward[9];
    for (int i = 0; i < 9; i++) centring[i] = centring_matrix(s->centring)[i] / 6.0, standard[i] = s->to_standard[i];
    multiply_real(centring, standard, forward);
    invert_real(forward, axes);
}

/* The metric tensor averaged over the point group of the crystal system, in closed form. */
static void average_metric(unsigned space_group, double *g) {
    double a = g[0], b = g[4], c = g[8], bc = g[5], ac = g[2], ab = g[1];
    if (space_group >= 195) a = b = c = (a + b + c) / 3;
    else if (space_group >= 143) a = b = 2 * (a + b + ab) / 3, ab = -a / 2;
    else if (space_group >= 75) a = b = (a + b) / 2;
    if (space_group >= 3) bc = 0;
    if (space_group >= 3 && (space_group < 143 || space_group >= 195)) ab = 0;
    if (space_group >= 16) ac = 0;
    double averaged[9] = {a, ab, ac, ab, b, bc, ac, bc, c};
    memcpy(g, averaged, sizeof averaged);
}

/* Rows with this metric tensor: a along x, b in the xy plane. */
static void rows_of(const double *g, double *rows) {
    double a = sqrt(g[0]), bx = g[1] / a, by = sqrt(g[4] - bx * bx), cx = g[2] / a, cy = (g[5] - bx * cx) / by;
    double triangular[9] = {a, 0, 0, bx, by, 0, cx, cy, sqrt(g[8] - cx * cx - cy * cy)};
    memcpy(rows, triangular, sizeof triangular);
}

void describe_cell(const work *w, const ck_crystal *crystal, const solution *s, ck_symmetry *found) {
    (void)w;
    double axes[9], basis[9], metric[9], primitive[9], given[9], standard[9], back[9], moved[3], origin[3];
    conventional_axes(&s->setting, axes);
    multiply_real(s->crystal->cell.basis, axes, basis);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) metric[3 * i + j] = basis[i] * basis[j] + basis[3 + i] * basis[3 + j] + basis[6 + i] * basis[6 + j];
    average_metric(found->space_group, metric);
    rows_of(metric, found->lattice);
    to_primitive(crystal, s, primitive);
    invert_real(primitive, given);
    multiply_real(given, axes, found->axes);
    for (int i = 0; i < 9; i++) standard[i] = s->setting.to_standard[i];
    invert_real(standard, back);
    apply(back, s->setting.shift, moved);
    apply(given, moved, origin);
    for (int i = 0; i < 3; i++) found->origin[i] = -origin[i];
}

/* The exact translation of an operation: a multiple of 1/24 in standard axes. Primitive coordinates. */
static void exact_translation(const setting *s, const int8_t *r, const operation *op, const double *back, double *t) {
    double rotated[3], moved[3], standard[3];
    for (int i = 0; i < 3; i++) t[i] = to_real(op->t[i]);
    apply(back, s->shift, moved); /* to_standard (x + moved) is x in standard axes */
    for (int i = 0; i < 3; i++) {
        rotated[i] = r[3 * i] * moved[0] + r[3 * i + 1] * moved[1] + r[3 * i + 2] * moved[2];
        t[i] += moved[i] - rotated[i];
    }
    for (int i = 0; i < 3; i++) {
        double sum = s->to_standard[3 * i] * t[0] + s->to_standard[3 * i + 1] * t[1] + s->to_standard[3 * i + 2] * t[2];
        standard[i] = rint(sum * 24) / 24;
    }
    apply(back, standard, t);
    for (int i = 0; i < 3; i++) t[i] += rotated[i] - moved[i];
}

/* The mean, over all operations, of the inverse applied to the image of an atom. */
static void average_place(const work *w, const solution *s, const double (*t)[3], size_t atom, uint64_t *x) {
    const group *g = &w->symmetry;
    double sum[3] = {0, 0, 0};
    place_of(s->crystal, atom, x);
    for (unsigned k = 0; k < g->n; k++) {
        int32_t m[9], inverse[9];
        int8_t r[9];
        uint64_t image[3], y[3];
        for (int i = 0; i < 9; i++) m[i] = w->lattice_group.r[g->op[k].rotation].m[i];
        adjugate(m, inverse);
        for (int i = 0; i < 9; i++) r[i] = (int8_t)(inverse[i] * determinant(m));
        place_of(s->crystal, g->permutation[k * s->crystal->n + atom], image);
        for (int i = 0; i < 3; i++) image[i] -= to_fixed(t[k][i]);
        rotate(r, image, y);
        for (int i = 0; i < 3; i++) sum[i] += to_real(y[i] - x[i]);
    }
    for (int i = 0; i < 3; i++) x[i] += from_real(sum[i] / g->n);
}

void idealize(work *w, const ck_crystal *crystal, const solution *s, double *ideal) {
    const group *g = &w->symmetry;
    const atoms *a = s->crystal;
    double standard[9], back[9], primitive[9], given[9], t[MOST_ROTATIONS][3];
    for (int i = 0; i < 9; i++) standard[i] = s->setting.to_standard[i];
    invert_real(standard, back);
    for (unsigned k = 0; k < g->n; k++) exact_translation(&s->setting, w->lattice_group.r[g->op[k].rotation].m, &g->op[k], back, t[k]);
    for (size_t atom = 0; atom < a->n; atom++) { /* w->rotated: the exact positions */
        if (w->orbit[atom] != atom) continue;
        uint64_t x[3], y[3];
        average_place(w, s, (const double(*)[3])t, atom, x);
        for (unsigned k = 0; k < g->n; k++) {
            uint32_t image = g->permutation[k * a->n + atom];
            rotate(w->lattice_group.r[g->op[k].rotation].m, x, y);
            for (int i = 0; i < 3; i++) w->rotated[i][image] = y[i] + to_fixed(t[k][i]);
        }
    }
    to_primitive(crystal, s, primitive);
    invert_real(primitive, given);
    for (size_t place = 0; place < w->buffer[0].n; place++) {
        const double *old = crystal->positions + 3 * w->source[place];
        double moved[3], change[3], in_primitive[3];
        uint32_t atom = w->primitive[place];
        for (int i = 0; i < 3; i++) {
            uint64_t y = 0; /* exact modulo the primitive lattice */
            for (int j = 0; j < 3; j++) y += (uint64_t)(int64_t)primitive[3 * i + j] * to_fixed(old[j]);
            in_primitive[i] = to_real(w->rotated[i][atom] - y);
        }
        memcpy(moved, in_primitive, sizeof moved);
        apply(given, moved, change);
        for (int i = 0; i < 3; i++) ideal[3 * w->source[place] + (size_t)i] = old[i] + change[i];
    }
}
