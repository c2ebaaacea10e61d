from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "cloudkit/scope.h" nogil:
    ctypedef enum ck_status:
        CK_OK
        CK_INVALID
        CK_NO_SPACE
        CK_NOT_ASCII
        CK_NO_TOKEN

    ctypedef struct ck_issue:
        uint32_t code
        uint32_t length
        uint64_t offset

    size_t ck_check(const char *text, size_t length, ck_issue *issues, size_t cap, uint32_t *space_group)
    ck_status ck_encode_cloud(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out)
    ck_status ck_encode_compact(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out)
    ck_status ck_format(const uint16_t *ids, size_t n_ids, char *out, size_t cap, size_t *n_out)
    ck_status ck_canonical(uint32_t space_group, const uint8_t *letters, const uint32_t *contents, size_t n,
                           uint8_t *new_letters, uint32_t *order)
