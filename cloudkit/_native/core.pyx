# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The C core for Python: buffers, threads and errors here, rules in csrc/. The oracle of each function is in twin/."""

from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_INCREF, PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

cimport numpy as np

from cloudkit cimport scope as c

import numpy


cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    void *PyUnicode_DATA(object text)
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    str PyUnicode_FromObject(object text)
    void PyObject_GC_UnTrack(void *held)
    ctypedef struct PyTypeObject:
        object (*tp_new)(PyTypeObject *, object, PyObject *)

cdef extern from "threads.h":
    void ck_run_threads(void *(*work)(void *) noexcept nogil, void *shares, size_t size, size_t n) nogil

np.import_array()

ctypedef c.ck_status (*encoder)(const char *, size_t, uint16_t *, size_t, size_t *) noexcept nogil
ctypedef c.ck_status (*decoder)(const uint16_t *, size_t, char *, size_t, size_t *) noexcept nogil

scope_api = PyCapsule_New(<void *>c.ck_get_api(), c.CK_CAPSULE, NULL)


cdef object readable():
    """The twin, for text that is not ASCII and for the words of errors: imported on first use."""
    from cloudkit._native import twin
    return twin


cdef encoder find_encoder(str vocabulary) except NULL:
    if vocabulary == "cloud":
        return c.ck_encode_cloud
    if vocabulary == "compact":
        return c.ck_encode_compact
    raise ValueError(f"unknown vocabulary '{vocabulary}'; known: cloud, compact")


cdef decoder find_decoder(str vocabulary) except NULL:
    return c.ck_decode_cloud if find_encoder(vocabulary) == c.ck_encode_cloud else c.ck_format


cdef np.ndarray empty(Py_ssize_t n, int kind):
    cdef np.npy_intp shape = n
    return np.PyArray_EMPTY(1, &shape, kind, 0)


cdef bytes utf8(text):
    return text if isinstance(text, bytes) else exact(text).encode("utf-8", "surrogatepass")


cdef str exact(text):
    """A str itself, of a subclass (numpy.str_) the str that it stands for; raises TypeError for anything else."""
    if not isinstance(text, str):
        raise TypeError(f"expected str, found {type(text).__name__}")
    return PyUnicode_FromObject(text)


def check(text):
    """(space group or 0, [(code, offset, length), ...]) of str or bytes; offsets in bytes of UTF-8."""
    cdef const char *data
    cdef Py_ssize_t size
    cdef c.ck_issue few[16]
    cdef c.ck_issue *issues = few
    cdef uint32_t group = 0
    cdef size_t n, i
    if isinstance(text, str) and PyUnicode_IS_COMPACT_ASCII(text):
        data, size = <const char *>PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text)
    else:
        text = utf8(text)
        data, size = <bytes>text, len(text)
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


def encode_text(text, str vocabulary):
    """Ids (n,) uint16 of one text, or None where the compact vocabulary refuses it."""
    cdef str plain = exact(text)
    cdef encoder encode = find_encoder(vocabulary)
    cdef uint16_t few[256]
    cdef size_t n = 0
    cdef Py_ssize_t size
    cdef const char *data
    cdef c.ck_status status
    cdef np.ndarray ids
    if not PyUnicode_IS_COMPACT_ASCII(plain):
        return readable().encode_text(plain, vocabulary)
    data, size = <const char *>PyUnicode_DATA(plain), PyUnicode_GET_LENGTH(plain)
    status = encode(data, size, few, 256, &n)
    if status in (c.CK_INVALID, c.CK_NO_TOKEN):
        return None
    if status == c.CK_NOT_ASCII:
        return readable().encode_text(plain, vocabulary)
    ids = empty(n, np.NPY_UINT16)
    if status == c.CK_NO_SPACE:
        with nogil:
            encode(data, size, <uint16_t *>np.PyArray_DATA(ids), n, &n)
    else:
        memcpy(np.PyArray_DATA(ids), few, n * sizeof(uint16_t))
    return ids


cdef str make_text(decoder decode, const uint16_t *ids, Py_ssize_t n_ids):
    """The text of some ids, or None."""
    cdef char few[1024]
    cdef size_t n = 0
    cdef c.ck_status status = decode(ids, n_ids, few, sizeof(few), &n)
    cdef str text
    if status == c.CK_INVALID:
        return None
    text = PyUnicode_New(n, 127)
    if status == c.CK_OK:
        memcpy(PyUnicode_DATA(text), few, n)
    else:
        decode(ids, n_ids, <char *>PyUnicode_DATA(text), n, &n)
    return text


cdef explain(decoder decode, const uint16_t *ids, Py_ssize_t n_ids, str where):
    cdef size_t place = 0
    if decode == c.ck_format:
        return ValueError(where + readable().ids.NO_STRING)
    decode(ids, n_ids, NULL, 0, &place)
    return ValueError(where + readable().ids.not_a_token(ids[place], place))


def decode_text(np.ndarray ids, str vocabulary):
    """The text of ids (n,) uint16; raises ValueError for ids that have none."""
    cdef decoder decode = find_decoder(vocabulary)
    cdef np.ndarray packed = np.PyArray_GETCONTIGUOUS(_uint16(ids))
    cdef const uint16_t *source = <const uint16_t *>np.PyArray_DATA(packed)
    text = make_text(decode, source, np.PyArray_SIZE(packed))
    if text is None:
        raise explain(decode, source, np.PyArray_SIZE(packed), "")
    return text


cdef np.ndarray _uint16(np.ndarray ids):
    if np.PyArray_TYPE(ids) != np.NPY_UINT16 or np.PyArray_NDIM(ids) != 1:
        raise ValueError(f"ids: expected shape (n,) and uint16, found {(<object>ids).shape} and {ids.dtype}")
    return ids


include "canonical.pxi"
include "batches.pxi"
include "trees.pxi"
include "structures.pxi"
