# Crystals to symmetry and to strings, without the GIL. Part of core.pyx; there is no twin: moyo and spglib are the oracles.

from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

SYMMETRY_VERSION = 1  # counts up where strings may change

cdef dict STATUSES = {
    c.CK_OK: "ok", c.CK_INVALID: "invalid", c.CK_NO_SPACE: "no memory", c.CK_BAD_CELL: "bad cell",
    c.CK_CONTACT: "contact", c.CK_TOO_HARD: "too hard",
}

ctypedef struct CrystalRow:
    c.ck_crystal crystal
    const c.ck_species *species
    size_t start, cap, size  # of its text in the buffer of all texts
    uint32_t group
    c.ck_status status

ctypedef struct CrystalShare:
    CrystalRow *first
    CrystalRow *end
    double symprec
    uint64_t budget
    char *texts


cdef np.ndarray contiguous(object array, int kind, str name, tuple shape):
    """The array itself if it is C-contiguous, aligned and of this type, else such a copy."""
    cdef np.ndarray out = np.PyArray_FROM_OTF(array, kind, np.NPY_ARRAY_C_CONTIGUOUS | np.NPY_ARRAY_ALIGNED)
    if (<object>out).shape != shape:
        raise ValueError(f"{name} has shape {(<object>out).shape}, expected {shape}")
    return out


cdef np.ndarray doubles(const double *values, tuple shape):
    cdef Py_ssize_t i
    out = numpy.empty(shape)
    cdef double *data = <double *>np.PyArray_DATA(<np.ndarray>out)
    for i in range(out.size):
        data[i] = values[i]
    return out


def find_symmetry(lattice, positions, labels, occupancies, double symprec, uint64_t budget):
    """("ok", facts) of one crystal, or (why not, None).

    lattice (3, 3), rows in Å; positions (n, 3), fractional; labels (n,), equal for equal species; occupancies: the sum of
    each label's site, or None where all sites are full. budget: comparisons, 0 for the default.
    facts: space_group; letters, one per site; orbits, the first site of each site's orbit; operations, of the point group;
    lattice_points, primitive cells in the cell given; symprec, at which the operations form a group; distance, the largest
    that they leave, Å; axes (3, 3) and origin (3,), x = axes @ x_standard + origin; lattice (3, 3), the idealized
    conventional cell; ideal (n, 3), exact positions in the cell given.
    """
    cdef Py_ssize_t n = len(labels), i
    cdef np.ndarray cell = contiguous(lattice, np.NPY_FLOAT64, "lattice", (3, 3))
    cdef np.ndarray places = contiguous(positions, np.NPY_FLOAT64, "positions", (n, 3))
    cdef np.ndarray kinds = contiguous(labels, np.NPY_INT32, "labels", (n,))
    cdef np.ndarray shares = contiguous(occupancies or (), np.NPY_FLOAT64, "occupancies", (len(occupancies or ()),))
    cdef np.ndarray heads = empty(n, np.NPY_UINT32)
    cdef np.ndarray letters = empty(n, np.NPY_UINT8)
    cdef np.ndarray exact_places = numpy.empty((n, 3))
    cdef uint8_t *letter = <uint8_t *>np.PyArray_DATA(letters)
    cdef c.ck_symmetry found
    cdef c.ck_crystal crystal
    cdef size_t size = c.ck_work_size(n)
    cdef c.ck_status status
    crystal.lattice, crystal.positions = <double *>np.PyArray_DATA(cell), <double *>np.PyArray_DATA(places)
    crystal.labels, crystal.n, crystal.n_labels = <int32_t *>np.PyArray_DATA(kinds), n, len(shares)
    crystal.occupancies = <double *>np.PyArray_DATA(shares) if crystal.n_labels else NULL
    cdef void *work = malloc(size + 1)
    if work == NULL:
        raise MemoryError
    with nogil:
        status = c.ck_find_symmetry(&crystal, symprec, budget, work, size, &found, letter,
                                    <uint32_t *>np.PyArray_DATA(heads), <double *>np.PyArray_DATA(exact_places))
        free(work)
    if status != c.CK_OK:
        return STATUSES[status], None
    for i in range(n):
        letter[i] = 97 + letter[i] if letter[i] < 26 else 65
    return "ok", {
        "space_group": found.space_group,
        "letters": letters.tobytes().decode("ascii"),
        "orbits": heads.tolist(),
        "operations": found.n_operations,
        "lattice_points": found.lattice_points,
        "symprec": found.symprec,
        "distance": found.distance,
        "axes": doubles(found.axes, (3, 3)),
        "origin": doubles(found.origin, (3,)),
        "lattice": doubles(found.lattice, (3, 3)),
        "ideal": exact_places,
    }


