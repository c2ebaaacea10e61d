#include <string.h>

#include "symmetry.h"

/* The conventional axes, as columns of integers in the reduced basis. */
typedef struct { int32_t a[3], b[3], c[3]; } axes;

typedef struct {
    const group *g;
    const automorphisms *lattice;
    const double *metric;
} found;

/* The proper part of an operation: R, or -R. */
static void proper_part(const found *f, unsigned k, int32_t *m) {
    unsigned r = f->g->op[k].rotation;
    for (int i = 0; i < 9; i++) m[i] = f->lattice->r[r].m[i] * f->lattice->determinant[r];
}

static int order_of(const found *f, unsigned k) { return f->lattice->order[f->g->op[k].rotation]; }
static int is_proper(const found *f, unsigned k) { return f->lattice->determinant[f->g->op[k].rotation] > 0; }

static int32_t gcd(int32_t a, int32_t b) {
    while (b) {
        int32_t rest = a % b;
        a = b, b = rest;
    }
    return a < 0 ? -a : a;
}

/* The shortest lattice vector along the axis of a rotation: a column of the sum of its powers. With `transposed`, the
 * shortest vector of the reciprocal lattice: the normal of the plane perpendicular to the axis. */
static void axis_of(const int32_t *proper, int order, int transposed, int32_t *axis) {
    int32_t m[9], power[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, sum[9] = {0}, next[9];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) m[3 * i + j] = transposed ? proper[3 * j + i] : proper[3 * i + j];
    for (int k = 0; k < order; k++) {
        for (int i = 0; i < 9; i++) sum[i] += power[i];
        multiply(power, m, next);
        memcpy(power, next, sizeof power);
    }
    for (int j = 0; j < 3; j++) {
        int32_t g = gcd(gcd(sum[j], sum[3 + j]), sum[6 + j]);
        if (g == 0) continue;
        for (int i = 0; i < 3; i++) axis[i] = sum[3 * i + j] / g;
        return;
    }
}

static double scalar_product(const double *metric, const int32_t *u, const int32_t *v) {
    double sum = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) sum += u[i] * metric[3 * i + j] * v[j];
    return sum;
}

/* The two shortest lattice vectors in the plane of a normal. */
static void plane_of(const double *metric, const int32_t *normal, int32_t *u, int32_t *v) {
    int32_t p = normal[0], q = normal[1], r = normal[2];
    if (p == 0 && q == 0) {
        u[0] = 1, u[1] = 0, u[2] = 0, v[0] = 0, v[1] = 1, v[2] = 0;
    } else { /* x p + y q = g, by Euclid: then (q, -p, 0) / g and (-r x, -r y, g) span it */
        int32_t a = p, b = q, x = 1, x_next = 0, y = 0, y_next = 1;
        while (b) {
            int32_t k = a / b, rest = a - k * b, x_rest = x - k * x_next, y_rest = y - k * y_next;
            a = b, b = rest, x = x_next, x_next = x_rest, y = y_next, y_next = y_rest;
        }
        u[0] = q / a, u[1] = -p / a, u[2] = 0, v[0] = -r * x, v[1] = -r * y, v[2] = a;
    }
    for (int round = 0; round < 100; round++) { /* Gauss */
        if (scalar_product(metric, v, v) < scalar_product(metric, u, u))
            for (int i = 0; i < 3; i++) {
                int32_t swapped = u[i];
                u[i] = v[i], v[i] = swapped;
            }
        int32_t k = (int32_t)rint(scalar_product(metric, u, v) / scalar_product(metric, u, u) * (1 - 1e-9));
        if (k == 0) return;
        for (int i = 0; i < 3; i++) v[i] -= k * u[i];
    }
}

static void matrix_of(const axes *x, int32_t *m) {
    for (int i = 0; i < 3; i++) m[3 * i] = x->a[i], m[3 * i + 1] = x->b[i], m[3 * i + 2] = x->c[i];
}

static int32_t volume_of(const axes *x) {
    int32_t m[9];
    matrix_of(x, m);
    return determinant(m);
}

static void negate(int32_t *v) {
    for (int i = 0; i < 3; i++) v[i] = -v[i];
}

static void copy(int32_t *to, const int32_t *from) { memcpy(to, from, 3 * sizeof *to); }

/* (u, v) -> (v, -u): exchanges the two axes and keeps the handedness. */
static void turn(int32_t *u, int32_t *v) {
    int32_t old[3];
    copy(old, u);
    copy(u, v);
    copy(v, old);
    negate(v);
}

