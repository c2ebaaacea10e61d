#include "symmetry.h"

/* The distance of x, in primitive standard axes, from a Wyckoff position: squared, in lattice units. */
static double residual_of(const ck_locus *locus, const double *x) {
    const int8_t *k = ck_annihilators[locus->annihilator];
    double sum = 0;
    for (unsigned row = 0; row < ck_annihilator_rows[locus->annihilator]; row++) {
        double d = k[3 * row] * x[0] + k[3 * row + 1] * x[1] + k[3 * row + 2] * x[2] - locus->shift[row] / 24.0;
        d -= rint(d);
        sum += d * d;
    }
    return sum;
}

/* Of the positions with the orbit's multiplicity, the one nearest to any atom of the orbit. No tolerance: the atoms of the
 * orbit are already known. */
int find_letters(work *w, const atoms *crystal, const setting *s) {
    enum { NO_LETTER = 255 };
    const double exact = 1e-9;
    const uint8_t *multiplicity = ck_wyckoff_multiplicity + (s->space_group - 1) * 27;
    const ck_locus *loci = ck_loci + ck_loci_start[s->space_group - 1];
    unsigned n_letters = ck_letter_count[s->space_group - 1], points = lattice_points(s->centring);
    for (size_t i = 0; i < crystal->n; i++) w->residual[i] = INFINITY, w->letter[i] = NO_LETTER;
    for (size_t i = 0; i < crystal->n; i++) {
        uint32_t orbit = w->orbit[i];
        if (w->residual[orbit] < exact) continue;
        double x[3];
        for (int k = 0; k < 3; k++) {
            x[k] = s->shift[k];
            for (int j = 0; j < 3; j++) x[k] += s->to_standard[3 * k + j] * to_real(crystal->x[j][i]);
        }
        for (unsigned letter = 0; letter < n_letters; letter++) {
            if (multiplicity[letter] != w->orbit_size[orbit] * points) continue;
            double residual = residual_of(&loci[letter], x);
            if (residual < w->residual[orbit]) w->residual[orbit] = residual, w->letter[orbit] = (uint8_t)letter;
        }
        if (w->letter[orbit] == NO_LETTER) return 0;
    }
    return 1;
}
