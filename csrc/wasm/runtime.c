/* What the core needs of a C library, and the layout of the structures that docs/playground/core.js reads and writes.
 * Memory belongs to the caller here too: it starts at __heap_base. */
#include <stddef.h>

#include "../include/cloudkit/scope.h"
#include "math.h"
#include "string.h"

#define LAYOUT(type, size) _Static_assert(sizeof(type) == (size), "core.js has another size of " #type)
#define PLACE(type, member, offset) _Static_assert(offsetof(type, member) == (offset), "core.js has another place of " #member)

LAYOUT(ck_issue, 16);
PLACE(ck_issue, length, 4);
PLACE(ck_issue, offset, 8);
LAYOUT(ck_symbol, 6);
PLACE(ck_symbol, value, 2);
PLACE(ck_symbol, letter, 4);
LAYOUT(ck_species, 12);
PLACE(ck_species, length, 4);
PLACE(ck_species, rank, 8);
LAYOUT(ck_crystal, 24);
PLACE(ck_crystal, labels, 8);
PLACE(ck_crystal, n, 12);
PLACE(ck_crystal, occupancies, 16);
PLACE(ck_crystal, n_labels, 20);
LAYOUT(ck_symmetry, 200);
PLACE(ck_symmetry, symprec, 16);
PLACE(ck_symmetry, distance, 24);
PLACE(ck_symmetry, axes, 32);
PLACE(ck_symmetry, origin, 104);
PLACE(ck_symmetry, lattice, 128);

void *memchr(const void *bytes, int value, size_t n) {
    const unsigned char *at = bytes;
    for (; n > 0; n--, at++)
        if (*at == (unsigned char)value) return (void *)at;
    return NULL;
}

int memcmp(const void *first, const void *second, size_t n) {
    const unsigned char *a = first, *b = second;
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    return memmove(to, from, n);
}

void *memmove(void *to, const void *from, size_t n) {
    __builtin_memmove(to, from, n); /* an instruction, with -mbulk-memory */
    return to;
}

void *memset(void *to, int value, size_t n) {
    __builtin_memset(to, value, n);
    return to;
}

char *strchr(const char *text, int value) {
    for (;; text++) {
        if (*text == (char)value) return (char *)text;
        if (*text == '\0') return NULL;
    }
}

size_t strlen(const char *text) {
    size_t n = 0;
    while (text[n] != '\0') n++;
    return n;
}

double fmax(double x, double y) {
    return x != x || x < y ? y : x;
}

double fmin(double x, double y) {
    return x != x || y < x ? y : x;
}

/* Newton's method, for x >= 0; exact if the root is an integer. */
double cbrt(double x) {
    double root = x > 1 ? x : 1, next = root;
    if (!(x > 0)) return 0;
    do {
        root = next;
        next = (2 * root + x / (root * root)) / 3;
    } while (next < root);
    return rint(next) * rint(next) * rint(next) == x ? rint(next) : next;
}
