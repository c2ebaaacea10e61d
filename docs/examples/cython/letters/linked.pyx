"""Linked with the static library: the C functions are called by name."""

from cloudkit cimport scope
from libc.stdint cimport uint16_t


def letters(bytes text):
    """['4a', '4b'] of b'… | Na 4a Cl 4b'; None where the text is invalid."""
    cdef uint16_t ids[512]
    cdef scope.ck_symbol symbol
    cdef size_t n, i
    if scope.ck_encode_compact(text, len(text), ids, 512, &n) != scope.CK_OK:
        return None
    found = []
    for i in range(n):
        scope.ck_read_id(ids[i], &symbol)
        if symbol.kind == scope.CK_WYCKOFF:
            found.append(f"{symbol.value}{chr(symbol.letter)}")
    return found
