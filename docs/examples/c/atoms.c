/* Atoms of each element in the conventional cell, for every orbit string on standard input.
 *
 *     cc atoms.c $(python -c 'import cloudkit; print("-I", cloudkit.get_include(), cloudkit.get_library())') -lm -o atoms
 *     echo '1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b' | ./atoms
 *     225: 11 4 17 4                (atomic number, atoms)
 */
#include <stdio.h>
#include <string.h>

#include <cloudkit/scope.h>

enum { LONGEST = 4096 };

/* Whether a valid string says which element sits on which orbit: elements come first, Wyckoff symbols in other dialects. */
static int is_orbit(const uint16_t *ids) {
    ck_symbol symbol;
    ck_read_id(ids[2], &symbol); /* after [CLS] and the space group */
    return symbol.kind == CK_ELEMENT;
}

/* The first thing wrong with a text, with its place. */
static void print_error(const char *text, size_t length) {
    ck_issue issue;
    ck_check(text, length, &issue, 1, NULL);
    fprintf(stderr, "error %u at byte %lu: %.*s\n", (unsigned)issue.code, (unsigned long)issue.offset, (int)issue.length, text + issue.offset);
}

/* The ids of a string are its tree: species collect until a Wyckoff symbol says how many atoms the orbit has. */
static void print_atoms(const uint16_t *ids, size_t n) {
    double atoms[119] = {0};
    unsigned species[LONGEST], shares[LONGEST], n_species = 0;
    for (size_t i = 0; i < n; i++) {
        ck_symbol symbol;
        ck_read_id(ids[i], &symbol);
        switch (symbol.kind) {
        case CK_GROUP:
            printf("%u:", (unsigned)symbol.value);
            break;
        case CK_ELEMENT:
            species[n_species] = symbol.value;
            shares[n_species++] = 100;
            break;
        case CK_FRACTION:
            if (n_species) shares[n_species - 1] = symbol.value;
            break;
        case CK_WYCKOFF:
            for (unsigned k = 0; k < n_species; k++) atoms[species[k]] += symbol.value * shares[k] / 100.0;
            n_species = 0;
            break;
        }
    }
    for (unsigned number = 1; number < 119; number++)
        if (atoms[number] > 0) printf(" %u %g", number, atoms[number]);
    printf("\n");
}

int main(void) {
    char text[LONGEST];
    uint16_t ids[LONGEST + 2]; /* length + 2 ids always suffice */
    int failed = 0;
    if (ck_abi_version() != CK_ABI_VERSION) return 2;
    while (fgets(text, sizeof text, stdin)) {
        size_t length = strcspn(text, "\n"), n;
        if (length == LONGEST - 1) {
            int c;
            while ((c = getchar()) != EOF && c != '\n') {} /* the rest of the line */
            fprintf(stderr, "a line is longer than %d bytes\n", LONGEST - 2);
        } else if (ck_encode_compact(text, length, ids, sizeof ids / sizeof *ids, &n) != CK_OK) {
            print_error(text, length);
        } else if (!is_orbit(ids)) {
            fprintf(stderr, "no orbit string: %.*s\n", (int)length, text);
        } else {
            print_atoms(ids, n);
            continue;
        }
        failed = 1;
    }
    return failed;
}
