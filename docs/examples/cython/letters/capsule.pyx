"""Linked with nothing: the functions come from the installed package, in a table with a version."""

from cpython.pycapsule cimport PyCapsule_Import
from libc.stdint cimport int32_t, uint16_t

from cloudkit cimport scope

cdef const scope.ck_api *ck = <const scope.ck_api *>PyCapsule_Import(scope.CK_CAPSULE, 0)
if ck.abi_version != scope.CK_ABI_VERSION:
    raise ImportError(f"built for ABI {scope.CK_ABI_VERSION} of cloudkit's core, found {ck.abi_version}")


def letters(bytes text):
    """['4a', '4b'] of b'… | Na 4a Cl 4b'; None where the text is invalid."""
    cdef uint16_t ids[512]
    cdef scope.ck_symbol symbol
    cdef size_t n, i
    if ck.encode_compact(text, len(text), ids, 512, &n) != scope.CK_OK:
        return None
    found = []
    for i in range(n):
        ck.read_id(ids[i], &symbol)
        if symbol.kind == scope.CK_WYCKOFF:
            found.append(f"{symbol.value}{chr(symbol.letter)}")
    return found


def encode(list lattice, list positions, list numbers):
    """The string of a crystal: 9 numbers of the cell, 3 fractions and an atomic number a site; None where it has none."""
    cdef double cell[9]
    cdef double places[3 * 64]
    cdef int32_t labels[64]
    cdef char text[80 + 8 * 64]
    cdef size_t size, length = 0, n = len(numbers)
    cdef scope.ck_crystal crystal
    if len(lattice) != 9 or n > 64 or len(positions) != 3 * n:
        raise ValueError("expected 9 numbers of a cell, and 3 fractions for each of at most 64 sites")
    for i in range(9):
        cell[i] = lattice[i]
    for i in range(3 * n):
        places[i] = positions[i]
    for i in range(n):
        labels[i] = numbers[i]
    crystal.lattice, crystal.positions, crystal.labels, crystal.n = cell, places, labels, n
    crystal.occupancies, crystal.n_labels = NULL, 0
    size = ck.work_size(n)
    work = bytearray(size)
    if ck.encode_structure(&crystal, NULL, 1e-2, 0, <char *>work, size, text, sizeof(text), &length, NULL) != scope.CK_OK:
        return None
    return text[:length]
