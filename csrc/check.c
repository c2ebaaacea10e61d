#include <string.h>

#include "scan.h"
#include "tables.h"
#include "word.h"

typedef enum {
    AT_GENERATOR, AT_BODY,                                     /* before the first bar, just after it */
    AT_ORBIT, AT_SITE, AT_MIXTURE, AT_OCCUPANCY,               /* orbit: El ^, El ^ Wy, El Fr ^, El Fr El ^ */
    AT_WYCKOFF, AT_COMPOSITION, AT_FIRST,                      /* reduced and full: Wy ^, | ^, | El ^ */
    AT_FRACTION, AT_NEXT_ELEMENT,                              /* reduced: Fr El ^, El Fr ^ */
    AT_NEXT_SITE, AT_NEXT_PART                                 /* full: El ^, El:Fr, ^ */
} place;

enum { HALF_HUNDREDTH = 5000 };

typedef struct { size_t count[27], at[27]; } letter_list; /* how often each letter is listed, and where first */

typedef struct {
    const char *text;
    letter_list *letters;     /* of reduced and full; initialized at the first symbol */
    ck_issue *issues;
    size_t cap, n_issues;
    unsigned level, found[4]; /* level: report only this one, 0 for none; found: number of issues per level */
    ck_writer *out;
    place at;
    unsigned group, no_token, repeated; /* repeated: a letter is listed more than once */
    uint64_t elements_seen[2];
    uint32_t letters_seen;
    size_t symbols, sites;    /* Wyckoff symbols and species of reduced and full */
    size_t positions, composition;  /* where those parts start */
    size_t sum, species;      /* of the composition, or of the current orbit or site */
    size_t item, item_end;    /* where it starts, and ends so far */
    int signs;                /* it has an oxidation state or an occupancy after a colon */
    size_t generators_end;
} scan;

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

static void begin_item(scan *s, size_t offset) {
    s->elements_seen[0] = s->elements_seen[1] = 0;
    s->sum = s->species = 0;
    s->signs = 0;
    s->item = offset;
}

static void take_element(scan *s, token t, size_t offset) {
    s->species++;
    if (t.value == 0) {
        report(s, CK_UNKNOWN_ELEMENT, offset, t.symbol);
        return;
    }
    uint64_t bit = (uint64_t)1 << (t.value % 64);
    if (!t.charged) { /* Fe2+ and Fe3+ may share a site */
        if (s->elements_seen[t.value / 64] & bit) report(s, CK_REPEATED_ELEMENT, offset, t.symbol);
        s->elements_seen[t.value / 64] |= bit;
    }
    put(s->out, ID_ELEMENT + t.value - 1);
}

static void take_fraction(scan *s, unsigned value, size_t offset, size_t length) {
    s->sum += value;
    if (value == 0) report(s, CK_ZERO_FRACTION, offset, length);
    if (value % (WHOLE / 100)) s->no_token = 1;
    put(s->out, ID_FRACTION + value / (WHOLE / 100));
}

static void take_wyckoff(scan *s, token t, size_t offset, size_t length) {
    if (s->group == 0) return;
    unsigned known = t.value <= 192 ? ck_wyckoff_multiplicity[(s->group - 1) * 27 + t.letter] : 0;
    if (known == 0 || known != t.value) {
        report(s, CK_UNKNOWN_WYCKOFF, offset, length);
        return;
    }
    put(s->out, ck_wyckoff_id[t.value * 27 + t.letter]);
}

/* An orbit's symbol: a position without free parameters holds one orbit. */
static void take_orbit(scan *s, token t, size_t offset, size_t length) {
    uint32_t bit = (uint32_t)1 << t.letter;
    take_wyckoff(s, t, offset, length);
    if (s->group && (s->letters_seen & ck_wyckoff_fixed[s->group - 1] & bit))
        report(s, CK_FIXED_SITE_TWICE, offset, length);
    s->letters_seen |= bit;
}

