# Canonical letters and order; the twin is twin/canonical.py. Part of core.pyx.

cdef str LETTERS = "abcdefghijklmnopqrstuvwxyzA"
cdef enum: FEW = 64


cpdef uint8_t letter_index(Py_UCS4 letter):
    """0 for a to 25 for z, 26 for A; 255 for anything else."""
    if 97 <= letter <= 122:
        return <uint8_t>(<uint32_t>letter - 97)
    return 26 if letter == 65 else 255


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
