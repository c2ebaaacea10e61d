#include "cloudkit/scope.h"
#include "tables.h"

/* Orbits sorted by (letter, content), grouped by letter: letter i has contents[start[i]] to contents[start[i + 1]]. */
typedef struct {
    const uint32_t *contents;
    size_t start[28];
    unsigned letters;
} crystal;

/* Which renaming writes the smaller sequence of (letter, content)? a[j] and b[j] are the old letters that become j. */
static int is_smaller(const crystal *c, const uint8_t *a, const uint8_t *b) {
    for (unsigned j = 0; j < c->letters; j++) {
        size_t i = c->start[a[j]], i_end = c->start[a[j] + 1], k = c->start[b[j]], k_end = c->start[b[j] + 1];
        for (; i < i_end && k < k_end; i++, k++)
            if (c->contents[i] != c->contents[k]) return c->contents[i] < c->contents[k];
        /* the one with more orbits of this letter continues with it, the other with a later letter */
        if (i < i_end || k < k_end) return i < i_end;
    }
    return 0;
}

ck_status ck_canonical(uint32_t space_group, const uint8_t *letters, const uint32_t *contents, size_t n,
                       uint8_t *new_letters, uint32_t *order) {
    if (space_group < 1 || space_group > 230 || n > UINT32_MAX) return CK_INVALID;
    crystal c = {.contents = contents, .letters = ck_letter_count[space_group - 1]};
    for (size_t i = 0; i < n; i++) {
        if (letters[i] >= c.letters) return CK_INVALID;
        if (i && (letters[i - 1] > letters[i] || (letters[i - 1] == letters[i] && contents[i - 1] > contents[i])))
            return CK_INVALID;
        c.start[letters[i] + 1] = i + 1;
    }
    for (unsigned j = 1; j < 28; j++)
        if (c.start[j] < c.start[j - 1]) c.start[j] = c.start[j - 1];
    const uint8_t *first = ck_normalizer + ck_normalizer_start[space_group - 1];
    const uint8_t *end = ck_normalizer + ck_normalizer_start[space_group], *best = first;
    for (const uint8_t *renaming = first + c.letters; renaming < end; renaming += c.letters)
        if (is_smaller(&c, renaming, best)) best = renaming;
    size_t at = 0;
    for (unsigned j = 0; j < c.letters; j++) {
        for (size_t i = c.start[best[j]]; i < c.start[best[j] + 1]; i++, at++) {
            new_letters[at] = (uint8_t)j;
            order[at] = (uint32_t)i;
        }
    }
    return CK_OK;
}