static void take_position(scan *s, token t, size_t offset, size_t length) {
    if (s->symbols++ == 0) {
        s->positions = offset;
        memset(s->letters->count, 0, sizeof s->letters->count);
    }
    if (s->letters->count[t.letter]++ == 0) s->letters->at[t.letter] = offset;
    else s->repeated = 1;
    take_wyckoff(s, t, offset, length);
}

static void end_orbit(scan *s, size_t end) {
    if (s->sum == 0) return;
    if (s->species == 1 && s->sum == WHOLE) report(s, CK_FULL_OCCUPANCY, s->item, end - s->item);
    else if (s->sum > WHOLE + s->species * HALF_HUNDREDTH) report(s, CK_OCCUPANCY_SUM, s->item, end - s->item);
}

static void end_composition(scan *s, size_t end) {
    size_t off = s->sum > WHOLE ? s->sum - WHOLE : WHOLE - s->sum;
    if (off > s->species * HALF_HUNDREDTH) report(s, CK_FRACTION_SUM, s->item, end - s->item);
}

static void end_site(scan *s) {
    size_t length = s->item_end - s->item;
    if (s->sum > WHOLE + s->species * HALF_HUNDREDTH) report(s, CK_OCCUPANCY_SUM, s->item, length);
    if (s->signs) report(s, CK_SIGNS, s->item, length);
}

/* One species of full, or one part of it; the bar in the ids ends a site that is mixed or partly filled. */
static void take_species(scan *s, token t, size_t offset, size_t length) {
    if (s->at != AT_NEXT_PART) {
        if (s->sites++) {
            end_site(s);
            if (s->signs) put(s->out, ID_BAR);
        } else put(s->out, ID_BAR);
        begin_item(s, offset);
    }
    take_element(s, t, offset);
    if (t.share_at) take_fraction(s, t.share, offset + t.share_at, length - t.share_at - (t.kind == T_PART_COMMA));
    s->signs |= t.kind != T_ELEMENT;
    s->no_token |= t.charged;
    s->item_end = offset + length;
    s->at = t.kind == T_PART_COMMA ? AT_NEXT_PART : AT_NEXT_SITE;
}

/* The token read as the first element of a composition is the first site of full. */
static void begin_sites(scan *s) {
    size_t last = --s->out->n;
    unsigned element = last < s->out->cap ? s->out->ids[last] : ID_BAR;
    put(s->out, ID_BAR);
    put(s->out, element);
    s->sites = 1;
}

/* The next token of a part without extra spaces; returns the offset after it. */
static size_t next_word(const char *text, size_t length, size_t *at) {
    while (*at < length && text[*at] == ' ') ++*at;
    size_t end = *at;
    while (end < length && text[end] != ' ') end++;
    return end;
}

static void check_repeats(scan *s, size_t length) {
    if (!s->repeated || s->found[0] + s->found[1]) return;
    uint32_t seen = 0;
    for (size_t at = s->positions, i = 0, end; i < s->symbols; i++, at = end) {
        end = next_word(s->text, length, &at);
        uint32_t bit = (uint32_t)1 << letter_of(s->text[end - 1]);
        if (seen & bit) report(s, CK_REPEATED_WYCKOFF, at, end - at);
        seen |= bit;
    }
}

/* The end of a species: after its last part. */
static size_t next_species(const char *text, size_t length, size_t *at) {
    size_t end = next_word(text, length, at);
    while (text[end - 1] == ',') {
        size_t part = end;
        end = next_word(text, length, &part);
    }
    return end;
}

