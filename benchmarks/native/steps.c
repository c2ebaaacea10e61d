/* One step of the C core on every line of a file: steps STEP FILE [ROUNDS]. Prints the lines and the best nanoseconds a line.
 * Under callgrind, with --toggle-collect=all_rows, one round gives the instructions (benchmarks/instructions.py). */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cloudkit/scope.h"

enum { BYTES = 1 << 24, ROWS = 1 << 16, LONGEST = 4096, MOST_SITES = 64 };

typedef struct {
    const char *text;
    size_t length;
    uint16_t *cloud, *compact;
    size_t n_cloud, n_compact;
    uint32_t group;
    uint8_t *letters;
    uint32_t *contents;
    size_t n;
    ck_crystal crystal;
} row;

static row rows[ROWS];
static size_t n_rows;
static char out[LONGEST];
static uint16_t ids[LONGEST];

/* Letters and contents of the orbits, sorted, for the step `canonical`. A mixed orbit counts by its last element. */
static void read_orbits(row *r) {
    uint32_t content = 0;
    r->letters = malloc(r->n_compact), r->contents = malloc(r->n_compact * sizeof *r->contents);
    for (size_t i = 0; i < r->n_compact; i++) {
        ck_symbol symbol;
        ck_read_id(r->compact[i], &symbol);
        if (symbol.kind == CK_GROUP) r->group = symbol.value;
        if (symbol.kind == CK_ELEMENT) content = symbol.value;
        if (symbol.kind != CK_WYCKOFF) continue;
        uint8_t letter = symbol.letter == 'A' ? 26 : (uint8_t)(symbol.letter - 'a');
        size_t k = r->n++;
        for (; k && (r->letters[k - 1] > letter || (r->letters[k - 1] == letter && r->contents[k - 1] > content)); k--)
            r->letters[k] = r->letters[k - 1], r->contents[k] = r->contents[k - 1];
        r->letters[k] = letter, r->contents[k] = content;
    }
}

/* A crystal: the number of sites, the lattice, and a label and fractions for each site. */
static void read_crystal(row *r, char *at) {
    size_t n = strtoul(at, &at, 10);
    double *lattice = malloc(9 * sizeof *lattice), *positions = malloc(3 * n * sizeof *positions);
    int32_t *labels = malloc(n * sizeof *labels);
    if (n > MOST_SITES || lattice == NULL || positions == NULL || labels == NULL) exit(3);
    for (size_t k = 0; k < 9; k++) lattice[k] = strtod(at, &at);
    for (size_t i = 0; i < n; i++) {
        labels[i] = (int32_t)strtol(at, &at, 10);
        for (size_t k = 0; k < 3; k++) positions[3 * i + k] = strtod(at, &at);
    }
    r->crystal = (ck_crystal){lattice, positions, labels, n, NULL, 0};
}

static void read_rows(const char *name, int of_crystals) {
    char *all = malloc(BYTES), *end = all;
    FILE *file = fopen(name, "rb");
    if (all == NULL || file == NULL) exit(2);
    end += fread(all, 1, BYTES, file);
    fclose(file);
    for (char *at = all, *stop; at < end && n_rows < ROWS; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) break;
        row *r = &rows[n_rows++];
        r->text = at, r->length = (size_t)(stop - at);
        if (of_crystals) {
            *stop = 0;
            read_crystal(r, at);
            continue;
        }
        r->cloud = malloc((r->length + 2) * 2), r->compact = malloc((r->length + 2) * 2);
        if (ck_encode_cloud(at, r->length, r->cloud, r->length + 2, &r->n_cloud) != CK_OK) exit(3);
        if (ck_encode_compact(at, r->length, r->compact, r->length + 2, &r->n_compact) != CK_OK) exit(3);
        read_orbits(r);
    }
}

static size_t n_out;
static uint8_t new_letters[LONGEST];
static uint32_t order[LONGEST];

/* The floor of every step: its text read and written once. */
static void copy(const row *r) {
    memcpy(out, r->text, r->length < LONGEST ? r->length : LONGEST);
    __asm__ volatile("" ::: "memory");
}

static void check(const row *r) { ck_check(r->text, r->length, NULL, 0, NULL); }
static void encode_cloud(const row *r) { ck_encode_cloud(r->text, r->length, ids, LONGEST, &n_out); }
static void encode_compact(const row *r) { ck_encode_compact(r->text, r->length, ids, LONGEST, &n_out); }
static void decode_cloud(const row *r) { ck_decode_cloud(r->cloud, r->n_cloud, out, LONGEST, &n_out); }
static void format(const row *r) { ck_format(r->compact, r->n_compact, out, LONGEST, &n_out); }
static void canonical(const row *r) { ck_canonical(r->group, r->letters, r->contents, r->n, new_letters, order); }

static double work_memory[1 << 16];
static uint32_t orbits[MOST_SITES];

static void find_symmetry(const row *r) {
    ck_symmetry found;
    if (ck_find_symmetry(&r->crystal, 1e-2, 0, work_memory, sizeof work_memory, &found, new_letters, orbits, NULL) != CK_OK) exit(5);
}

static void encode_structure(const row *r) {
    if (ck_encode_structure(&r->crystal, NULL, 1e-2, 0, work_memory, sizeof work_memory, out, LONGEST, &n_out, NULL) != CK_OK) exit(5);
}

typedef void (*step)(const row *);
static const struct { const char *name; step work; } STEPS[] = {
    {"copy", copy}, {"ck_check", check}, {"ck_encode_cloud", encode_cloud}, {"ck_encode_compact", encode_compact},
    {"ck_decode_cloud", decode_cloud}, {"ck_format", format}, {"ck_canonical", canonical},
    {"ck_find_symmetry", find_symmetry}, {"ck_encode_structure", encode_structure},
};

static step find_step(const char *name) {
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++)
        if (strcmp(STEPS[i].name, name) == 0) return STEPS[i].work;
    exit(4);
}

__attribute__((noinline)) void all_rows(step work) {
    for (size_t i = 0; i < n_rows; i++) work(&rows[i]);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    double best = 1e18;
    if (argc < 3) return 1;
    step work = find_step(argv[1]);
    read_rows(argv[2], work == find_symmetry || work == encode_structure);
    for (int rounds = argc > 3 ? atoi(argv[3]) : 1; rounds > 0; rounds--) {
        double start = now();
        all_rows(work);
        double took = now() - start;
        best = took < best ? took : best;
    }
    printf("%zu %.1f\n", n_rows, best / (double)n_rows);
    return 0;
}