static void make_right_handed(axes *x) {
    if (volume_of(x) < 0) negate(x->c);
}

/* Is (i a + j b + k c) / n a lattice vector? */
static int is_lattice_vector(const axes *x, int i, int j, int k, int n) {
    for (int m = 0; m < 3; m++)
        if ((i * x->a[m] + j * x->b[m] + k * x->c[m]) % n) return 0;
    return 1;
}

/* The axes of all operations of an order; returns their number, at most 3. proper[k]: axis k has a rotation, not only a
 * rotoinversion. */
static unsigned list_axes(const found *f, int order, int32_t axis[3][3], int *proper) {
    unsigned n = 0;
    for (unsigned k = 0; k < f->g->n; k++) {
        if (order_of(f, k) != order) continue;
        int32_t m[9], v[3];
        proper_part(f, k, m);
        axis_of(m, order, 0, v);
        unsigned at = 0;
        for (; at < n; at++) {
            const int32_t *u = axis[at];
            if (u[1] * v[2] == u[2] * v[1] && u[2] * v[0] == u[0] * v[2] && u[0] * v[1] == u[1] * v[0]) break;
        }
        if (at == 3) continue;
        if (at == n) {
            copy(axis[n], v);
            proper[n++] = 0;
        }
        proper[at] |= is_proper(f, k);
    }
    return n;
}

static unsigned first_of_order(const found *f, int order) {
    unsigned k = 0;
    while (order_of(f, k) != order) k++;
    return k;
}

/* Each of these chooses the axes of one family and returns the centring, or 0 if the lattice does not belong to it. */

static char choose_cubic(const found *f, int has_fourfold, axes *x) {
    int32_t axis[3][3];
    int proper[3];
    if (list_axes(f, has_fourfold ? 4 : 2, axis, proper) < 3) return 0;
    copy(x->a, axis[0]);
    copy(x->b, axis[1]);
    copy(x->c, axis[2]);
    make_right_handed(x);
    int32_t volume = volume_of(x);
    return volume == 1 ? 'P' : volume == 2 ? 'I' : volume == 4 ? 'F' : 0;
}

/* Tetragonal, trigonal, hexagonal: a is the shortest vector perpendicular to the axis, b its image under the rotation. */
static char choose_axial(const found *f, int order, axes *x) {
    int32_t m[9], normal[3], longer[3];
    proper_part(f, first_of_order(f, order), m);
    axis_of(m, order, 0, x->c);
    axis_of(m, order, 1, normal);
    plane_of(f->metric, normal, x->a, longer);
    for (int i = 0; i < 3; i++) x->b[i] = m[3 * i] * x->a[0] + m[3 * i + 1] * x->a[1] + m[3 * i + 2] * x->a[2];
    make_right_handed(x);
    int32_t volume = volume_of(x);
    if (volume == 1) return 'P';
    if (order == 4) return volume == 2 ? 'I' : 0;
    if (volume != 3) return 0;
    if (!is_lattice_vector(x, 2, 1, 1, 3)) { /* the obverse setting has (2/3, 1/3, 1/3) */
        negate(x->a);
        negate(x->b);
    }
    return 'R';
}

/* The three shortest vectors of the plane, u + v + w = 0, without acute angles: unique, and so is the cell. */
static void plane_triple(const found *f, int32_t plane[3][3]) {
    int32_t m[9], normal[3];
    proper_part(f, first_of_order(f, 2), m);
    axis_of(m, 2, 1, normal);
    plane_of(f->metric, normal, plane[0], plane[1]);
    if (scalar_product(f->metric, plane[0], plane[1]) > 0) negate(plane[1]);
    for (int i = 0; i < 3; i++) plane[2][i] = -plane[0][i] - plane[1][i];
}

/* a and c are two of the triple, short ones first: choice 0 to 5. Each of the three represents one class of half lattice
 * vectors in the plane, so one choice has the centring and the glide of the standard setting. */
static char choose_monoclinic(const found *f, unsigned choice, axes *x) {
    static const uint8_t pair[6][2] = {{0, 1}, {1, 0}, {0, 2}, {2, 0}, {1, 2}, {2, 1}};
    int32_t m[9], plane[3][3];
    proper_part(f, first_of_order(f, 2), m);
    axis_of(m, 2, 0, x->b);
    plane_triple(f, plane);
    copy(x->a, plane[pair[choice][0]]);
    copy(x->c, plane[pair[choice][1]]);
    if (volume_of(x) < 0) negate(x->b);
    return volume_of(x) == 1 ? 'P' : is_lattice_vector(x, 1, 1, 0, 2) ? 'C' : 0;
}

