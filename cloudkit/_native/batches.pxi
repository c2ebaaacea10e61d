# Many rows at once, without the GIL where they become no Python objects; the twin is twin/batches.py. Part of core.pyx.


cdef np.ndarray fit(np.ndarray array, size_t n):
    """The first n values. A large rest is given back; a small one is kept, since giving it back costs page faults."""
    if np.PyArray_NBYTES(array) > 32 << 20:
        array.resize(n, refcheck=False)
        return array
    return array[:n]


cdef class Texts:
    """The bytes of many texts, at hand without the GIL; the rows are kept alive, those that are not ASCII as UTF-8."""

    cdef readonly tuple rows
    cdef const char **data
    cdef size_t *sizes
    cdef Py_ssize_t n
    cdef list kept

    def __cinit__(self, texts):
        cdef Py_ssize_t row
        cdef bytes data
        self.rows = tuple(texts)
        self.n = len(self.rows)
        self.kept = []
        self.data = <const char **>PyMem_Malloc((self.n + 1) * sizeof(char *))
        self.sizes = <size_t *>PyMem_Malloc((self.n + 1) * sizeof(size_t))
        if self.data == NULL or self.sizes == NULL:
            raise MemoryError
        for row in range(self.n):
            text = self.rows[row]
            if not isinstance(text, str):
                raise TypeError(f"row {row}: expected str, found {type(text).__name__}")
            if PyUnicode_IS_COMPACT_ASCII(text):
                self.data[row] = <const char *>PyUnicode_DATA(text)
                self.sizes[row] = PyUnicode_GET_LENGTH(text)
            else:
                data = utf8(text)
                self.kept.append(data)
                self.data[row] = data
                self.sizes[row] = len(data)

    def __dealloc__(self):
        PyMem_Free(self.data)
        PyMem_Free(self.sizes)


cdef struct share:                # the rows that one thread works on, and where it writes
    encoder encode
    decoder decode
    const char **texts            # to be encoded or checked
    const size_t *sizes
    const uint16_t *source        # to be decoded
    const int64_t *bounds
    Py_ssize_t begin, end, failed # failed: the row at which decoding stopped, or -1
    char *out
    size_t cap, used              # in ids, bytes or issues
    int64_t *ends                 # where each row ends, counted from the share's start
    uint8_t *status


cdef void *encode_share(void *argument) noexcept nogil:
    cdef share *s = <share *>argument
    cdef size_t n = 0
    cdef Py_ssize_t row
    for row in range(s.begin, s.end):
        s.status[row] = s.encode(s.texts[row], s.sizes[row], <uint16_t *>s.out + s.used, s.cap - s.used, &n)
        if s.status[row] == c.CK_OK:
            s.used += n
        s.ends[row] = s.used
    return NULL


cdef void *decode_share(void *argument) noexcept nogil:
    cdef share *s = <share *>argument
    cdef size_t n = 0
    cdef Py_ssize_t row
    s.failed = -1
    for row in range(s.begin, s.end):
        if s.decode(s.source + s.bounds[row], s.bounds[row + 1] - s.bounds[row], s.out + s.used, s.cap - s.used, &n) != c.CK_OK:
            s.failed = row
            break
        s.used += n
        s.ends[row] = s.used
    return NULL


cdef void *check_share(void *argument) noexcept nogil:
    cdef share *s = <share *>argument
    cdef Py_ssize_t row
    for row in range(s.begin, s.end):
        s.used += c.ck_check(s.texts[row], s.sizes[row], NULL, 0, NULL)
        s.ends[row] = s.used
    return NULL