/* A position without free parameters is one orbit: all its sites have the same species. */
static void check_fixed_sites(scan *s, size_t length) {
    size_t first_at[27], first_length[27] = {0};
    size_t symbol = s->positions, species = s->composition;
    for (size_t i = 0, symbol_end, species_end; i < s->symbols; i++, symbol = symbol_end, species = species_end) {
        symbol_end = next_word(s->text, length, &symbol);
        species_end = next_species(s->text, length, &species);
        unsigned letter = letter_of(s->text[symbol_end - 1]);
        if (!(ck_wyckoff_fixed[s->group - 1] >> letter & 1)) continue;
        if (first_length[letter] == 0) {
            first_at[letter] = species;
            first_length[letter] = species_end - species;
        } else if (first_length[letter] != species_end - species ||
                   memcmp(s->text + first_at[letter], s->text + species, species_end - species) != 0) {
            report(s, CK_FIXED_SITE_TWICE, symbol, symbol_end - symbol);
        }
    }
}

/* Sites per multiplicity is the number of orbits times the number of cells, and a position without free parameters has one
 * orbit: the first one gives the number of cells. Other such positions must have the same, all others a multiple. */
static void check_whole_orbits(scan *s, size_t length) {
    const uint8_t *multiplicity = ck_wyckoff_multiplicity + (s->group - 1) * 27;
    uint32_t fixed = ck_wyckoff_fixed[s->group - 1];
    unsigned first = 27;
    for (unsigned i = 0; i < 27; i++)
        if ((fixed >> i & 1) && s->letters->count[i] && (first == 27 || s->letters->at[i] < s->letters->at[first])) first = i;
    if (first == 27) return;
    for (unsigned i = 0; i < 27; i++) {
        size_t have = s->letters->count[i] * multiplicity[first], unit = s->letters->count[first] * multiplicity[i];
        if (have == 0 || have == unit || (!(fixed >> i & 1) && have % unit == 0)) continue;
        size_t at = s->letters->at[i];
        report(s, CK_BROKEN_ORBIT, at, next_word(s->text, length, &at) - s->letters->at[i]);
    }
}

static void end_sites(scan *s, size_t length) {
    end_site(s);
    if (s->found[0] + s->found[1]) return;
    if (s->sites == s->symbols) check_fixed_sites(s, length);
    else report(s, CK_SITE_COUNT, s->composition, s->item_end - s->composition);
    check_whole_orbits(s, length);
}

/* The grammar: one token in one state. An unexpected token is reported and skipped. */
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
            take_element(s, t, offset);
            s->at = AT_SITE;
            return;
        }
        if (t.kind == T_WYCKOFF && s->at != AT_ORBIT) {
            take_position(s, t, offset, length);
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
            take_orbit(s, t, offset, length);
            s->at = AT_ORBIT;
            return;
        }
        if (t.kind == T_FRACTION && s->at == AT_SITE) {
            take_fraction(s, t.value, offset, length);
            s->at = AT_MIXTURE;
            return;
        }
        if (t.kind == T_ELEMENT && s->at == AT_MIXTURE) {
            take_element(s, t, offset);
            s->at = AT_OCCUPANCY;
            return;
        }
        break;
    case AT_COMPOSITION:
        if (t.kind < T_ELEMENT || t.kind == T_FRACTION) break;
        s->composition = offset;
        if (t.kind != T_ELEMENT) {
            take_species(s, t, offset, length);
            return;
        }
        begin_item(s, offset);
        take_element(s, t, offset);
        s->item_end = offset + length;
        s->at = AT_FIRST;
        return;
    case AT_NEXT_ELEMENT:
        if (t.kind == T_ELEMENT) {
            take_element(s, t, offset);
            s->at = AT_FRACTION;
            return;
        }
        break;
    case AT_FIRST:
        if (t.kind >= T_ELEMENT && t.kind != T_FRACTION) {
            begin_sites(s);
            take_species(s, t, offset, length);
            return;
        }
        /* fall through */
    case AT_OCCUPANCY:
    case AT_FRACTION:
        if (t.kind == T_FRACTION) {
            take_fraction(s, t.value, offset, length);
            s->at = s->at == AT_OCCUPANCY ? AT_MIXTURE : AT_NEXT_ELEMENT;
            return;
        }
        break;
    case AT_NEXT_SITE:
    case AT_NEXT_PART:
        if (t.kind < T_ELEMENT || t.kind == T_FRACTION) break;
        if (s->at == AT_NEXT_PART && t.kind != T_PART && t.kind != T_PART_COMMA) break;
        take_species(s, t, offset, length);
        return;
    }
    report(s, CK_UNEXPECTED, offset, length);
}