/* Two axes of different length, sorted. */
static void sort_two(const found *f, int32_t *u, int32_t *v) {
    if (scalar_product(f->metric, u, u) > scalar_product(f->metric, v, v)) turn(u, v);
}

static char choose_orthorhombic(const found *f, axes *x) {
    int32_t axis[3][3];
    int proper[3];
    if (list_axes(f, 2, axis, proper) != 3) return 0;
    int polar = proper[0] + proper[1] + proper[2] == 1; /* mm2: the proper axis is c */
    int c = polar && proper[0] ? 0 : polar && proper[1] ? 1 : 2;
    copy(x->c, axis[c]);
    copy(x->a, axis[(c + 1) % 3]);
    copy(x->b, axis[(c + 2) % 3]);
    sort_two(f, x->a, x->b);
    if (!polar) {
        sort_two(f, x->b, x->c);
        sort_two(f, x->a, x->b);
    }
    make_right_handed(x);
    int32_t volume = volume_of(x);
    if (volume == 1) return 'P';
    if (volume == 4) return 'F';
    if (volume != 2) return 0;
    if (is_lattice_vector(x, 1, 1, 1, 2)) return 'I';
    if (is_lattice_vector(x, 1, 1, 0, 2)) return 'C';
    if (polar) { /* A; B becomes A */
        if (!is_lattice_vector(x, 0, 1, 1, 2)) turn(x->a, x->b);
        return 'A';
    }
    axes old = *x; /* the shorter of the two axes of the face first */
    if (is_lattice_vector(x, 0, 1, 1, 2)) copy(x->a, old.b), copy(x->b, old.c), copy(x->c, old.a);
    else turn(x->b, x->c);
    return 'C';
}

