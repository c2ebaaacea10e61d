#include <string.h>

#include "structure.h"

/* ---- the caller's memory ---- */

typedef struct { char *base; size_t used; } region;

/* Take `bytes` from the region; without memory, only count its size. */
static void *take(region *r, size_t bytes) {
    void *here = r->base ? r->base + r->used : NULL;
    r->used += (bytes + 7) & ~(size_t)7;
    return here;
}

static void take_atoms(region *r, atoms *a, size_t n) {
    for (int k = 0; k < 3; k++) a->x[k] = take(r, n * sizeof *a->x[k]);
    a->species = take(r, n * sizeof *a->species);
    a->start = take(r, (n + 1) * sizeof *a->start);
}

static void lay_out(region *r, work *w, size_t n) {
    w->most_levels = 2;
    while (w->most_levels < 32 && n >> w->most_levels) w->most_levels++;
    for (int k = 0; k < 3; k++) {
        take_atoms(r, &w->buffer[k], n);
        w->rotated[k] = take(r, n * sizeof *w->rotated[k]);
        w->shift[k] = take(r, n * sizeof *w->shift[k]);
    }
    w->residual = take(r, n * sizeof *w->residual);
    w->trial = take(r, n * sizeof *w->trial);
    w->bin_start = take(r, (n + 1) * sizeof *w->bin_start);
    w->bin_atom = take(r, n * sizeof *w->bin_atom);
    w->bin_of = take(r, n * sizeof *w->bin_of);
    w->source = take(r, n * sizeof *w->source);
    w->primitive = take(r, n * sizeof *w->primitive);
    w->folded = take(r, n * sizeof *w->folded);
    w->orbit = take(r, n * sizeof *w->orbit);
    w->orbit_size = take(r, n * sizeof *w->orbit_size);
    w->levels = take(r, 2 * w->most_levels * n * sizeof *w->levels);
    w->symmetry.permutation = take(r, MOST_ROTATIONS * n * sizeof *w->symmetry.permutation);
    w->used = take(r, n);
    w->reached = take(r, n);
    w->letter = take(r, n);
}

size_t ck_work_size(size_t n) {
    if (n > CK_MOST_SITES) return 0;
    work sizes;
    region counted = {NULL, (sizeof sizes + 7) & ~(size_t)7};
    lay_out(&counted, &sizes, n);
    return counted.used;
}

/* ---- from arrays to atoms ---- */

static int is_finite_within(const double *values, size_t n, double limit) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs(values[i]) <= limit)) return 0;
    return 1;
}