cdef class Shares:
    """The rows of a batch cut into one run of rows for each thread."""

    cdef share *of
    cdef Py_ssize_t n

    def __cinit__(self, Py_ssize_t rows, threads):
        cdef Py_ssize_t i
        if not isinstance(threads, int) or threads < 1:
            raise ValueError(f"threads: expected a whole number of 1 or more, found {threads!r}")
        self.n = min(threads, max(rows, 1))
        self.of = <share *>PyMem_Calloc(self.n, sizeof(share))
        if self.of == NULL:
            raise MemoryError
        for i in range(self.n):
            self.of[i].begin, self.of[i].end = rows * i // self.n, rows * (i + 1) // self.n

    def __dealloc__(self):
        PyMem_Free(self.of)

    cdef void run(self, void *(*work)(void *) noexcept nogil) noexcept:
        with nogil:
            ck_run_threads(work, self.of, sizeof(share), self.n)

    cdef size_t gather(self, size_t size) noexcept:
        """Move what the shares wrote, in items of some bytes, behind one another, count ends from the start; the total."""
        cdef share *s
        cdef size_t total = self.of[0].used
        cdef Py_ssize_t i, row
        for i in range(1, self.n):
            s = &self.of[i]
            if size:
                memmove(self.of[0].out + total * size, s.out, s.used * size)
            for row in range(s.begin, s.end):
                s.ends[row] += total
            total += s.used
        return total


def check_batch(texts, threads=1):
    """(starts (n + 1,) int64, issues (k, 3) int64) of many texts: row i has issues[starts[i]:starts[i + 1]].

    Columns: code, offset, length, as `check` gives them.
    """
    cdef Texts rows = Texts(texts)
    cdef Shares shares = Shares(rows.n, threads)
    cdef np.ndarray starts = empty(rows.n + 1, np.NPY_INT64)
    cdef int64_t *ends = <int64_t *>np.PyArray_DATA(starts)
    cdef c.ck_issue *issues
    cdef int64_t *out
    cdef Py_ssize_t i, row
    ends[0] = 0
    for i in range(shares.n):
        shares.of[i].texts, shares.of[i].sizes, shares.of[i].ends = rows.data, rows.sizes, ends + 1
    shares.run(check_share)
    shares.gather(0)
    found = numpy.empty((ends[rows.n], 3), numpy.int64)
    if ends[rows.n] == 0:
        return starts, found
    out = <int64_t *>np.PyArray_DATA(found)
    issues = <c.ck_issue *>PyMem_Malloc(ends[rows.n] * sizeof(c.ck_issue))
    if issues == NULL:
        raise MemoryError
    with nogil:
        for row in range(rows.n):
            if ends[row + 1] > ends[row]:
                c.ck_check(rows.data[row], rows.sizes[row], issues + ends[row], ends[row + 1] - ends[row], NULL)
        for i in range(ends[rows.n]):
            out[3 * i], out[3 * i + 1], out[3 * i + 2] = issues[i].code, <int64_t>issues[i].offset, issues[i].length
    PyMem_Free(issues)
    return starts, found


def encode_batch(texts, str vocabulary, threads=1):
    """(ids (tokens,) uint16, offsets (n + 1,) int64, refused rows) of many texts; a refused row has no ids."""
    cdef encoder encode = find_encoder(vocabulary)
    cdef Texts rows = Texts(texts)
    cdef Shares shares = Shares(rows.n, threads)
    cdef share *s
    cdef dict others = {}
    cdef size_t total = 0
    cdef Py_ssize_t i, row
    for row in range(rows.n):
        total += rows.sizes[row] + 2  # ids that suffice
    cdef np.ndarray ids = empty(total, np.NPY_UINT16)
    cdef np.ndarray offsets = empty(rows.n + 1, np.NPY_INT64)
    cdef np.ndarray status = empty(rows.n, np.NPY_UINT8)
    cdef int64_t *ends = <int64_t *>np.PyArray_DATA(offsets)
    total = 0
    for i in range(shares.n):
        s = &shares.of[i]
        s.encode, s.texts, s.sizes = encode, rows.data, rows.sizes
        s.ends, s.status = ends + 1, <uint8_t *>np.PyArray_DATA(status)
        s.out = <char *>np.PyArray_DATA(ids) + total * sizeof(uint16_t)
        for row in range(s.begin, s.end):
            s.cap += rows.sizes[row] + 2
        total += s.cap
    shares.run(encode_share)
    ends[0] = 0
    ids = fit(ids, shares.gather(sizeof(uint16_t)))
    for row in numpy.flatnonzero(status == c.CK_NOT_ASCII).tolist():
        others[row] = readable().encode_text(rows.rows[row], vocabulary)
    if others:
        ids, offsets = _insert(ids, offsets, others)
    return ids, offsets, numpy.flatnonzero((status == c.CK_INVALID) | (status == c.CK_NO_TOKEN)).tolist()


