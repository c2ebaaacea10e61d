#include <string.h>

#include "scan.h"
#include "tables.h"

typedef enum { T_OTHER, T_BAR, T_WYCKOFF, T_ELEMENT, T_FRACTION } token_kind;

typedef struct { token_kind kind; unsigned value, letter; } token;  /* value: multiplicity, element number or hundredths */

typedef enum {
    AT_GENERATOR, AT_BODY,                                     /* before the first bar, just after it */
    AT_ORBIT, AT_SITE, AT_MIXTURE, AT_OCCUPANCY,               /* orbit: El ^, El ^ Wy, El Fr ^, El Fr El ^ */
    AT_WYCKOFF, AT_COMPOSITION, AT_FRACTION, AT_NEXT_ELEMENT   /* reduced */
} place;

typedef struct {
    const char *text;
    ck_issue *issues;
    size_t cap, n_issues;
    unsigned level, found[4]; /* level: report only this one, 0 for none; found: issues per hundred of codes */
    ck_writer *out;
    place at;
    unsigned group;
    uint32_t letters_seen;
    uint64_t elements_seen[2];
    size_t sum, species;      /* of the composition, or of the orbit being read */
    size_t item;              /* where that one starts */
    size_t generators_end;
} scan;

static int is_lower(char c) { return c >= 'a' && c <= 'z'; }
static int is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

static void report(scan *s, unsigned code, size_t offset, size_t length) {
    s->found[code / 100 - 1]++;
    if (code / 100 != s->level && !(s->level == 3 && code >= 400)) return;
    if (s->n_issues < s->cap) {
        ck_issue *issue = &s->issues[s->n_issues];
        issue->code = code;
        issue->offset = offset;
        issue->length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
    }
    s->n_issues++;
}

static int read_fraction(const char *p, size_t n, unsigned *value) {
    if (n < 3 || n > 4 || p[1] != '.' || !is_digit(p[2])) return 0;
    if (p[0] == '1') { *value = 100; return n == 3 && p[2] == '0'; }
    if (p[0] != '0' || (n == 4 && (!is_digit(p[3]) || p[3] == '0'))) return 0;
    *value = (unsigned)(p[2] - '0') * 10 + (n == 4 ? (unsigned)(p[3] - '0') : 0);
    return 1;
}

static token read_token(const char *p, size_t n) {
    token t = {T_OTHER, 0, 0};
    if (n == 1 && p[0] == '|') t.kind = T_BAR;
    else if (is_upper(p[0]) && (n == 1 || (n == 2 && is_lower(p[1])))) {
        t.kind = T_ELEMENT;
        t.value = ck_element_number[(p[0] - 'A') * 27 + (n == 2 ? p[1] - 'a' + 1 : 0)];
    } else if (n >= 2 && n <= 4 && p[0] >= '1' && p[0] <= '9' && (is_lower(p[n - 1]) || p[n - 1] == 'A')) {
        for (size_t i = 0; i < n - 1; i++) {
            if (!is_digit(p[i])) return t;
            t.value = t.value * 10 + (unsigned)(p[i] - '0');
        }
        t.kind = T_WYCKOFF;
        t.letter = p[n - 1] == 'A' ? 26 : (unsigned)(p[n - 1] - 'a');
    } else if (read_fraction(p, n, &t.value)) t.kind = T_FRACTION;
    return t;
}

static void begin_item(scan *s, size_t offset) {
    s->elements_seen[0] = s->elements_seen[1] = 0;
    s->sum = s->species = 0;
    s->item = offset;
}

static void take_element(scan *s, token t, size_t offset, size_t length) {
    s->species++;
    if (t.value == 0) {
        report(s, CK_UNKNOWN_ELEMENT, offset, length);
        return;
    }
    uint64_t bit = (uint64_t)1 << (t.value % 64);
    if (s->elements_seen[t.value / 64] & bit) report(s, CK_REPEATED_ELEMENT, offset, length);
    s->elements_seen[t.value / 64] |= bit;
    put(s->out, ID_ELEMENT + t.value - 1);
}

