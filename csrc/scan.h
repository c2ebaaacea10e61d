/* One pass over a SCOPE string: tokens, ids and findings. Private to the library. */
#ifndef CK_SCAN_H
#define CK_SCAN_H

#include "cloudkit/scope.h"

enum { ID_CLS = 0, ID_PAD = 1, ID_SEP = 2, ID_UNK = 3, ID_BAR = 5, ID_GROUP = 6 };

typedef struct ck_writer {
    uint16_t *ids;
    size_t cap, n;
} ck_writer;

static inline void put(ck_writer *out, unsigned id) {
    if (out->n < out->cap) out->ids[out->n] = (uint16_t)id;
    out->n++;
}

/* Index of a generator text in the table, or 0. */
unsigned ck_find_group(const char *text, size_t length);

#endif
