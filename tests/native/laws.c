#include "laws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloudkit/scope.h"

typedef ck_status (*encoder)(const char *, size_t, uint16_t *, size_t, size_t *);
typedef ck_status (*decoder)(const uint16_t *, size_t, char *, size_t, size_t *);

void expect(int held, const char *what) {
    if (held) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

void *exact(const void *bytes, size_t n) {
    void *copy = malloc(n ? n : 1);
    if (copy == NULL) abort();
    if (n) memcpy(copy, bytes, n);
    return copy;
}

/* Capacities around the length needed; the last one is enough. */
static size_t nth_cap(size_t k, size_t needed) {
    size_t caps[] = {0, 1, needed / 2, needed - 1, needed};
    return caps[k] < needed ? caps[k] : needed;
}

/* Encode under every capacity: the length needed is reported, what fits is written, nothing behind it is touched. */
static ck_status encode(encoder f, const char *text, size_t length, uint16_t **ids, size_t *n) {
    size_t needed = 0, again = 0;
    ck_status status = f(text, length, NULL, 0, &needed);
    if (status != CK_NO_SPACE) return status;
    expect(needed >= 2 && needed <= length + 2, "length + 2 ids suffice");
    *ids = exact(NULL, 0);
    for (size_t k = 0; k < 5; k++) {
        size_t cap = nth_cap(k, needed);
        uint16_t *part = malloc(cap ? cap * sizeof *part : 1);
        if (part == NULL) abort();
        status = f(text, length, part, cap, &again);
        expect(status == (cap < needed ? CK_NO_SPACE : CK_OK) && again == needed, "the number of ids needed is reported");
        free(*ids);
        *ids = part;
        *n = cap;
    }
    return status;
}

/* The same for ids to text. *n is the index of the bad id where the status is CK_INVALID. */
static ck_status decode(decoder f, const uint16_t *ids, size_t n_ids, char **text, size_t *n) {
    size_t needed = 0, again = 0;
    ck_status status = f(ids, n_ids, NULL, 0, &needed);
    *n = needed;
    if (status == CK_INVALID) return status;
    expect(needed <= 7 * n_ids + 80, "7 bytes an id and the generators suffice");
    expect(status == (needed ? CK_NO_SPACE : CK_OK), "no room is enough only for no text");
    char *whole = exact(NULL, 0);
    for (size_t k = 5; k-- > 0;) { /* the whole text first, then its parts */
        size_t cap = nth_cap(k, needed);
        char *part = malloc(cap ? cap : 1);
        if (part == NULL) abort();
        status = f(ids, n_ids, part, cap, &again);
        expect(status == (cap < needed ? CK_NO_SPACE : CK_OK) && again == needed, "the number of bytes needed is reported");
        if (k == 4) {
            free(whole);
            whole = part;
        } else {
            free(part);
        }
    }
    *text = whole;
    return CK_OK;
}

/* The number of findings whose code lies in a range. */
static size_t count(const char *text, size_t length, uint32_t first, uint32_t last) {
    size_t n = ck_check(text, length, NULL, 0, NULL), found = 0;
    ck_issue *issues = malloc(n ? n * sizeof *issues : 1);
    if (issues == NULL) abort();
    ck_check(text, length, issues, n, NULL);
    for (size_t i = 0; i < n; i++) found += issues[i].code >= first && issues[i].code <= last;
    free(issues);
    return found;
}

static size_t errors_of(const char *text, size_t length) { return count(text, length, 100, 399); }

void check_laws(const uint8_t *bytes, size_t length) {
    char *text = exact(bytes, length);
    uint32_t group = 999, again = 999;
    size_t n = ck_check(text, length, NULL, 0, &group);
    for (size_t k = 0; k < 5; k++) {
        size_t cap = n ? nth_cap(k, n) : 0;
        ck_issue *issues = malloc(cap ? cap * sizeof *issues : 1);
        if (issues == NULL) abort();
        expect(ck_check(text, length, issues, cap, &again) == n && group == again && group <= 230, "two calls agree");
        for (size_t i = 0; i < cap; i++) {
            expect(issues[i].offset <= length && issues[i].length <= length - issues[i].offset, "issues lie inside the text");
            expect(i == 0 || issues[i - 1].offset <= issues[i].offset, "issues are in order");
            expect(issues[i].code / 100 == issues[0].code / 100 || issues[i].code >= 300, "levels do not mix");
        }
        free(issues);
    }
    free(text);
}

void compact_laws(const uint8_t *bytes, size_t length) {
    char *text = exact(bytes, length), *back = NULL;
    uint16_t *ids = NULL;
    size_t n = 0, n_back = 0;
    ck_status status = encode(ck_encode_compact, text, length, &ids, &n);
    size_t errors = errors_of(text, length), signs = count(text, length, CK_SIGNS, CK_SIGNS);
    expect((status == CK_INVALID) == (errors > 0), "invalid is what has errors");
    expect(status == CK_OK || status == CK_INVALID || (status == CK_NO_TOKEN && signs), "all else has ids, but some with signs");
    if (status == CK_OK) {
        ck_symbol symbol;
        for (size_t i = 0; i < n; i++) {
            expect(ck_read_id(ids[i], &symbol) == CK_OK, "every id means something");
            expect((symbol.kind == CK_MARK) == (i == 0 || i == n - 1), "and only the ends are marks");
        }
        expect(decode(ck_format, ids, n, &back, &n_back) == CK_OK, "ids have a text");
        expect(n_back == length && memcmp(back, text, length) == 0, "and it is the text");
    }
    if (errors == 0 && signs == 0) {
        free(back);
        free(ids);
        expect(encode(ck_encode_cloud, text, length, &ids, &n) == CK_OK, "valid text has published ids");
        expect(decode(ck_decode_cloud, ids, n, &back, &n_back) == CK_OK, "they have a text");
        expect(n_back == length && memcmp(back, text, length) == 0, "and it is the text");
    }
    free(back);
    free(ids);
    free(text);
}

void cloud_laws(const uint8_t *bytes, size_t length) {
    char *text = exact(bytes, length), *back = NULL;
    uint16_t *ids = NULL, *again = NULL;
    size_t n = 0, n_back = 0, n_again = 0, marks = 0;
    ck_status status = encode(ck_encode_cloud, text, length, &ids, &n);
    expect(status == CK_OK || status == CK_NOT_ASCII, "any ASCII text has published ids");
    if (status == CK_OK) {
        expect(ids[0] == 0 && ids[n - 1] == 2, "[CLS] first, [SEP] last");
        for (size_t i = 0; i < n; i++) {
            expect(ids[i] < 564, "ids are in the vocabulary");
            marks += ids[i] < 3;
        }
        expect(decode(ck_decode_cloud, ids, n, &back, &n_back) == CK_OK, "ids have a text");
        if (marks == 2) { /* a [SEP] or so inside the text is not written back */
            expect(encode(ck_encode_cloud, back, n_back, &again, &n_again) == CK_OK, "which has ids");
            expect(n == n_again && memcmp(ids, again, n * sizeof *ids) == 0, "and they are the same");
        }
    }
    free(again);
    free(back);
    free(ids);
    free(text);
}

void decode_laws(const uint8_t *bytes, size_t length) {
    size_t n_ids = length / 2, n = 0;
    uint16_t *ids = exact(bytes, n_ids * 2);
    char *text = NULL;
    ck_status status = decode(ck_decode_cloud, ids, n_ids, &text, &n);
    if (status == CK_INVALID) {
        expect(n < n_ids && ids[n] >= 564, "the bad id is named");
        for (size_t i = 0; i < n; i++) expect(ids[i] < 564, "and it is the first");
    } else {
        expect(n == 0 || (text[0] != ' ' && text[n - 1] != ' '), "no blank at the ends");
    }
    free(text);
    free(ids);
}

void format_laws(const uint8_t *bytes, size_t length) {
    size_t n_ids = length / 2, n = 0, n_back = 0;
    uint16_t *ids = exact(bytes, n_ids * 2), *back = NULL;
    char *text = NULL;
    ck_status status = decode(ck_format, ids, n_ids, &text, &n);
    expect(status == CK_OK || status == CK_INVALID, "ids are a text or refused");
    if (status == CK_OK && errors_of(text, n) == 0) {
        expect(encode(ck_encode_compact, text, n, &back, &n_back) == CK_OK, "a valid text has ids");
        size_t first = ids[0] != 0, end = n_ids - (ids[n_ids - 1] == 2); /* [CLS] and [SEP] may be left out */
        expect(n_back == end + first + 1 && memcmp(back + 1, ids + 1 - first, (n_back - 2) * sizeof *ids) == 0, "and they are the ids");
    }
    free(back);
    free(text);
    free(ids);
}

/* Orbits are read from bytes as (letter, content); sort them by both. */
static int by_letter_and_content(const void *a, const void *b) { return memcmp(a, b, 2); }

void canonical_laws(const uint8_t *bytes, size_t length) {
    if (length < 1) return;
    uint32_t group = bytes[0];
    size_t n = (length - 1) / 2;
    uint8_t *pairs = exact(bytes + 1, 2 * n), *letters = exact(NULL, 0), *renamed = exact(NULL, 0), *again = exact(NULL, 0);
    if (n == 0 || bytes[0] % 2 == 0 || length % 2) qsort(pairs, n, 2, by_letter_and_content); /* some stay unsorted: refused */
    letters = realloc(letters, n + 1), renamed = realloc(renamed, n + 1), again = realloc(again, n + 1);
    uint32_t *contents = malloc((n + 1) * 4), *order = malloc((n + 1) * 4), *moved = malloc((n + 1) * 4);
    if (!letters || !renamed || !again || !contents || !order || !moved) abort();
    for (size_t i = 0; i < n; i++) {
        letters[i] = pairs[2 * i];
        contents[i] = pairs[2 * i + 1];
    }
    if (ck_canonical(group, letters, contents, n, renamed, order) == CK_OK) {
        expect(group >= 1 && group <= 230, "a group has a canonical form");
        int smaller = 0;
        for (size_t i = 0; i < n; i++) {
            expect(order[i] < n, "order holds places of the input");
            moved[i] = contents[order[i]];
            expect(i == 0 || renamed[i - 1] < renamed[i] || (renamed[i - 1] == renamed[i] && moved[i - 1] <= moved[i]), "the form is sorted");
            if (smaller == 0 && renamed[i] != letters[i]) smaller = renamed[i] < letters[i] ? 1 : -1;
            if (smaller == 0 && moved[i] != contents[i]) smaller = moved[i] < contents[i] ? 1 : -1;
        }
        expect(smaller >= 0, "the form is not larger than the input");
        expect(ck_canonical(group, renamed, moved, n, again, order) == CK_OK, "the form has a form");
        for (size_t i = 0; i < n; i++) expect(again[i] == renamed[i] && moved[order[i]] == moved[i], "and it is itself");
    }
    free(moved), free(order), free(contents);
    free(again), free(renamed), free(letters), free(pairs);
}
