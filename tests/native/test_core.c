/* The C core without Python: real results, small buffers, cut text, random bytes. Exit code 0: all held.
 * Built with sanitizers by test_core_in_c.py; every buffer is malloc'ed to its exact size so that one byte too far is seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloudkit/scope.h"

#define ROCK_SALT "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"

static int failures = 0;

static void expect(int held, const char *what, const char *text) {
    if (held) return;
    failures++;
    fprintf(stderr, "failed: %s: %s\n", what, text);
}

/* A copy of exactly n bytes: reading past it is an error that the sanitizer reports. */
static char *exact(const void *bytes, size_t n) {
    char *copy = malloc(n ? n : 1);
    if (copy == NULL) abort();
    if (n) memcpy(copy, bytes, n);
    return copy;
}

static const char *const SOUND[] = {
    ROCK_SALT " | Na 4a Cl 4b", ROCK_SALT " | 4a 4b | Na 0.5 Cl 0.5", "0 0 0 | H 1a H 1a", "0 0 0 | Fe 0.25 Ni 0.75 1a Og 1a",
    "1 0 0 | 1a 2i | Fr 0.33 Es 0.33 U 0.33",
};

static void known_results(void) {
    const char *text = ROCK_SALT " | Na 4a Cl 4b";
    uint32_t group = 0;
    uint16_t ids[64];
    size_t n = 0;
    char out[128];
    expect(ck_abi_version() == CK_ABI_VERSION, "ABI", "version");
    expect(ck_check(text, strlen(text), NULL, 0, &group) == 0 && group == 225, "rock salt is valid and in 225", text);
    expect(ck_encode_compact(text, strlen(text), ids, 64, &n) == CK_OK && n == 7 && ids[0] == 0 && ids[1] == 230 && ids[6] == 2, "compact ids", text);
    expect(ck_format(ids, n, out, sizeof out, &n) == CK_OK && n == strlen(text) && memcmp(out, text, n) == 0, "format", text);
    expect(ck_encode_cloud("Na", 2, ids, 64, &n) == CK_OK && n == 3 && ids[0] == 0 && ids[2] == 2, "cloud ids", "Na");
    expect(ck_encode_cloud("10.5", 4, ids, 64, &n) == CK_OK && n == 4 && ids[1] == 7 && ids[2] == 463 + 50, "1 and 0.5", "10.5");
    expect(ck_encode_cloud("a\x01", 2, ids, 64, &n) == CK_NOT_ASCII, "control characters need Unicode rules", "a\\1");
    expect(ck_encode_cloud("\xc3\xa9", 2, ids, 64, &n) == CK_NOT_ASCII, "so does UTF-8", "e acute");
    expect(ck_encode_compact("", 0, ids, 64, &n) == CK_INVALID, "empty text has no compact ids", "");

    ck_issue issues[4];
    const char *wrong = ROCK_SALT " | X 4a Cl 9b";
    expect(ck_check(wrong, strlen(wrong), issues, 4, NULL) == 2, "two issues", wrong);
    expect(issues[0].code == CK_UNKNOWN_ELEMENT && issues[0].offset == strlen(ROCK_SALT) + 3 && issues[0].length == 1, "X", wrong);
    expect(issues[1].code == CK_UNKNOWN_WYCKOFF && issues[1].offset == strlen(ROCK_SALT) + 11 && issues[1].length == 2, "9b", wrong);
}

/* A buffer of each size: the length needed is told, what fits is written, nothing behind it is touched. */
static void small_buffers(const char *text) {
    size_t length = strlen(text), needed = 0, n = 0;
    uint16_t full[256];
    expect(ck_encode_compact(text, length, full, 256, &needed) == CK_OK, "compact", text);
    for (size_t cap = 0; cap <= needed; cap++) {
        uint16_t *ids = (uint16_t *)exact(full, cap * sizeof *full);
        ck_status status = ck_encode_compact(text, length, ids, cap, &n);
        expect(status == (cap < needed ? CK_NO_SPACE : CK_OK) && n == needed, "compact says the length needed", text);
        expect(memcmp(ids, full, cap * sizeof *full) == 0, "compact writes what fits", text);
        free(ids);
    }
    size_t n_ids = needed;
    char whole[256];
    expect(ck_format(full, n_ids, whole, 256, &needed) == CK_OK && needed == length, "format", text);
    for (size_t cap = 0; cap <= needed; cap++) {
        char *out = exact(whole, cap);
        ck_status status = ck_format(full, n_ids, out, cap, &n);
        expect(status == (cap < needed ? CK_NO_SPACE : CK_OK) && n == needed, "format says the length needed", text);
        free(out);
    }
    expect(ck_encode_cloud(text, length, full, 256, &needed) == CK_OK, "cloud", text);
    for (size_t cap = 0; cap <= needed; cap++) {
        uint16_t *ids = (uint16_t *)exact(full, cap * sizeof *full);
        ck_status status = ck_encode_cloud(text, length, ids, cap, &n);
        expect(status == (cap < needed ? CK_NO_SPACE : CK_OK) && n == needed, "cloud says the length needed", text);
        free(ids);
    }
}

