/* What must hold of the core for any input at all. The tests call these on known and random input, the fuzz targets on
 * what libFuzzer invents. A broken law prints itself and aborts. */
#ifndef LAWS_H
#define LAWS_H

#include <stddef.h>
#include <stdint.h>

/* Print what was to hold and abort, unless it did. */
void expect(int held, const char *what);

/* A copy of exactly n bytes: reading or writing past it is an error that the sanitizer reports. Free it. */
void *exact(const void *bytes, size_t n);

/* Each reads its input from bytes: a text, 16-bit ids, a space group and (letter, content) pairs, or a crystal. */
void check_laws(const uint8_t *bytes, size_t n);
void compact_laws(const uint8_t *bytes, size_t n);
void cloud_laws(const uint8_t *bytes, size_t n);
void decode_laws(const uint8_t *bytes, size_t n);
void format_laws(const uint8_t *bytes, size_t n);
void canonical_laws(const uint8_t *bytes, size_t n);
void structures_laws(const uint8_t *bytes, size_t n);

#endif
