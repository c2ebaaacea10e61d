#include <string.h>

#include "scan.h"
#include "tables.h"

uint32_t ck_abi_version(void) { return CK_ABI_VERSION; }

/* ---- published vocabulary ---- */

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static int is_alnum(char c) {
    unsigned lower = (unsigned char)c | 0x20u;
    return lower - 'a' < 26u || (unsigned char)c - (unsigned)'0' < 10u;
}

/* The length of the special token or decimal that starts here, longest first; 0 for none. */
static size_t match_special(const char *p, size_t n, unsigned *id) {
    static const char *const special[5] = {"[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"};
    if (p[0] == '[') {
        for (unsigned i = 0; i < 5; i++) {
            size_t m = strlen(special[i]);
            if (n >= m && memcmp(p, special[i], m) == 0) { *id = i; return m; }
        }
        return 0;
    }
    if (n < 3 || p[1] != '.' || p[2] < '0' || p[2] > '9') return 0;
    if (p[0] == '1' && p[2] == '0') { *id = CLOUD_FRACTION + 100; return 3; }
    if (p[0] != '0') return 0;
    *id = CLOUD_FRACTION + (unsigned)(p[2] - '0') * 10;
    if (n < 4 || p[3] < '1' || p[3] > '9') return 3;
    *id += (unsigned)(p[3] - '0');
    return 4;
}

static inline size_t match_whole(const char *p, size_t n, unsigned *id) {
    return p[0] == '0' || p[0] == '1' || p[0] == '[' ? match_special(p, n, id) : 0;
}

static unsigned find_word(const char *p, size_t n) {
    uint32_t key = 0;
    for (size_t i = 0; i < n; i++) key |= (uint32_t)(unsigned char)p[i] << (8 * i);
    for (unsigned slot = key * 2654435761u >> 21; ck_cloud_key[slot]; slot = (slot + 1) % 2048)
        if (ck_cloud_key[slot] == key) return ck_cloud_id[slot];
    return 0;
}

/* Greedy longest match; pieces after the first are single characters in this vocabulary. */
static void put_word(ck_writer *out, const char *p, size_t n) {
    size_t first = n < 4 ? n : 4, start = out->n;
    unsigned id = 0;
    while (first > 0 && (id = find_word(p, first)) == 0) first--;
    if (id == 0 || n > 100) {
        put(out, ID_UNK);
        return;
    }
    put(out, id);
    for (size_t i = first; i < n; i++) {
        unsigned piece = ck_cloud_continuation[(unsigned char)p[i]];
        if (piece == 0) {
            out->n = start;
            put(out, ID_UNK);
            return;
        }
        put(out, piece);
    }
}

/* Copy the ids of known generators; returns the offset of the bar after them, or 0. */
static size_t put_generators(ck_writer *out, const char *text, size_t length) {
    const char *bar = memchr(text, '|', length < 80 ? length : 80);
    if (bar == NULL || bar - text < 2 || bar[-1] != ' ') return 0;
    unsigned group = ck_find_group(text, (size_t)(bar - text) - 1);
    if (group == 0) return 0;
    const uint16_t *ids = ck_generator_cloud + ck_generator_cloud_start[group - 1];
    size_t n = (size_t)(ck_generator_cloud_start[group] - ck_generator_cloud_start[group - 1]);
    size_t room = out->n < out->cap ? out->cap - out->n : 0;
    if (room) memcpy(out->ids + out->n, ids, (n < room ? n : room) * sizeof *ids);
    out->n += n;
    return (size_t)(bar - text);
}

ck_status ck_encode_cloud(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out) {
    ck_writer out = {ids, cap, 0};
    put(&out, ID_CLS);
    size_t i = put_generators(&out, text, length);
    while (i < length) {
        unsigned id = 0;
        size_t whole = match_whole(text + i, length - i, &id);
        if (whole) {
            put(&out, id);
            i += whole;
        } else if (is_space(text[i])) {
            i++;
        } else if (text[i] < 0x20 || text[i] > 0x7e) {
            return CK_NOT_ASCII;
        } else if (!is_alnum(text[i])) {
            put_word(&out, text + i++, 1);
        } else {
            size_t start = i++;
            while (i < length && is_alnum(text[i]) && !match_whole(text + i, length - i, &id)) i++;
            /* removing a control character inside a word joins its halves: Unicode rules */
            if (i < length && (text[i] > 0x7e || (text[i] < 0x20 && !is_space(text[i])))) return CK_NOT_ASCII;
            put_word(&out, text + start, i - start);
        }
    }
    put(&out, ID_SEP);
    *n_out = out.n;
    return out.n > cap ? CK_NO_SPACE : CK_OK;
}

/* ---- text of compact ids ---- */

typedef struct { char *text; size_t cap, n; } text_writer;

static void put_text(text_writer *out, const char *text, size_t n) {
    if (out->n + n <= out->cap) memcpy(out->text + out->n, text, n);
    out->n += n;
}

ck_status ck_format(const uint16_t *ids, size_t n_ids, char *out, size_t cap, size_t *n_out) {
    text_writer text = {out, cap, 0};
    size_t i = n_ids > 0 && ids[0] == ID_CLS, end = n_ids;
    if (end > i && ids[end - 1] == ID_SEP) end--;
    *n_out = 0;
    if (end < i + 2 || ids[i] < ID_GROUP || ids[i] >= ID_WYCKOFF) return CK_INVALID;
    unsigned group = ids[i++] - ID_GROUP;
    put_text(&text, ck_generator_text[group], ck_generator_length[group]);
    put_text(&text, " |", 2);
    int listed = ids[i] < ID_ELEMENT, full = 0; /* listed: Wyckoff symbols come first */
    for (size_t first = i; i < end; i++) {
        unsigned id = ids[i], before = i > first ? ids[i - 1] : ID_BAR;
        int behind_symbol = before >= ID_WYCKOFF && before < ID_ELEMENT, behind_share = before >= ID_FRACTION;
        if (id == ID_BAR) {
            if (i + 1 == end || !(full ? behind_share : listed && behind_symbol)) return CK_INVALID;
            if (!full) put_text(&text, " |", 2);
            full = 1;
            continue;
        }
        if (id < (full ? ID_ELEMENT : ID_WYCKOFF) || id >= ID_END) return CK_INVALID;
        int lone = id >= ID_ELEMENT && id < ID_FRACTION && (i + 1 == end || ids[i + 1] < ID_FRACTION);
        if (lone && listed && !full) return CK_INVALID; /* in a composition each element has a fraction */
        if (full && id >= ID_FRACTION) {
            if (before == ID_BAR || behind_share) return CK_INVALID;
            put_text(&text, ":", 1);
        } else {
            if (full && behind_share) put_text(&text, ",", 1);
            if (!full && listed && behind_symbol && id >= ID_ELEMENT) put_text(&text, " |", 2);
            put_text(&text, " ", 1);
        }
        put_text(&text, ck_compact_text[id], strlen(ck_compact_text[id]));
    }
    *n_out = text.n;
    return text.n > cap ? CK_NO_SPACE : CK_OK;
}
