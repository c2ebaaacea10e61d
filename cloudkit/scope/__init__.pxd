# The C library for Cython: `from cloudkit cimport scope`. What each function does is in the header (cloudkit.get_include()).
# Link with cloudkit.get_library(), or take the functions from the capsule: <const ck_api *>PyCapsule_Import(CK_CAPSULE, 0).

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "cloudkit/scope.h" nogil:
    const uint32_t CK_ABI_VERSION
    const char *CK_CAPSULE

    ctypedef enum ck_status:
        CK_OK
        CK_INVALID
        CK_NO_SPACE
        CK_NOT_ASCII
        CK_NO_TOKEN
        CK_BAD_CELL
        CK_CONTACT
        CK_TOO_HARD

    ctypedef struct ck_issue:
        uint32_t code
        uint32_t length
        uint64_t offset

    ctypedef enum ck_kind:
        CK_MARK
        CK_GROUP
        CK_WYCKOFF
        CK_ELEMENT
        CK_FRACTION
        CK_BAR

    ctypedef struct ck_symbol:
        uint16_t kind
        uint16_t value
        char letter

    uint32_t ck_abi_version()
    size_t ck_check(const char *text, size_t length, ck_issue *issues, size_t cap, uint32_t *space_group)
    ck_status ck_encode_cloud(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out)
    ck_status ck_encode_compact(const char *text, size_t length, uint16_t *ids, size_t cap, size_t *n_out)
    ck_status ck_decode_cloud(const uint16_t *ids, size_t n_ids, char *out, size_t cap, size_t *n_out)
    ck_status ck_format(const uint16_t *ids, size_t n_ids, char *out, size_t cap, size_t *n_out)
    ck_status ck_read_id(uint16_t id, ck_symbol *symbol)
    ck_status ck_canonical(uint32_t space_group, const uint8_t *letters, const uint32_t *contents, size_t n,
                           uint8_t *new_letters, uint32_t *order)

    const size_t CK_MOST_SITES
    const uint64_t CK_DEFAULT_BUDGET

    ctypedef struct ck_crystal:
        const double *lattice
        const double *positions
        const int32_t *labels
        size_t n
        const double *occupancies
        size_t n_labels

    ctypedef struct ck_symmetry:
        uint32_t space_group, n_orbits, n_operations, lattice_points
        double symprec, distance
        double axes[9]
        double origin[3]
        double lattice[9]

    ctypedef struct ck_species:
        const char *text
        uint32_t length, rank

    size_t ck_work_size(size_t n)
    ck_status ck_find_symmetry(const ck_crystal *crystal, double symprec, uint64_t budget, void *work, size_t work_size,
                               ck_symmetry *found, uint8_t *letters, uint32_t *orbits, double *ideal)
    ck_status ck_encode_structure(const ck_crystal *crystal, const ck_species *species, double symprec, uint64_t budget,
                                  void *work, size_t work_size, char *out, size_t cap, size_t *n_out, uint32_t *space_group)

    ctypedef struct ck_api:
        uint32_t abi_version, size
        size_t (*check)(const char *, size_t, ck_issue *, size_t, uint32_t *) noexcept
        ck_status (*encode_cloud)(const char *, size_t, uint16_t *, size_t, size_t *) noexcept
        ck_status (*encode_compact)(const char *, size_t, uint16_t *, size_t, size_t *) noexcept
        ck_status (*decode_cloud)(const uint16_t *, size_t, char *, size_t, size_t *) noexcept
        ck_status (*format)(const uint16_t *, size_t, char *, size_t, size_t *) noexcept
        ck_status (*read_id)(uint16_t, ck_symbol *) noexcept
        ck_status (*canonical)(uint32_t, const uint8_t *, const uint32_t *, size_t, uint8_t *, uint32_t *) noexcept
        size_t (*work_size)(size_t) noexcept
        ck_status (*find_symmetry)(const ck_crystal *, double, uint64_t, void *, size_t, ck_symmetry *, uint8_t *, uint32_t *, double *) noexcept
        ck_status (*encode_structure)(const ck_crystal *, const ck_species *, double, uint64_t, void *, size_t, char *, size_t, size_t *,
                                      uint32_t *) noexcept

    const ck_api *ck_get_api()