cdef void *encode_crystal_share(void *argument) noexcept nogil:
    """The rows of one thread, with one work memory as large as its largest crystal needs."""
    cdef CrystalShare *share = <CrystalShare *>argument
    cdef CrystalRow *row = share.first
    cdef size_t largest = 0, size
    while row < share.end:
        if row.crystal.n > largest and row.crystal.n <= c.CK_MOST_SITES:
            largest = row.crystal.n
        row += 1
    size = c.ck_work_size(largest)
    cdef void *work = malloc(size)
    row = share.first
    while row < share.end:
        row.status = c.CK_NO_SPACE
        row.size = 0
        if work != NULL:
            row.status = c.ck_encode_structure(&row.crystal, row.species, share.symprec, share.budget, work, size,
                                               share.texts + row.start, row.cap, &row.size, &row.group)
        row += 1
    free(work)
    return NULL


cdef tuple encode_rows(CrystalRow *rows, Py_ssize_t n, size_t total, double symprec, uint64_t budget, Py_ssize_t jobs):
    """(texts, space groups, statuses) of rows whose crystals and text places are set; shares of about equal atoms."""
    cdef Py_ssize_t i, k = 0
    cdef size_t sites = 0, seen = 0
    cdef char *texts = <char *>malloc(total + 1)
    jobs = max(1, min(jobs, n))
    cdef CrystalShare *shares = <CrystalShare *>malloc(jobs * sizeof(CrystalShare))
    if texts == NULL or shares == NULL:
        free(texts)
        free(shares)
        raise MemoryError
    for i in range(n):
        sites += rows[i].crystal.n
    shares[0].first = rows
    for i in range(n):
        if k + 1 < jobs and seen * jobs >= (k + 1) * sites and &rows[i] > shares[k].first:
            shares[k].end = &rows[i]
            k += 1
            shares[k].first = &rows[i]
        seen += rows[i].crystal.n
    shares[k].end = rows + n
    for i in range(k + 1):
        shares[i].symprec, shares[i].budget, shares[i].texts = symprec, budget, texts
    cdef list strings = [None] * n, groups = [0] * n, statuses = ["ok"] * n
    cdef str text
    try:
        with nogil:
            ck_run_threads(encode_crystal_share, shares, sizeof(CrystalShare), k + 1)
        for i in range(n):
            if rows[i].status == c.CK_OK:
                text = PyUnicode_New(rows[i].size, 127)
                memcpy(PyUnicode_DATA(text), texts + rows[i].start, rows[i].size)
                strings[i], groups[i] = text, rows[i].group
            elif rows[i].status == c.CK_NO_SPACE:
                raise MemoryError
            else:
                statuses[i] = STATUSES[rows[i].status]
    finally:
        free(texts)
        free(shares)
    return strings, groups, statuses


cdef class SpeciesTable:
    """What labels write, for the core: [(text, rank, occupancy), ...] by label; equal ranks have equal texts."""

    cdef list texts
    cdef c.ck_species *species
    cdef double *occupancies
    cdef Py_ssize_t n
    cdef size_t longest
    cdef bint full

    def __cinit__(self, rows):
        cdef Py_ssize_t k
        cdef bytes text
        rows = list(rows)
        self.n, self.longest, self.texts, self.full = len(rows), 0, [], True
        self.species = <c.ck_species *>malloc((self.n + 1) * sizeof(c.ck_species))
        self.occupancies = <double *>malloc((self.n + 1) * sizeof(double))
        if self.species == NULL or self.occupancies == NULL:
            raise MemoryError
        for k, (words, rank, occupancy) in enumerate(rows):
            text = words.encode("ascii")
            self.texts.append(text)
            self.species[k].text, self.species[k].length, self.species[k].rank = <const char *>text, len(text), rank
            self.occupancies[k] = occupancy
            self.longest = max(self.longest, <size_t>len(text))
            self.full = self.full and occupancy >= 1

    def __dealloc__(self):
        free(self.species)
        free(self.occupancies)