def _insert(ids, offsets, dict others):
    """The packed ids with the rows of `others`, which had none, put in their places, and the offsets of the whole."""
    lengths, parts, before = numpy.diff(offsets), [], 0
    for row, own in others.items():
        parts += [ids[before : offsets[row]], own]
        before, lengths[row] = offsets[row], len(own)
    return numpy.concatenate([*parts, ids[before:]]), numpy.concatenate([offsets[:1], numpy.cumsum(lengths)])


def decode_batch(np.ndarray ids, np.ndarray offsets, str vocabulary):
    """Texts of packed ids (tokens,) uint16: row i is ids[offsets[i]:offsets[i + 1]]; raises ValueError, with the row."""
    cdef decoder decode = find_decoder(vocabulary)
    cdef np.ndarray packed = np.PyArray_GETCONTIGUOUS(_uint16(ids))
    cdef np.ndarray bounds = _offsets(offsets, np.PyArray_SIZE(packed))
    cdef const int64_t *starts = <const int64_t *>np.PyArray_DATA(bounds)
    cdef const uint16_t *source = <const uint16_t *>np.PyArray_DATA(packed)
    cdef Py_ssize_t n_rows = np.PyArray_SIZE(bounds) - 1, row
    cdef list texts = PyList_New(n_rows)
    for row in range(n_rows):
        text = make_text(decode, source + starts[row], starts[row + 1] - starts[row])
        if text is None:
            raise explain(decode, source + starts[row], starts[row + 1] - starts[row], f"row {row}: ")
        Py_INCREF(text)
        PyList_SET_ITEM(texts, row, text)
    return texts


def decode_packed(np.ndarray ids, np.ndarray offsets, str vocabulary, threads=1):
    """(text (bytes,) uint8, offsets (n + 1,) int64): the texts of `decode_batch` end to end, ASCII."""
    cdef decoder decode = find_decoder(vocabulary)
    cdef np.ndarray packed = np.PyArray_GETCONTIGUOUS(_uint16(ids))
    cdef np.ndarray bounds = _offsets(offsets, np.PyArray_SIZE(packed))
    cdef const int64_t *starts = <const int64_t *>np.PyArray_DATA(bounds)
    cdef Py_ssize_t rows = np.PyArray_SIZE(bounds) - 1, i
    cdef Shares shares = Shares(rows, threads)
    cdef np.ndarray text = empty(7 * (starts[rows] - starts[0]) + 80 * rows, np.NPY_UINT8)
    cdef np.ndarray text_offsets = empty(rows + 1, np.NPY_INT64)
    cdef int64_t *ends = <int64_t *>np.PyArray_DATA(text_offsets)
    cdef size_t total = 0
    cdef share *s
    for i in range(shares.n):
        s = &shares.of[i]
        s.decode, s.source, s.bounds, s.ends = decode, <const uint16_t *>np.PyArray_DATA(packed), starts, ends + 1
        s.out = <char *>np.PyArray_DATA(text) + total
        s.cap = 7 * (starts[s.end] - starts[s.begin]) + 80 * (s.end - s.begin)
        total += s.cap
    shares.run(decode_share)
    for i in range(shares.n):
        s = &shares.of[i]
        if s.failed >= 0:
            raise explain(decode, s.source + starts[s.failed], starts[s.failed + 1] - starts[s.failed], f"row {s.failed}: ")
    ends[0] = 0
    return fit(text, shares.gather(1)), text_offsets


cdef np.ndarray _offsets(offsets, Py_ssize_t n_ids):
    """Offsets as int64 that rise within the ids."""
    cdef np.ndarray bounds = numpy.ascontiguousarray(offsets, numpy.int64)
    cdef const int64_t *starts = <const int64_t *>np.PyArray_DATA(bounds)
    cdef Py_ssize_t row
    if offsets.ndim != 1 or np.PyArray_SIZE(bounds) == 0:
        raise ValueError(f"offsets: expected shape (n + 1,), found {offsets.shape}")
    for row in range(np.PyArray_SIZE(bounds)):
        if starts[row] < (starts[row - 1] if row else 0) or starts[row] > n_ids:
            raise ValueError(f"offsets[{row}] = {starts[row]}: expected offsets that rise within 0 to {n_ids}, the number of ids")
    return bounds
