# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The C core for Python: buffers and errors here, rules in csrc/."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

import numpy as np

from cloudkit._native cimport scope as c
from cloudkit._native import twin
from cloudkit._native.twin.ids import NO_STRING

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef str LETTERS = "abcdefghijklmnopqrstuvwxyzA"
cdef enum: FEW = 64


cpdef uint8_t letter_index(Py_UCS4 letter):
    """0 for a to 25 for z, 26 for A; 255 for anything else."""
    if 97 <= letter <= 122:
        return <uint8_t>(<uint32_t>letter - 97)
    return 26 if letter == 65 else 255


ctypedef c.ck_status (*encoder)(const char *, size_t, uint16_t *, size_t, size_t *) noexcept nogil


cdef encoder find_encoder(str vocabulary) except NULL:
    if vocabulary == "cloud":
        return c.ck_encode_cloud
    if vocabulary == "compact":
        return c.ck_encode_compact
    raise ValueError(f"unknown vocabulary '{vocabulary}'; known: cloud, compact")


def check(text):
    """(space group or 0, [(code, offset, length), ...]) of str or bytes; offsets in bytes of UTF-8."""
    cdef const char *data
    cdef Py_ssize_t size
    cdef c.ck_issue few[16]
    cdef c.ck_issue *issues = few
    cdef uint32_t group = 0
    cdef size_t n, i
    if isinstance(text, str) and not text.isascii():
        text = text.encode("utf-8", "surrogatepass")
    if isinstance(text, str):
        data = PyUnicode_AsUTF8AndSize(text, &size)
    else:
        data, size = <bytes?>text, len(text)
    with nogil:
        n = c.ck_check(data, size, issues, 16, &group)
    if n <= 16:
        return group, [(few[i].code, few[i].offset, few[i].length) for i in range(n)]
    issues = <c.ck_issue *>PyMem_Malloc(n * sizeof(c.ck_issue))
    if issues == NULL:
        raise MemoryError
    try:
        with nogil:
            c.ck_check(data, size, issues, n, &group)
        return group, [(issues[i].code, issues[i].offset, issues[i].length) for i in range(n)]
    finally:
        PyMem_Free(issues)


def encode_text(str text, str vocabulary):
    """Ids (n,) uint16 of one text, or None where the compact vocabulary refuses it."""
    cdef encoder encode = find_encoder(vocabulary)
    cdef uint16_t few[256]
    cdef uint16_t[::1] view
    cdef size_t n = 0
    cdef Py_ssize_t size
    cdef const char *data
    cdef c.ck_status status
    if not text.isascii():
        return twin.encode_text(text, vocabulary)
    data = PyUnicode_AsUTF8AndSize(text, &size)
    status = encode(data, size, few, 256, &n)
    if status == c.CK_NOT_ASCII:
        return twin.encode_text(text, vocabulary)
    if status in (c.CK_INVALID, c.CK_NO_TOKEN):
        return None
    ids = np.empty(n, np.uint16)
    if n == 0:
        return ids
    view = ids
    if status == c.CK_NO_SPACE:
        encode(data, size, &view[0], n, &n)
    else:
        for i in range(<Py_ssize_t>n):
            view[i] = few[i]
    return ids


def encode_batch(list texts, str vocabulary):
    """(ids (tokens,) uint16, offsets (n + 1,) int64, refused rows) of many texts; a refused row has no ids."""
    cdef encoder encode = find_encoder(vocabulary)
    cdef Py_ssize_t rows = len(texts), row, size
    cdef const char **data = <const char **>PyMem_Malloc((rows + 1) * sizeof(char *))
    cdef size_t *sizes = <size_t *>PyMem_Malloc((rows + 1) * sizeof(size_t))
    cdef char *status = <char *>PyMem_Malloc(rows + 1)
    cdef size_t total = 0, n = 0, at = 0
    cdef int64_t[::1] ends
    cdef uint16_t[::1] out
    try:
        if data == NULL or sizes == NULL or status == NULL:
            raise MemoryError
        for row in range(rows):
            text = texts[row]
            if not isinstance(text, str):
                raise TypeError(f"row {row}: expected str, found {type(text).__name__}")
            if not text.isascii():
                return twin.encode_batch(texts, vocabulary)
            data[row] = PyUnicode_AsUTF8AndSize(text, &size)
            sizes[row] = size
            total += size + 2
        ids = np.empty(max(total, 1), np.uint16)
        offsets = np.zeros(rows + 1, np.int64)
        out, ends = ids, offsets
        with nogil:
            for row in range(rows):
                status[row] = encode(data[row], sizes[row], &out[0] + at, total - at, &n)
                if status[row] == c.CK_OK:
                    at += n
                ends[row + 1] = at
        if any(status[row] == c.CK_NOT_ASCII for row in range(rows)):
            return twin.encode_batch(texts, vocabulary)
        ids = ids[:at].copy() if at * 2 < total else ids[:at]
        return ids, offsets, [row for row in range(rows) if status[row] != c.CK_OK]
    finally:
        PyMem_Free(data)
        PyMem_Free(sizes)
        PyMem_Free(status)


def format_ids(ids):
    """The text of compact ids; raises ValueError for ids that are no string."""
    cdef const uint16_t[::1] view = np.ascontiguousarray(ids, np.uint16)
    cdef size_t n = 0, cap = 7 * view.shape[0] + 80
    cdef bytes out = b"\0" * cap
    if view.shape[0] == 0 or c.ck_format(&view[0], view.shape[0], <char *>out, cap, &n) != c.CK_OK:
        raise ValueError(NO_STRING)
    return out[:n].decode("ascii")


def canonical(unsigned int space_group, str letters, list contents):
    """[(place in the input, canonical letter), ...] of orbits given by letter and content number, in any order."""
    cdef Py_ssize_t n = len(contents), i, j
    cdef uint32_t key, place
    cdef uint8_t letter
    if len(letters) != n:
        raise ValueError(f"{len(letters)} letters but {n} contents")
    cdef char *memory = <char *>PyMem_Malloc(n * 14 + 1)
    if memory == NULL:
        raise MemoryError
    cdef uint32_t *content = <uint32_t *>memory
    cdef uint32_t *order = content + n
    cdef uint32_t *places = order + n
    cdef uint8_t *old = <uint8_t *>(places + n)
    cdef uint8_t *new = old + n
    try:
        if n <= FEW:  # insertion sort by (letter, content)
            for i in range(n):
                letter = letter_index(letters[i])
                key, place = contents[i], i
                j = i
                while j > 0 and (old[j - 1] > letter or (old[j - 1] == letter and content[j - 1] > key)):
                    old[j], content[j], places[j] = old[j - 1], content[j - 1], places[j - 1]
                    j -= 1
                old[j], content[j], places[j] = letter, key, place
        else:
            for i, (letter, key, place) in enumerate(sorted(zip(map(letter_index, letters), contents, range(n)))):
                old[i], content[i], places[i] = letter, key, place
        if c.ck_canonical(space_group, old, content, n, new, order) != c.CK_OK:
            raise ValueError(f"space group {space_group} has no Wyckoff letters {sorted(set(letters))}")
        return [(places[order[i]], LETTERS[new[i]]) for i in range(n)]
    finally:
        PyMem_Free(memory)
