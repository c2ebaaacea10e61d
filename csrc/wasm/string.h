/* The part of <string.h> that the core uses, for WebAssembly without a C library; runtime.c has the functions. */
#ifndef CK_WASM_STRING_H
#define CK_WASM_STRING_H
#include <stddef.h>

void *memchr(const void *bytes, int value, size_t n);
int memcmp(const void *first, const void *second, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
char *strchr(const char *text, int value);
size_t strlen(const char *text);

#endif
