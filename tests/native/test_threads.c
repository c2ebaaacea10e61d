/* Eight threads find the symmetry of the same crystals at once, each in memory of its own, and get the same strings. Built with
 * the thread sanitizer by test_core_in_c.py. Exit code 0: they agree. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloudkit/scope.h"
#include "laws.h"

enum { THREADS = 8, CRYSTALS = 120, MOST = 64, TEXT = 600 };

static double lattices[CRYSTALS][9], positions[CRYSTALS][3 * MOST];
static int32_t labels[CRYSTALS][MOST];
static size_t sites[CRYSTALS];

typedef struct { char text[CRYSTALS][TEXT]; size_t length[CRYSTALS]; ck_status status[CRYSTALS]; } answers;

static answers expected, found[THREADS];

static uint32_t seed = 20261130;
static uint32_t draw(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static void make_crystals(void) {
    for (size_t c = 0; c < CRYSTALS; c++) {
        for (size_t k = 0; k < 9; k += 4) lattices[c][k] = 4 + draw(2) + 2.5 * (double)(c % 3);
        sites[c] = 1 + draw(MOST - 1);
        if (c % 2) sites[c] = 1 + sites[c] % 8;
        for (size_t i = 0; i < sites[c]; i++) {
            labels[c][i] = (int32_t)(11 + draw(2) * 6);
            for (size_t k = 0; k < 3; k++) positions[c][3 * i + k] = draw(c % 2 ? 4 : 12) / (c % 2 ? 4.0 : 12.0);
        }
    }
}

static void *encode_all(void *out) {
    answers *a = out;
    size_t size = ck_work_size(MOST);
    void *work = malloc(size);
    if (work == NULL) abort();
    for (size_t c = 0; c < CRYSTALS; c++) {
        ck_crystal crystal = {lattices[c], positions[c], labels[c], sites[c], NULL, 0};
        a->status[c] = ck_get_api()->encode_structure(&crystal, NULL, 1e-2, 0, work, size, a->text[c], TEXT, &a->length[c], NULL);
    }
    free(work);
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    size_t n_strings = 0;
    make_crystals();
    encode_all(&expected);
    for (size_t c = 0; c < CRYSTALS; c++) n_strings += expected.status[c] == CK_OK;
    expect(n_strings >= CRYSTALS / 4, "many of the crystals have a string");
    for (int k = 0; k < THREADS; k++) expect(pthread_create(&threads[k], NULL, encode_all, &found[k]) == 0, "a thread starts");
    for (int k = 0; k < THREADS; k++) {
        expect(pthread_join(threads[k], NULL) == 0, "a thread ends");
        expect(memcmp(&found[k], &expected, sizeof expected) == 0, "with the same answers");
    }
    puts("all threads agree");
    return 0;
}
