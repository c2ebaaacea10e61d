/* A crystal with its symmetry, as the engine returns it. Private to the library. */
#ifndef CK_STRUCTURE_H
#define CK_STRUCTURE_H

#include "symmetry.h"

typedef struct {
    atoms *crystal; /* the primitive cell, reduced */
    setting setting;
} solution;

typedef struct { uint64_t key; uint32_t value; } keyed;

void sort_keyed(keyed *items, size_t n);

/* Check the input, then run the steps of symmetry.h at the largest tolerance of symprec, symprec / 2, ... at which the
 * operations form a group. */
ck_status solve(work **out, const ck_crystal *crystal, double symprec, uint64_t budget, void *memory, size_t memory_size, solution *s);

/* Fill in the standard axes and the idealized conventional cell. */
void describe_cell(const work *w, const ck_crystal *crystal, const solution *s, ck_symmetry *found);

/* Positions averaged over the operations, in the input cell. */
void idealize(work *w, const ck_crystal *crystal, const solution *s, double *ideal);

#endif