void sort_keyed(keyed *items, size_t n) {
    static const size_t gaps[] = {797161, 265720, 88573, 29524, 9841, 3280, 1093, 364, 121, 40, 13, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (size_t i = gaps[g]; i < n; i++) {
            keyed moved = items[i];
            size_t j = i;
            for (; j >= gaps[g] && items[j - gaps[g]].key > moved.key; j -= gaps[g]) items[j] = items[j - gaps[g]];
            items[j] = moved;
        }
}

/* The slot of a label in an open-addressing table of species numbers; `size` is a power of two. */
static uint32_t *find_slot(work *w, uint32_t *table, uint32_t size, const uint32_t *label_of, uint32_t label) {
    uint32_t slot = label * 2654435761u & (size - 1);
    for (; table[slot] != UINT32_MAX && label_of[table[slot]] != label; slot = (slot + 1) & (size - 1)) w->comparisons++;
    return &table[slot];
}

/* Sort the sites by species, the rarest first, ties by label: fills a->species, a->start and w->source. Returns 0 if
 * labels that share slots exhaust the budget. */
static int sort_by_species(work *w, atoms *a, const int32_t *labels) {
    size_t n = a->n;
    uint32_t size = 2, n_species = 0, *table = w->levels, *label_of = w->orbit, *count = w->orbit_size, *number = w->folded, *rank = w->trial;
    keyed *by_count = (keyed *)w->symmetry.permutation;
    while (size < 2 * n) size *= 2;
    memset(table, 255, size * sizeof *table);
    for (size_t i = 0; i < n; i++) {
        uint32_t label = (uint32_t)labels[i], *slot = find_slot(w, table, size, label_of, label);
        if (out_of_budget(w)) return 0;
        if (*slot == UINT32_MAX) {
            *slot = n_species;
            label_of[n_species] = label;
            count[n_species++] = 0;
        }
        count[number[i] = *slot]++;
    }
    for (uint32_t s = 0; s < n_species; s++) by_count[s] = (keyed){(uint64_t)count[s] << 32 | label_of[s], s};
    sort_keyed(by_count, n_species);
    a->n_species = n_species;
    a->start[0] = 0;
    for (uint32_t s = 0; s < n_species; s++) {
        rank[by_count[s].value] = s;
        a->start[s + 1] = a->start[s] + count[by_count[s].value];
    }
    uint32_t *next = w->bin_of;
    for (uint32_t s = 0; s < n_species; s++) next[s] = a->start[s];
    for (size_t i = 0; i < n; i++) {
        uint32_t s = rank[number[i]], place = next[s]++;
        a->species[place] = s;
        w->source[place] = (uint32_t)i;
    }
    return 1;
}

/* Fill buffer[0] with the crystal in its reduced cell. */
static ck_status read_crystal(work *w, const ck_crystal *crystal) {
    atoms *a = &w->buffer[0];
    double basis[9], volume;
    int64_t change[9];
    uint64_t m[9], back[9]; /* modulo 2^64, as positions are */
    if (!is_finite_within(crystal->lattice, 9, CK_LONGEST_EDGE) || !is_finite_within(crystal->positions, 3 * crystal->n, CK_FARTHEST_SITE))
        return CK_BAD_CELL;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) basis[3 * i + j] = crystal->lattice[3 * j + i];
    volume = determinant_real(basis);
    if (!(fabs(volume) > CK_SMALLEST_VOLUME) || !reduce_basis(basis, change)) return CK_BAD_CELL;
    set_lattice(&a->cell, basis);
    for (int i = 0; i < 9; i++) m[i] = (uint64_t)change[i]; /* determinant 1 or -1: old = new * back */
    back[0] = m[4] * m[8] - m[5] * m[7], back[1] = m[2] * m[7] - m[1] * m[8], back[2] = m[1] * m[5] - m[2] * m[4];
    back[3] = m[5] * m[6] - m[3] * m[8], back[4] = m[0] * m[8] - m[2] * m[6], back[5] = m[2] * m[3] - m[0] * m[5];
    back[6] = m[3] * m[7] - m[4] * m[6], back[7] = m[1] * m[6] - m[0] * m[7], back[8] = m[0] * m[4] - m[1] * m[3];
    uint64_t sign = volume < 0 ? UINT64_MAX : 1; /* of the determinant: the reduced basis is right-handed */
    a->n = crystal->n;
    if (!sort_by_species(w, a, crystal->labels)) return CK_TOO_HARD;
    for (size_t place = 0; place < a->n; place++) {
        const double *given = crystal->positions + 3 * w->source[place];
        uint64_t x[3] = {to_fixed(given[0]), to_fixed(given[1]), to_fixed(given[2])};
        for (int k = 0; k < 3; k++)
            a->x[k][place] = sign * (back[3 * k] * x[0] + back[3 * k + 1] * x[1] + back[3 * k + 2] * x[2]);
    }
    return CK_OK;
}

/* ---- contacts ---- */

typedef struct {
    work *w;
    const ck_crystal *crystal;
    double closest; /* the shortest distance found between two atoms of one species, or twice that of two species */
} contacts;

static double occupancy_of(const contacts *c, size_t place) {
    return c->crystal->occupancies ? c->crystal->occupancies[c->crystal->labels[c->w->source[place]]] : 1;
}

/* Two atoms this close are an error, unless they are alternatives: occupancies that add up to at most one site. */
static int see_pair(void *context, size_t i, size_t j, double distance) {
    contacts *c = context;
    const atoms *a = &c->w->buffer[0];
    c->closest = fmin(c->closest, a->species[i] == a->species[j] ? distance : 2 * distance);
    if (distance >= CK_SHORTEST_CONTACT) return 1;
    return distance >= CK_SAME_PLACE && occupancy_of(c, i) + occupancy_of(c, j) <= CK_FULL_SITE;
}

/* The tolerance to use: at most an eighth of the shortest distance between atoms of a species, so that no position has two
 * candidate atoms, and at most a quarter of that between any two, so that no symmetry maps both onto one point. */
