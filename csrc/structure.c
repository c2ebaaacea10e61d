#include <string.h>

#include "scan.h"
#include "structure.h"

/* The species of an atomic number; length 0 if there is no such element. */
static ck_species element_species(int32_t number) {
    if (number < 1 || number > 118) return (ck_species){"", 0, 0};
    const char *text = ck_compact_text[ID_ELEMENT + number - 1];
    return (ck_species){text, (uint32_t)strlen(text), ck_element_order[number - 1]};
}

static ck_species species_of(const ck_species *species, int32_t label) {
    return species ? species[label] : element_species(label);
}

static int labels_are_known(const ck_crystal *crystal, const ck_species *species) {
    for (size_t i = 0; i < crystal->n; i++) {
        int32_t label = crystal->labels[i];
        if (species ? label < 0 || (size_t)label >= crystal->n_labels : label < 1 || label > 118) return 0;
    }
    return 1;
}

typedef struct { char *out; size_t cap, n; } writer;

static void write_text(writer *w, const char *text, size_t length) {
    if (w->n + length <= w->cap) memcpy(w->out + w->n, text, length);
    w->n += length;
}

ck_status ck_encode_structure(const ck_crystal *crystal, const ck_species *species, double symprec, uint64_t budget,
                              void *memory, size_t memory_size, char *out, size_t cap, size_t *n_out, uint32_t *space_group) {
    work *w;
    solution s;
    *n_out = 0;
    if (crystal->n && crystal->n <= CK_MOST_SITES && !labels_are_known(crystal, species)) return CK_INVALID;
    ck_status status = solve(&w, crystal, symprec, budget, memory, memory_size, &s);
    if (status != CK_OK) return status;
    /* the engine is done: reuse its arrays except orbit, orbit_size, letter, source and primitive */
    keyed *orbits = (keyed *)w->symmetry.permutation; /* by (letter, rank) */
    uint32_t *contents = w->folded, *order = w->trial;
    uint8_t *letters = w->used, *new_letters = w->reached;
    int32_t *label_of = (int32_t *)w->bin_atom;
    size_t n = 0;
    for (size_t place = 0; place < crystal->n; place++) label_of[w->primitive[place]] = crystal->labels[w->source[place]];
    for (size_t i = 0; i < s.crystal->n; i++) {
        if (w->orbit[i] != i) continue;
        uint32_t rank = species_of(species, label_of[i]).rank;
        orbits[n++] = (keyed){(uint64_t)w->letter[i] << 32 | rank, (uint32_t)label_of[i]};
    }
    sort_keyed(orbits, n);
    for (size_t i = 0; i < n; i++) letters[i] = (uint8_t)(orbits[i].key >> 32), contents[i] = (uint32_t)orbits[i].key;
    unsigned number = s.setting.space_group;
    if (ck_canonical(number, letters, contents, n, new_letters, order) != CK_OK) return CK_TOO_HARD;
    writer text = {out, cap, 0};
    write_text(&text, ck_generator_text[number - 1], ck_generator_length[number - 1]);
    write_text(&text, " |", 2);
    for (size_t i = 0; i < n; i++) {
        ck_species what = species_of(species, (int32_t)orbits[order[i]].value);
        const char *symbol = ck_compact_text[ck_wyckoff_id[ck_wyckoff_multiplicity[(number - 1) * 27 + new_letters[i]] * 27 + new_letters[i]]];
        write_text(&text, " ", 1);
        write_text(&text, what.text, what.length);
        write_text(&text, " ", 1);
        write_text(&text, symbol, strlen(symbol));
    }
    *n_out = text.n;
    if (space_group) *space_group = number;
    return text.n <= cap ? CK_OK : CK_NO_SPACE;
}
