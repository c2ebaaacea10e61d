"""Linked with nothing: the functions come from the installed package, in a table with a version."""

from cpython.pycapsule cimport PyCapsule_Import
from libc.stdint cimport uint16_t

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
