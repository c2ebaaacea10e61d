/* Reads one word of a string as a token: a bar, a Wyckoff symbol, an element, a fraction, a species of full. Private to the library. */
#ifndef CK_WORD_H
#define CK_WORD_H

#include <stddef.h>

#include "tables.h"

enum { WHOLE = 1000000 }; /* fractions are counted in millionths */

typedef enum { T_OTHER, T_BAR, T_WYCKOFF, T_ELEMENT, T_FRACTION, T_ION, T_PART, T_PART_COMMA } token_kind;

typedef struct {          /* 16 bytes: passed in registers */
    uint32_t value, share; /* value: multiplicity, element number, or millionths of a fraction; share: of a part, millionths */
    uint8_t kind, letter;  /* kind: a token_kind */
    uint8_t symbol;        /* length of an element's symbol */
    uint8_t share_at;      /* where the occupancy of a part starts in the token; 0 if there is none */
    uint8_t charged;
} token;

static inline int is_lower(char c) { return c >= 'a' && c <= 'z'; }
static inline int is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline int is_digit(char c) { return c >= '0' && c <= '9'; }

/* 0.5, 0.25, 1.0: one to `decimals` decimals, no trailing zero except as the only decimal. Millionths. */
static inline int read_fraction(const char *p, size_t n, size_t decimals, uint32_t *value) {
    if (n < 3 || n > 2 + decimals || p[1] != '.' || (p[0] != '0' && p[0] != '1')) return 0;
    uint32_t unit = WHOLE / 10;
    *value = p[0] == '1' ? WHOLE : 0;
    for (size_t i = 2; i < n; i++, unit /= 10) {
        if (!is_digit(p[i])) return 0;
        *value += (uint32_t)(p[i] - '0') * unit;
    }
    return *value <= WHOLE && (n == 3 || (p[0] == '0' && p[n - 1] != '0'));
}

/* The length of an oxidation state: a sign, after a number other than 1: +, 2-, 0+, 2.5+; 0 if there is none. */
static inline size_t read_charge(const char *p, size_t n) {
    size_t i = 0;
    while (i < n && is_digit(p[i])) i++;
    size_t whole = i;
    if (i < n && p[i] == '.') {
        i++;
        while (i < n && is_digit(p[i])) i++;
        if (whole != 1 || i < 3 || i > 6 || p[i - 1] == '0') return 0;
    } else if (whole > 2 || (whole == 1 && p[0] == '1') || (whole == 2 && p[0] == '0')) {
        return 0;
    }
    if (i == n || (p[i] != '+' && (p[i] != '-' || (i == 1 && p[0] == '0')))) return 0;
    return i + 1;
}

/* A species of full that is not a plain element: Na+, Fe:0.5 or Fe3+:0.125; the latter two end in a comma if more follow. */
static inline token read_species(const char *p, size_t n) {
    token t = {.symbol = n > 1 && is_lower(p[1]) ? 2 : 1};
    t.value = ck_element_number[(p[0] - 'A') * 27 + (t.symbol == 2 ? p[1] - 'a' + 1 : 0)];
    size_t charge = read_charge(p + t.symbol, n - t.symbol), i = t.symbol + charge;
    t.charged = charge > 0;
    if (i == n) {
        t.kind = T_ION;
    } else if (p[i] == ':') {
        int comma = p[n - 1] == ',';
        t.share_at = (uint8_t)(i + 1);
        if (read_fraction(p + i + 1, n - i - 1 - (size_t)comma, 6, &t.share)) t.kind = comma ? T_PART_COMMA : T_PART;
    }
    return t;
}

static inline unsigned letter_of(char c) { return c == 'A' ? 26 : (unsigned)(c - 'a'); }

/* The token of a word of n > 0 bytes, independent of its context. */
static inline token read_token(const char *p, size_t n) {
    token t = {0};
    if (n == 1 && p[0] == '|') t.kind = T_BAR;
    else if (is_upper(p[0])) {
        if (n > 2 || (n == 2 && !is_lower(p[1]))) return read_species(p, n);
        t.kind = T_ELEMENT;
        t.symbol = (uint8_t)n;
        t.value = ck_element_number[(p[0] - 'A') * 27 + (n == 2 ? p[1] - 'a' + 1 : 0)];
    } else if (n >= 2 && n <= 4 && p[0] >= '1' && p[0] <= '9' && (is_lower(p[n - 1]) || p[n - 1] == 'A')) {
        for (size_t i = 0; i < n - 1; i++) {
            if (!is_digit(p[i])) return t;
            t.value = t.value * 10 + (uint32_t)(p[i] - '0');
        }
        t.kind = T_WYCKOFF;
        t.letter = (uint8_t)letter_of(p[n - 1]);
    } else if (read_fraction(p, n, 2, &t.value)) t.kind = T_FRACTION;
    return t;
}

#endif