/* The usual case at once: text that starts with known generators and " | ". Returns where the body starts. */
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
        size_t allowed = start > 0 && i < length; /* one space between tokens, none at the ends */
        if (start + allowed < i) report(s, CK_BLANKS, start + allowed, i - start - allowed);
        start = i;
        while (i < length && text[i] != ' ') i++;
        if (i > start) step(s, start, i - start);
    }
    if (s->at == AT_FIRST) begin_sites(s);
    if (s->at == AT_NEXT_ELEMENT) {
        check_repeats(s, length);
        end_composition(s, length);
    } else if (s->at == AT_FIRST || s->at == AT_NEXT_SITE) end_sites(s, length);
    else if (s->at != AT_ORBIT) report(s, CK_UNFINISHED, length, 0);
    put(s->out, ID_SEP);
}

unsigned ck_find_group(const char *text, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i += 2) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    for (unsigned slot = hash % 1024; ck_generator_slot[slot]; slot = (slot + 1) % 1024) {
        unsigned group = ck_generator_slot[slot];
        if (ck_generator_length[group - 1] == length && memcmp(ck_generator_text[group - 1], text, length) == 0) return group;
    }
    return 0;
}

static int comes_before(ck_issue a, ck_issue b) {
    return a.offset != b.offset ? a.offset < b.offset : a.code < b.code;
}

static void sink(ck_issue *issues, size_t root, size_t n) {
    ck_issue moved = issues[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && comes_before(issues[child], issues[child + 1])) child++;
        if (!comes_before(moved, issues[child])) break;
        issues[root] = issues[child];
    }
    issues[root] = moved;
}

/* Issues of a part are reported at its end, so sort them. Heapsort: in place, and no text makes it slow. */
static void sort_by_offset(ck_issue *issues, size_t n) {
    size_t sorted = 1;
    while (sorted < n && !comes_before(issues[sorted], issues[sorted - 1])) sorted++;
    if (sorted >= n) return;
    for (size_t i = n / 2; i-- > 0;) sink(issues, i, n);
    for (size_t end = n - 1; end > 0; end--) {
        ck_issue last = issues[end];
        issues[end] = issues[0];
        issues[0] = last;
        sink(issues, 0, end);
    }
}

size_t ck_check(const char *text, size_t length, ck_issue *issues, size_t cap, uint32_t *space_group) {
    ck_writer none = {NULL, 0, 0};
    letter_list letters;
    scan first = {.text = text, .letters = &letters, .out = &none};
    run(&first, length);
    if (space_group) *space_group = first.group;
    unsigned level = first.found[0] ? 1 : first.found[1] ? 2 : first.found[2] + first.found[3] ? 3 : 0;
    if (level == 0) return 0;
    scan again = {.text = text, .letters = &letters, .out = &none, .issues = issues, .cap = cap, .level = level};
    run(&again, length);
    sort_by_offset(issues, again.n_issues < cap ? again.n_issues : cap);
    return again.n_issues;
}

ck_status ck_encode_compact(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out) {
    ck_writer out = {ids, cap, 0};
    letter_list letters;
    scan s = {.text = text, .letters = &letters, .out = &out};
    run(&s, length);
    *n_out = out.n;
    if (s.found[0] + s.found[1] + s.found[2]) return CK_INVALID;
    if (s.no_token) return CK_NO_TOKEN;
    return out.n > cap ? CK_NO_SPACE : CK_OK;
}