static void take_fraction(scan *s, token t, size_t offset, size_t length) {
    s->sum += t.value;
    if (t.value == 0) report(s, CK_ZERO_FRACTION, offset, length);
    put(s->out, ID_FRACTION + t.value);
}

static void take_wyckoff(scan *s, token t, size_t offset, size_t length, int reduced) {
    if (s->group == 0) return;
    unsigned known = t.value <= 192 ? ck_wyckoff_multiplicity[(s->group - 1) * 27 + t.letter] : 0;
    if (known == 0 || known != t.value) {
        report(s, CK_UNKNOWN_WYCKOFF, offset, length);
        return;
    }
    uint32_t bit = (uint32_t)1 << t.letter;
    if (s->letters_seen & bit) {
        if (reduced) report(s, CK_REPEATED_WYCKOFF, offset, length);
        else if (ck_wyckoff_fixed[s->group - 1] & bit) report(s, CK_FIXED_SITE_TWICE, offset, length);
    }
    s->letters_seen |= bit;
    put(s->out, ck_wyckoff_id[t.value * 27 + t.letter]);
}

static void end_orbit(scan *s, size_t end) {
    if (s->sum == 0) return;
    if (s->species == 1 && s->sum == 100) report(s, CK_FULL_OCCUPANCY, s->item, end - s->item);
    else if (s->sum > 100 && 2 * (s->sum - 100) > s->species) report(s, CK_OCCUPANCY_SUM, s->item, end - s->item);
}

static void end_composition(scan *s, size_t end) {
    size_t off = s->sum > 100 ? s->sum - 100 : 100 - s->sum;
    if (2 * off > s->species) report(s, CK_FRACTION_SUM, s->item, end - s->item);
}

/* The grammar: one token at one place. An unexpected token is reported and passed over. */
static void step(scan *s, size_t offset, size_t length) {
    token t = read_token(s->text + offset, length);
    switch (s->at) {
    case AT_GENERATOR:
        if (t.kind == T_BAR && s->generators_end > 0) {
            s->group = ck_find_group(s->text + s->item, s->generators_end - s->item);
            if (s->group == 0) report(s, CK_UNKNOWN_GROUP, s->item, s->generators_end - s->item);
            put(s->out, ID_GROUP + s->group - 1);
            s->at = AT_BODY;
            return;
        }
        if (length == 1 && (is_digit(s->text[offset]) || is_lower(s->text[offset]) || is_upper(s->text[offset]))) {
            if (s->generators_end == 0) s->item = offset;
            s->generators_end = offset + length;
            return;
        }
        break;
    case AT_BODY:
    case AT_ORBIT:
    case AT_WYCKOFF:
        if (t.kind == T_ELEMENT && s->at != AT_WYCKOFF) {
            begin_item(s, offset);
            take_element(s, t, offset, length);
            s->at = AT_SITE;
            return;
        }
        if (t.kind == T_WYCKOFF && s->at != AT_ORBIT) {
            take_wyckoff(s, t, offset, length, 1);
            s->at = AT_WYCKOFF;
            return;
        }
        if (t.kind == T_BAR && s->at == AT_WYCKOFF) {
            s->at = AT_COMPOSITION;
            return;
        }
        break;
    case AT_SITE:
    case AT_MIXTURE:
        if (t.kind == T_WYCKOFF) {
            end_orbit(s, offset - 1);
            take_wyckoff(s, t, offset, length, 0);
            s->at = AT_ORBIT;
            return;
        }
        if (t.kind == T_FRACTION && s->at == AT_SITE) {
            take_fraction(s, t, offset, length);
            s->at = AT_MIXTURE;
            return;
        }
        if (t.kind == T_ELEMENT && s->at == AT_MIXTURE) {
            take_element(s, t, offset, length);
            s->at = AT_OCCUPANCY;
            return;
        }
        break;
    case AT_COMPOSITION:
    case AT_NEXT_ELEMENT:
        if (t.kind == T_ELEMENT) {
            if (s->at == AT_COMPOSITION) begin_item(s, offset);
            take_element(s, t, offset, length);
            s->at = AT_FRACTION;
            return;
        }
        break;
    case AT_OCCUPANCY:
    case AT_FRACTION:
        if (t.kind == T_FRACTION) {
            take_fraction(s, t, offset, length);
            s->at = s->at == AT_OCCUPANCY ? AT_MIXTURE : AT_NEXT_ELEMENT;
            return;
        }
        break;
    }
    report(s, CK_UNEXPECTED, offset, length);
}

