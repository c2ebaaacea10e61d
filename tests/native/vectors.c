/* All conformance vectors against the C core, from a list that test_core_in_c.py writes. One line a vector, numbers with
 * blanks between, the bytes of the text among them:
 *
 *     issues of (code offset length) <tab> published ids <tab> compact ids <tab> text <tab> */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloudkit/scope.h"
#include "laws.h"

enum { MOST = 4096 };

/* The numbers up to the next tab. */
static size_t read_numbers(char **at, unsigned long *numbers) {
    size_t n = 0;
    while (**at != '\t') numbers[n++] = strtoul(*at, at, 10);
    ++*at;
    return n;
}

static void same_ids(const uint16_t *ids, size_t n, const unsigned long *expected, size_t n_expected) {
    expect(n == n_expected, "as many ids as the vector has");
    for (size_t i = 0; i < n; i++) expect(ids[i] == expected[i], "the ids of the vector");
}

static int needs_unicode(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c > 0x7e || (c < 0x20 && c != '\t' && c != '\n' && c != '\r')) return 1;
    }
    return 0;
}

static void hold(const char *text, size_t length, unsigned long *issues, size_t n_issues, unsigned long *cloud, size_t n_cloud, unsigned long *compact, size_t n_compact) {
    ck_issue found[MOST / 3];
    uint16_t ids[MOST];
    size_t n = ck_check(text, length, found, MOST / 3, NULL);
    expect(n == n_issues / 3, "as many findings as the vector has");
    for (size_t i = 0; i < n; i++)
        expect(found[i].code == issues[3 * i] && found[i].offset == issues[3 * i + 1] && found[i].length == issues[3 * i + 2], "code, offset and length of the vector");
    ck_status status = ck_encode_cloud(text, length, ids, MOST, &n);
    expect(status == (needs_unicode(text, length) ? CK_NOT_ASCII : CK_OK), "published ids of all ASCII text");
    if (n_cloud && status == CK_OK) same_ids(ids, n, cloud, n_cloud);
    if (n_compact) {
        expect(ck_encode_compact(text, length, ids, MOST, &n) == CK_OK, "compact ids");
        same_ids(ids, n, compact, n_compact);
    }
    check_laws((const uint8_t *)text, length);
    compact_laws((const uint8_t *)text, length);
    cloud_laws((const uint8_t *)text, length);
}

int main(void) {
    static char line[1 << 20];
    static unsigned long issues[MOST], cloud[MOST], compact[MOST], bytes[MOST];
    unsigned count = 0;
    while (fgets(line, sizeof line, stdin)) {
        char *at = line;
        size_t n_issues = read_numbers(&at, issues), n_cloud = read_numbers(&at, cloud), n_compact = read_numbers(&at, compact);
        size_t length = read_numbers(&at, bytes);
        char *text = malloc(length ? length : 1); /* of its exact size: reading past it is an error */
        if (text == NULL) abort();
        for (size_t i = 0; i < length; i++) text[i] = (char)bytes[i];
        hold(text, length, issues, n_issues, cloud, n_cloud, compact, n_compact);
        free(text);
        count++;
    }
    printf("%u vectors\n", count);
    return 0;
}