/* What must hold of any bytes at all. */
static void any_bytes(const char *bytes, size_t length) {
    char *text = exact(bytes, length);
    uint32_t group = 999, again = 999;
    size_t n = ck_check(text, length, NULL, 0, &group), n_ids = 0;
    ck_issue *issues = malloc((n ? n : 1) * sizeof *issues);
    if (issues == NULL) abort();
    expect(ck_check(text, length, issues, n, &again) == n && group == again && group <= 230, "two calls agree", bytes);
    size_t errors = 0;
    for (size_t i = 0; i < n; i++) {
        expect(issues[i].offset + issues[i].length <= length, "issues lie inside the text", bytes);
        expect(i == 0 || issues[i - 1].offset <= issues[i].offset, "issues are in order", bytes);
        errors += issues[i].code < 400;
    }
    uint16_t *ids = malloc((length + 2) * sizeof *ids);
    char *out = malloc(length ? length : 1);
    if (ids == NULL || out == NULL) abort();
    ck_status status = ck_encode_compact(text, length, ids, length + 2, &n_ids);
    expect(status == (errors ? CK_INVALID : CK_OK), "ids exist where no error does", bytes);
    if (status == CK_OK) {
        size_t written = 0;
        expect(ck_format(ids, n_ids, out, length, &written) == CK_OK, "ids have a text", bytes);
        expect(written == length && memcmp(out, text, length) == 0, "and it is the text", bytes);
    }
    status = ck_encode_cloud(text, length, ids, length + 2, &n_ids);
    expect(status == CK_OK || status == CK_NOT_ASCII, "length + 2 cloud ids suffice", bytes);
    if (status == CK_OK)
        for (size_t i = 0; i < n_ids; i++) expect(ids[i] < 564, "cloud ids are in the vocabulary", bytes);
    free(out);
    free(ids);
    free(issues);
    free(text);
}

static uint32_t seed = 20261123;
static uint32_t draw(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static void random_text(void) {
    static const char alphabet[] = "019.|| aADHNahlcz4[]\t\x7f\xc3";
    char bytes[200];
    for (int round = 0; round < 20000; round++) {
        size_t length = draw(sizeof bytes), kind = draw(3);
        for (size_t i = 0; i < length; i++)
            bytes[i] = kind == 0 ? (char)draw(256) : alphabet[draw(sizeof alphabet - 1)];
        if (kind == 2) { /* a sound string with one byte changed */
            const char *text = SOUND[draw(sizeof SOUND / sizeof *SOUND)];
            length = strlen(text);
            memcpy(bytes, text, length);
            bytes[draw((uint32_t)length)] = alphabet[draw(sizeof alphabet - 1)];
        }
        any_bytes(bytes, length);
    }
}

static void random_ids(void) {
    uint16_t ids[12];
    char out[400];
    for (int round = 0; round < 20000; round++) {
        size_t n = draw(12), n_out = 0;
        for (size_t i = 0; i < n; i++) ids[i] = (uint16_t)(draw(8) ? draw(660) : draw(65536));
        if (n > 1 && draw(2)) ids[0] = (uint16_t)(6 + draw(230));
        uint16_t *copy = (uint16_t *)exact(ids, n * sizeof *ids);
        ck_status status = ck_format(copy, n, out, sizeof out, &n_out);
        expect(status == CK_OK || status == CK_INVALID, "random ids are text or refused", "ids");
        expect(status != CK_OK || n_out <= sizeof out, "and fit six bytes each", "ids");
        free(copy);
    }
}

int main(void) {
    known_results();
    for (size_t i = 0; i < sizeof SOUND / sizeof *SOUND; i++) {
        small_buffers(SOUND[i]);
        for (size_t cut = 0; cut <= strlen(SOUND[i]); cut++) any_bytes(SOUND[i], cut);
    }
    random_text();
    random_ids();
    printf("%d failures\n", failures);
    return failures != 0;
}
