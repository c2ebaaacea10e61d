#include <string.h>

#include "scan.h"
#include "tables.h"

enum { WORD = sizeof ck_cloud_text[0] };

/* The first word: no space before it, and no word that it continues. */
static size_t put_first(char *out, size_t cap, unsigned id) {
    char word[WORD + 2] = "##";
    size_t length = ck_cloud_text_length[id];
    if (length == 1) {
        word[2] = ck_cloud_text[id][0];
        length = 3;
    } else {
        memcpy(word, ck_cloud_text[id] + 1, --length);
    }
    if (cap) memcpy(out, word, length < cap ? length : cap);
    return length;
}

static size_t put_token(char *out, unsigned id) { /* room for a full table entry */
    memcpy(out, ck_cloud_text[id], WORD);
    return ck_cloud_text_length[id];
}

/* Are four ids in the vocabulary? In each 16-bit lane, the sum sets the highest bit if the id is not. */
static int are_known(const uint16_t *ids) {
    const uint64_t lanes = 0x0001000100010001u;
    uint64_t four;
    memcpy(&four, ids, sizeof four);
    return (((four + (0x8000 - CLOUD_END) * lanes) | four) & 0x8000 * lanes) == 0;
}

ck_status ck_decode_cloud(const uint16_t *ids, size_t n_ids, char *out, size_t cap, size_t *n_out) {
    size_t i = 0, n = 0;
    while (i < n_ids && ids[i] < CLOUD_END && ck_cloud_text_length[ids[i]] == 0) i++;
    if (i < n_ids && ids[i] < CLOUD_END) n = put_first(out, cap, ids[i++]);
    for (; i + 4 <= n_ids && n + 4 * WORD <= cap && are_known(ids + i); i += 4) {
        n += put_token(out + n, ids[i]);
        n += put_token(out + n, ids[i + 1]);
        n += put_token(out + n, ids[i + 2]);
        n += put_token(out + n, ids[i + 3]);
    }
    for (; i < n_ids && n + WORD <= cap && ids[i] < CLOUD_END; i++) n += put_token(out + n, ids[i]);
    for (; i < n_ids && ids[i] < CLOUD_END; i++) {
        size_t length = ck_cloud_text_length[ids[i]];
        if (n < cap) memcpy(out + n, ck_cloud_text[ids[i]], length < cap - n ? length : cap - n);
        n += length;
    }
    *n_out = i < n_ids ? i : n;
    return i < n_ids ? CK_INVALID : n > cap ? CK_NO_SPACE : CK_OK;
}

ck_status ck_read_id(uint16_t id, ck_symbol *symbol) {
    *symbol = (ck_symbol){.kind = CK_MARK};
    if (id >= ID_END) return CK_INVALID;
    if (id >= ID_FRACTION) {
        symbol->kind = CK_FRACTION;
        symbol->value = (uint16_t)(id - ID_FRACTION);
    } else if (id >= ID_ELEMENT) {
        symbol->kind = CK_ELEMENT;
        symbol->value = (uint16_t)(id - ID_ELEMENT + 1);
    } else if (id >= ID_WYCKOFF) {
        const char *text = ck_compact_text[id];
        symbol->kind = CK_WYCKOFF;
        for (; *text >= '0' && *text <= '9'; text++) symbol->value = (uint16_t)(symbol->value * 10 + (*text - '0'));
        symbol->letter = *text;
    } else if (id >= ID_GROUP) {
        symbol->kind = CK_GROUP;
        symbol->value = (uint16_t)(id - ID_GROUP + 1);
    } else if (id == ID_BAR) {
        symbol->kind = CK_BAR;
    }
    return CK_OK;
}

const ck_api *ck_get_api(void) {
    static const ck_api table = {
        CK_ABI_VERSION, sizeof(ck_api), ck_check, ck_encode_cloud, ck_encode_compact, ck_decode_cloud, ck_format, ck_read_id, ck_canonical,
        ck_work_size, ck_find_symmetry, ck_encode_structure,
    };
    return &table;
}