static ck_status check_contacts(work *w, const ck_crystal *crystal, double symprec, double *tolerance) {
    const atoms *a = &w->buffer[0];
    double shortest = sqrt(fmin(a->cell.metric[0], fmin(a->cell.metric[4], a->cell.metric[8])));
    if (shortest < CK_THINNEST_CELL) return CK_CONTACT;
    contacts c = {w, crystal, shortest};
    begin_matching(w, a);
    if (!visit_pairs(w, a, fmax(CK_SHORTEST_CONTACT, fmin(8 * symprec, shortest)), see_pair, &c))
        return out_of_budget(w) ? CK_TOO_HARD : CK_CONTACT;
    *tolerance = fmin(symprec, c.closest / 8);
    return CK_OK;
}

/* ---- the answer ---- */

ck_status solve(work **out, const ck_crystal *crystal, double symprec, uint64_t budget, void *memory, size_t memory_size, solution *s) {
    if (crystal->n == 0 || crystal->n > CK_MOST_SITES) return CK_BAD_CELL;
    if (!(symprec > 0) || !(symprec < INFINITY)) return CK_INVALID;
    for (size_t i = 0; crystal->occupancies && i < crystal->n; i++)
        if (crystal->labels[i] < 0 || (size_t)crystal->labels[i] >= crystal->n_labels) return CK_INVALID;
    if (memory_size < ck_work_size(crystal->n)) return CK_NO_SPACE;
    work *w = *out = memory;
    region rest = {memory, (sizeof *w + 7) & ~(size_t)7};
    lay_out(&rest, w, crystal->n);
    w->comparisons = 0;
    w->budget = budget ? budget : CK_DEFAULT_BUDGET;
    ck_status status = read_crystal(w, crystal);
    if (status == CK_OK) status = check_contacts(w, crystal, symprec, &w->tolerance);
    if (status != CK_OK) return status;
    for (int level = 0; level < 64; level++, w->tolerance /= 2) {
        int grey;
        if (out_of_budget(w)) return CK_TOO_HARD;
        if (!fold_to_primitive(w, &s->crystal, &grey) || !find_operations(w, s->crystal, grey) || !find_setting(w, s->crystal, &s->setting))
            continue;
        find_orbits(w, s->crystal->n);
        if (find_letters(w, s->crystal, &s->setting)) return CK_OK;
    }
    return CK_TOO_HARD;
}

static void report(const work *w, const solution *s, ck_symmetry *found) {
    const group *g = &w->symmetry;
    *found = (ck_symmetry){.space_group = s->setting.space_group, .n_operations = g->n, .symprec = w->tolerance,
                           .lattice_points = (uint32_t)(w->buffer[0].n / s->crystal->n)};
    for (size_t i = 0; i < s->crystal->n; i++) found->n_orbits += w->orbit[i] == i;
    for (unsigned k = 0; k < g->n; k++) found->distance = fmax(found->distance, g->op[k].distance);
}

/* The first site of each orbit, in input order; w->folded has it by primitive atom. */
static void list_orbits(work *w, const solution *s, uint8_t *letters, uint32_t *orbits) {
    for (size_t place = 0; place < w->buffer[0].n; place++) w->trial[w->source[place]] = w->orbit[w->primitive[place]];
    for (size_t i = 0; i < s->crystal->n; i++) w->folded[i] = UINT32_MAX;
    for (size_t site = 0; site < w->buffer[0].n; site++) {
        uint32_t orbit = w->trial[site];
        if (w->folded[orbit] == UINT32_MAX) w->folded[orbit] = (uint32_t)site;
        if (letters) letters[site] = w->letter[orbit];
        if (orbits) orbits[site] = w->folded[orbit];
    }
}

ck_status ck_find_symmetry(const ck_crystal *crystal, double symprec, uint64_t budget, void *memory, size_t memory_size,
                           ck_symmetry *found, uint8_t *letters, uint32_t *orbits, double *ideal) {
    work *w;
    solution s;
    ck_status status = solve(&w, crystal, symprec, budget, memory, memory_size, &s);
    if (status != CK_OK) return status;
    if (letters || orbits) list_orbits(w, &s, letters, orbits);
    if (found) {
        report(w, &s, found);
        describe_cell(w, crystal, &s, found);
    }
    if (ideal) idealize(w, crystal, &s, ideal);
    return CK_OK;
}