/* The reduced basis with all angles acute or none. */
static char choose_triclinic(const found *f, axes *x) {
    *x = (axes){{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    double ab = f->metric[1], ac = f->metric[2], bc = f->metric[5];
    int acute = ab * ac * bc > 0;
    if ((ab > 0) != acute && (ac > 0) != acute) negate(x->a);
    else if ((ab > 0) != acute && (bc > 0) != acute) negate(x->b);
    else if ((ac > 0) != acute && (bc > 0) != acute) negate(x->c);
    if (volume_of(x) < 0) negate(x->a), negate(x->b), negate(x->c);
    return 'P';
}

static char choose_axes(const found *f, unsigned choice, axes *x) {
    unsigned count[7] = {0}, threefold = 0;
    for (unsigned k = 0; k < f->g->n; k++) {
        count[order_of(f, k)]++;
        threefold += order_of(f, k) == 3 && is_proper(f, k);
    }
    if (threefold >= 8) return choose_cubic(f, count[4] > 0, x);
    if (count[4]) return choose_axial(f, 4, x);
    if (count[3]) return choose_axial(f, 3, x);
    if (count[2] == 0) return choose_triclinic(f, x);
    int32_t axis[3][3];
    int proper[3];
    return list_axes(f, 2, axis, proper) == 1 ? choose_monoclinic(f, choice, x) : choose_orthorhombic(f, x);
}

/* ---- centring ---- */

/* P I F C A R: a primitive basis in conventional axes, columns, in sixths. */
static const char CENTRINGS[] = "PIFCAR";
static const int8_t PRIMITIVE[6][9] = {
    {6, 0, 0, 0, 6, 0, 0, 0, 6}, {-3, 3, 3, 3, -3, 3, 3, 3, -3}, {0, 3, 3, 3, 0, 3, 3, 3, 0},
    {3, -3, 0, 3, 3, 0, 0, 0, 6}, {6, 0, 0, 0, 3, -3, 0, 3, 3}, {4, -2, -2, 2, 2, -4, 2, 2, 2}};

const int8_t *centring_matrix(char centring) { return PRIMITIVE[strchr(CENTRINGS, centring) - CENTRINGS]; }

unsigned lattice_points(char centring) { return centring == 'P' ? 1 : centring == 'F' ? 4 : centring == 'R' ? 3 : 2; }

/* ---- class, type, origin ---- */

static uint64_t signature_of(const found *f) {
    static const uint8_t place[7] = {0, 0, 1, 2, 3, 0, 4};
    uint64_t sum = 0;
    for (unsigned k = 0; k < f->g->n; k++) sum += UINT64_C(1) << 6 * (place[order_of(f, k)] + (is_proper(f, k) ? 0 : 5));
    return sum;
}

/* The translations of a class's generators, in its primitive standard axes; 0 if one is not among the operations. */
static int take_translations(const found *f, const ck_class *class, const int32_t *basis, const int32_t *inverse, double *t) {
    for (int k = 0; k < class->n_generators; k++) {
        int32_t wanted[9], half[9], image[9];
        int8_t m[9];
        for (int i = 0; i < 9; i++) wanted[i] = class->generators[k][i];
        multiply(basis, wanted, half);
        multiply(half, inverse, image);
        for (int i = 0; i < 9; i++) {
            if (image[i] < -1 || image[i] > 1) return 0;
            m[i] = (int8_t)image[i];
        }
        int r = find_rotation(f->lattice, m);
        unsigned at = 0;
        while (at < f->g->n && (int)f->g->op[at].rotation != r) at++;
        if (at == f->g->n) return 0;
        const uint64_t *found_t = f->g->op[at].t;
        for (int i = 0; i < 3; i++)
            t[3 * k + i] = inverse[3 * i] * to_real(found_t[0]) + inverse[3 * i + 1] * to_real(found_t[1]) + inverse[3 * i + 2] * to_real(found_t[2]);
    }
    return 1;
}

/* The key of the class nearest to the part of U t that does not depend on the origin. */
static const ck_key *nearest_key(const ck_class *class, const double *u) {
    const ck_key *best = NULL;
    double least = 1e300;
    for (unsigned k = class->first_key; k < (unsigned)class->first_key + class->n_keys; k++) {
        double sum = 0;
        for (int i = class->rank; i < 3 * class->n_generators; i++) {
            double d = u[i] - ck_keys[k].key[i - class->rank] / 12.0;
            d -= rint(d);
            sum += d * d;
        }
        if (sum < least) least = sum, best = &ck_keys[k];
    }
    return best;
}

static const int8_t IDENTITY[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

static int read_setting(const ck_class *class, const double *t, const int32_t *inverse, setting *out) {
    double u[9], z[3] = {0, 0, 0}, origin[3];
    int n = 3 * class->n_generators;
    for (int i = 0; i < n; i++) {
        u[i] = 0;
        for (int j = 0; j < n; j++) u[i] += class->u[i][j] * t[j];
    }
    const ck_key *key = nearest_key(class, u);
    if (key == NULL) return 0;
    for (int i = 0; i < class->rank; i++) z[i] = (key->origin[i] / 24.0 - u[i]) / class->d[i];
    for (int i = 0; i < 3; i++) origin[i] = class->v[3 * i] * z[0] + class->v[3 * i + 1] * z[1] + class->v[3 * i + 2] * z[2];
    int32_t transformation[9], back[9];
    for (int i = 0; i < 9; i++) transformation[i] = key->transformation[i];
    adjugate(transformation, back);
    multiply(back, inverse, out->to_standard);
    for (int i = 0; i < 3; i++) out->shift[i] = -(back[3 * i] * origin[0] + back[3 * i + 1] * origin[1] + back[3 * i + 2] * origin[2]);
    out->space_group = key->space_group;
    out->is_standard = memcmp(key->transformation, IDENTITY, sizeof IDENTITY) == 0;
    return 1;
}

/* The setting for one choice of axes. */
static int try_setting(const found *f, unsigned choice, setting *out) {
    axes chosen;
    out->centring = choose_axes(f, choice, &chosen);
    if (out->centring == 0) return 0;
    int32_t conventional[9], sixths[9], basis[9], inverse[9];
    matrix_of(&chosen, conventional);
    for (int i = 0; i < 9; i++) sixths[i] = centring_matrix(out->centring)[i];
    multiply(conventional, sixths, basis);
    for (int i = 0; i < 9; i++) {
        if (basis[i] % 6) return 0;
        basis[i] /= 6;
    }
    if (determinant(basis) != 1) return 0;
    adjugate(basis, inverse);
    uint64_t signature = signature_of(f);
    for (size_t k = 0; k < sizeof ck_classes / sizeof *ck_classes; k++) {
        const ck_class *class = &ck_classes[k];
        double t[9];
        if (class->signature == signature && class->centring == out->centring && take_translations(f, class, basis, inverse, t))
            return read_setting(class, t, inverse, out);
    }
    return 0;
}

int find_setting(const work *w, const atoms *crystal, setting *out) {
    found f = {&w->symmetry, &w->lattice_group, crystal->cell.metric};
    for (unsigned choice = 0; choice < 6; choice++) {
        if (!try_setting(&f, choice, out)) continue;
        if (out->space_group < 3 || out->space_group > 15 || out->is_standard) return 1;
    }
    return 0;
}