/* The usual case at once: text that starts with known generators, " | " behind them. Returns where the body starts. */
static size_t skip_generators(scan *s, size_t length) {
    const char *bar = memchr(s->text, '|', length < 80 ? length : 80);
    size_t n = bar ? (size_t)(bar - s->text) : 0;
    if (n < 2 || n + 2 >= length || bar[-1] != ' ' || bar[1] != ' ' || bar[2] == ' ') return 0;
    s->group = ck_find_group(s->text, n - 1);
    if (s->group == 0) return 0;
    put(s->out, ID_GROUP + s->group - 1);
    s->at = AT_BODY;
    return n + 2;
}

static void run(scan *s, size_t length) {
    const char *text = s->text;
    put(s->out, ID_CLS);
    if (length == 0) {
        report(s, CK_EMPTY, 0, 0);
        return;
    }
    size_t i = skip_generators(s, length);
    while (i < length) {
        size_t start = i;
        while (i < length && text[i] == ' ') i++;
        size_t allowed = start > 0 && i < length; /* one blank between tokens, none at the ends */
        if (start + allowed < i) report(s, CK_BLANKS, start + allowed, i - start - allowed);
        start = i;
        while (i < length && text[i] != ' ') i++;
        if (i > start) step(s, start, i - start);
    }
    if (s->at == AT_NEXT_ELEMENT) end_composition(s, length);
    else if (s->at != AT_ORBIT) report(s, CK_UNFINISHED, length, 0);
    put(s->out, ID_SEP);
}

unsigned ck_find_group(const char *text, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    for (unsigned slot = hash % 1024; ck_generator_slot[slot]; slot = (slot + 1) % 1024) {
        unsigned group = ck_generator_slot[slot];
        if (ck_generator_length[group - 1] == length && memcmp(ck_generator_text[group - 1], text, length) == 0) return group;
    }
    return 0;
}

/* Sums are reported where they end but concern where they start: a nearly sorted list, put in order. */
static void sort_by_offset(ck_issue *issues, size_t n) {
    for (size_t i = 1; i < n; i++) {
        ck_issue moved = issues[i];
        size_t j = i;
        for (; j > 0 && issues[j - 1].offset > moved.offset; j--) issues[j] = issues[j - 1];
        issues[j] = moved;
    }
}

size_t ck_check(const char *text, size_t length, ck_issue *issues, size_t cap, uint32_t *space_group) {
    ck_writer none = {NULL, 0, 0};
    scan first = {.text = text, .out = &none};
    run(&first, length);
    if (space_group) *space_group = first.group;
    unsigned level = first.found[0] ? 1 : first.found[1] ? 2 : first.found[2] + first.found[3] ? 3 : 0;
    if (level == 0) return 0;
    scan again = {.text = text, .out = &none, .issues = issues, .cap = cap, .level = level};
    run(&again, length);
    sort_by_offset(issues, again.n_issues < cap ? again.n_issues : cap);
    return again.n_issues;
}

ck_status ck_encode_compact(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out) {
    ck_writer out = {ids, cap, 0};
    scan s = {.text = text, .out = &out};
    run(&s, length);
    *n_out = out.n;
    if (s.found[0] + s.found[1] + s.found[2]) return CK_INVALID;
    return out.n > cap ? CK_NO_SPACE : CK_OK;
}
