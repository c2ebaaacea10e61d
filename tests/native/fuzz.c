/* A libFuzzer target: one law on whatever bytes the fuzzer tries. Built with -DLAW=check_laws and so on by fuzz.py. */
#include "laws.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    LAW(bytes, n);
    return 0;
}