cdef size_t place_row(CrystalRow *row, const double *lattice, const double *positions, const int32_t *labels, size_t n,
                      SpeciesTable table, size_t start):
    """Set a row; returns where the next one's text starts. 80 bytes, and a text, a symbol and two blanks an orbit, suffice.
    Without a table the labels are atomic numbers.
    """
    cdef size_t longest = 2
    row.crystal.lattice, row.crystal.positions, row.crystal.labels, row.crystal.n = lattice, positions, labels, n
    row.crystal.occupancies, row.crystal.n_labels, row.species = NULL, 0, NULL
    if table is not None:
        row.crystal.occupancies = NULL if table.full else table.occupancies
        row.crystal.n_labels, row.species, longest = table.n, table.species, table.longest
    row.start, row.cap = start, 80 + n * (longest + 6)
    return start + row.cap


def encode_crystals(list crystals, double symprec, uint64_t budget, Py_ssize_t jobs):
    """([text or None, ...], [space group, ...], ["ok" or why not, ...]) of (lattice, positions, labels, SpeciesTable) each,
    in canonical order and the dialect orbit; arrays as in find_symmetry.
    """
    cdef Py_ssize_t n = len(crystals), i
    cdef size_t total = 0
    cdef list kept = []
    cdef np.ndarray cell, places, kinds
    cdef SpeciesTable table
    cdef CrystalRow *rows = <CrystalRow *>malloc((n + 1) * sizeof(CrystalRow))
    if rows == NULL:
        raise MemoryError
    try:
        for i in range(n):
            lattice, positions, labels, table = crystals[i]
            cell = contiguous(lattice, np.NPY_FLOAT64, "lattice", (3, 3))
            kinds = contiguous(labels, np.NPY_INT32, "labels", (len(labels),))
            places = contiguous(positions, np.NPY_FLOAT64, "positions", (len(kinds), 3))
            kept.append((cell, places, kinds))
            total = place_row(&rows[i], <double *>np.PyArray_DATA(cell), <double *>np.PyArray_DATA(places),
                              <int32_t *>np.PyArray_DATA(kinds), len(kinds), table, total)
        return encode_rows(rows, n, total, symprec, budget, jobs)
    finally:
        free(rows)


def encode_columns(lattices, positions, labels, offsets, SpeciesTable table, double symprec, uint64_t budget, Py_ssize_t jobs):
    """The same for crystals in four arrays: (n, 3, 3), (N, 3), (N,) and (n + 1,), where crystal k has the sites
    offsets[k] to offsets[k + 1] and every label is one of the table's, or an atomic number where that is None.
    """
    cdef Py_ssize_t n = len(offsets) - 1, i
    cdef size_t total = 0
    cdef np.ndarray kinds = contiguous(labels, np.NPY_INT32, "labels", (len(labels),))
    cdef np.ndarray cells = contiguous(lattices, np.NPY_FLOAT64, "lattices", (n, 3, 3))
    cdef np.ndarray places = contiguous(positions, np.NPY_FLOAT64, "positions", (len(kinds), 3))
    cdef np.ndarray starts = contiguous(offsets, np.NPY_INT64, "offsets", (n + 1,))
    cdef const int64_t *start = <const int64_t *>np.PyArray_DATA(starts)
    cdef CrystalRow *rows = <CrystalRow *>malloc((n + 1) * sizeof(CrystalRow))
    if rows == NULL:
        raise MemoryError
    try:
        for i in range(n):
            if not 0 <= start[i] <= start[i + 1] <= len(kinds):
                raise ValueError(f"offsets {start[i]} to {start[i + 1]} of row {i} are outside of the {len(kinds)} sites")
            total = place_row(&rows[i], <double *>np.PyArray_DATA(cells) + 9 * i, <double *>np.PyArray_DATA(places) + 3 * start[i],
                              <int32_t *>np.PyArray_DATA(kinds) + start[i], start[i + 1] - start[i], table, total)
        return encode_rows(rows, n, total, symprec, budget, jobs)
    finally:
        free(rows)
