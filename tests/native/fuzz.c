/* A libFuzzer target: one law on whatever bytes the fuzzer tries. Built with -DLAW=check_laws and so on by fuzz.py. */
#include "cloudkit/scope.h"
#include "laws.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* The two functions without input hold once, before the first. */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const ck_api *api = ck_get_api();
    (void)argc, (void)argv;
    expect(ck_abi_version() == CK_ABI_VERSION, "the library is of the header's version");
    expect(api->abi_version == CK_ABI_VERSION && api->size == sizeof *api, "the table says what it is");
    expect(api->check == ck_check && api->canonical == ck_canonical, "and holds the functions");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    LAW(bytes, n);
    return 0;
}
