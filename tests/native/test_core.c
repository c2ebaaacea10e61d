/* The C core without Python: known results, then the laws of laws.h on cut, damaged and random input. Exit code 0: all held.
 * Built with sanitizers by test_core_in_c.py. */
#include <stdio.h>
#include <string.h>

#include "cloudkit/scope.h"
#include "laws.h"

#define ROCK_SALT "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"

static const char *const SOUND[] = {
    ROCK_SALT " | Na 4a Cl 4b", ROCK_SALT " | 4a 4b | Na 0.5 Cl 0.5", "0 0 0 | H 1a H 1a", "0 0 0 | Fe 0.25 Ni 0.75 1a Og 1a",
    "1 0 0 | 1a 2i | Fr 0.33 Es 0.33 U 0.33", "0 0 0 | 1a 1a | Na+ Fe3+:0.5, Ni:0.125", ROCK_SALT " | 4a 4b | Na Cl",
    "0 0 0 | 1a 1a | Fe:0.5, Ni:0.5 O",
};

static void known_results(void) {
    const char *text = ROCK_SALT " | Na 4a Cl 4b";
    uint32_t group = 0;
    uint16_t ids[64];
    size_t n = 0;
    char out[128];
    expect(ck_abi_version() == CK_ABI_VERSION, "ABI");
    expect(ck_check(text, strlen(text), NULL, 0, &group) == 0 && group == 225, "rock salt is valid and in 225");
    expect(ck_encode_compact(text, strlen(text), ids, 64, &n) == CK_OK && n == 7 && ids[0] == 0 && ids[1] == 230 && ids[6] == 2, "compact ids");
    expect(ck_format(ids, n, out, sizeof out, &n) == CK_OK && n == strlen(text) && memcmp(out, text, n) == 0, "format");
    expect(ck_encode_cloud("Na", 2, ids, 64, &n) == CK_OK && n == 3 && ids[0] == 0 && ids[2] == 2, "cloud ids");
    expect(ck_encode_cloud("10.5", 4, ids, 64, &n) == CK_OK && n == 4 && ids[1] == 7 && ids[2] == 463 + 50, "1 and 0.5");
    expect(ck_encode_cloud("a\x01", 2, ids, 64, &n) == CK_NOT_ASCII, "control characters need Unicode rules");
    expect(ck_encode_cloud("\xc3\xa9", 2, ids, 64, &n) == CK_NOT_ASCII, "so does UTF-8");
    expect(ck_encode_compact("", 0, ids, 64, &n) == CK_INVALID, "empty text has no compact ids");

    ck_symbol symbol;
    ck_issue issues[4];
    const char *wrong = ROCK_SALT " | X 4a Cl 9b";
    expect(ck_read_id(ids[0], &symbol) == CK_OK && symbol.kind == CK_MARK, "0 is a mark");
    expect(ck_read_id(230, &symbol) == CK_OK && symbol.kind == CK_GROUP && symbol.value == 225, "230 is a group");
    expect(ck_read_id(641, &symbol) == CK_INVALID, "641 is outside the vocabulary");
    expect(ck_get_api()->abi_version == CK_ABI_VERSION && ck_get_api()->size == sizeof(ck_api), "the table says what it is");
    expect(ck_get_api()->check == ck_check && ck_get_api()->canonical == ck_canonical, "and holds the functions");

    expect(ck_check(wrong, strlen(wrong), issues, 4, NULL) == 2, "two issues");
    expect(issues[0].code == CK_UNKNOWN_ELEMENT && issues[0].offset == strlen(ROCK_SALT) + 3 && issues[0].length == 1, "X");
    expect(issues[1].code == CK_UNKNOWN_WYCKOFF && issues[1].offset == strlen(ROCK_SALT) + 11 && issues[1].length == 2, "9b");
}

static uint32_t seed = 20261123;
static uint32_t draw(uint32_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static void text_laws(const char *text, size_t length) {
    check_laws((const uint8_t *)text, length);
    compact_laws((const uint8_t *)text, length);
    cloud_laws((const uint8_t *)text, length);
}

static void random_text(void) {
    static const char alphabet[] = "019.|| aADHNahlcz4[]+-:,\t\x7f\xc3";
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
        text_laws(bytes, length);
    }
}

static void random_ids(void) {
    uint16_t ids[40];
    for (int round = 0; round < 20000; round++) {
        size_t n = draw(40);
        for (size_t i = 0; i < n; i++) ids[i] = (uint16_t)(draw(30) ? draw(564) : draw(65536));
        if (n > 1 && draw(2)) ids[0] = (uint16_t)(6 + draw(230));
        decode_laws((const uint8_t *)ids, n * sizeof *ids);
        format_laws((const uint8_t *)ids, (n < 8 ? n : 8) * sizeof *ids);
    }
}

static void random_orbits(void) {
    uint8_t bytes[41];
    for (int round = 0; round < 5000; round++) {
        size_t n = draw(20);
        bytes[0] = (uint8_t)draw(256);
        for (size_t i = 0; i < n; i++) {
            bytes[1 + 2 * i] = (uint8_t)draw(draw(4) ? 4 : 27);
            bytes[2 + 2 * i] = (uint8_t)draw(3);
        }
        canonical_laws(bytes, 1 + 2 * n);
    }
}

int main(void) {
    known_results();
    for (size_t i = 0; i < sizeof SOUND / sizeof *SOUND; i++)
        for (size_t cut = 0; cut <= strlen(SOUND[i]); cut++) text_laws(SOUND[i], cut);
    random_text();
    random_ids();
    random_orbits();
    puts("all laws held");
    return 0;
}
