# Compact ids read as trees; the twin is twin/trees.py. Part of core.pyx.

cdef enum: ID_GROUP = 6  # of space group 1
cdef enum: ALL_IDS = 641

cdef uint8_t kind_of[ALL_IDS]
cdef list words = []    # of each compact id: an element's symbol, a fraction, or (letter, multiplicity)
cdef list alone = []    # ((symbol, 1.0),) of each element


cdef void fill_tables():
    """What compact ids say, as Python objects that all trees share."""
    cdef c.ck_symbol symbol
    cdef uint16_t index
    names = list(readable().token_ids("compact"))
    for index in range(ALL_IDS):
        c.ck_read_id(index, &symbol)
        kind_of[index] = <uint8_t>symbol.kind
        word = names[index]
        if symbol.kind == c.CK_FRACTION:
            word = symbol.value / 100
        elif symbol.kind == c.CK_WYCKOFF:
            word = (word[-1], symbol.value)
        words.append(word)
        alone.append(((word, 1.0),))



cdef leaf(held):
    """A tuple of texts and numbers is in no cycle: without the collector's eye on them, a million trees cost no scans."""
    PyObject_GC_UnTrack(<void *>held)
    return held


cdef tuple take_species(const uint16_t *ids, size_t *at):
    """The species at ids[*at], which moves behind them: elements, each with the fraction behind it, or 1.0."""
    cdef size_t i = at[0]
    if kind_of[ids[i + 1]] != c.CK_FRACTION:
        at[0] = i + 1
        return <tuple>alone[ids[i]]
    species = []
    while kind_of[ids[i]] == c.CK_ELEMENT:
        if kind_of[ids[i + 1]] == c.CK_FRACTION:
            species.append(leaf((words[ids[i]], words[ids[i + 1]])))
            i += 2
        else:
            species.append(leaf((words[ids[i]], 1.0)))
            i += 1
            break
    at[0] = i
    return leaf(tuple(species))


cdef make_orbit(type orbit, symbol, species):
    """tuple.__new__(orbit, (letter, multiplicity, species, ()))"""
    cdef tuple values = ((<tuple>symbol)[0], (<tuple>symbol)[1], species, ())
    return leaf((<PyTypeObject *>tuple).tp_new(<PyTypeObject *>orbit, (values,), NULL))


def parse(text, type orbit):
    """(dialect, space group, orbits or sites, fractions) of valid text; None if it has errors, or species without a token.

    orbit: a subclass of tuple with the fields letter, multiplicity, species (None in reduced) and oxidation states, ().
    """
    if not words:
        fill_tables()
    cdef str plain = exact(text)
    cdef uint16_t few[512]
    cdef const uint16_t *ids = few
    cdef size_t n = 0, at = 2, symbol
    cdef c.ck_status status
    cdef list orbits = []
    if not PyUnicode_IS_COMPACT_ASCII(plain):
        return None
    status = c.ck_encode_compact(<const char *>PyUnicode_DATA(plain), PyUnicode_GET_LENGTH(plain), few, 512, &n)
    if status == c.CK_NO_SPACE:
        packed = encode_text(plain, "compact")
        ids = <const uint16_t *>np.PyArray_DATA(<np.ndarray>packed)
    elif status != c.CK_OK:
        return None
    cdef int group = ids[1] - ID_GROUP + 1
    if kind_of[ids[2]] == c.CK_ELEMENT:
        while at < n - 1:
            species = take_species(ids, &at)
            orbits.append(make_orbit(orbit, words[ids[at]], species))
            at += 1
        return "orbit", group, leaf(tuple(orbits)), ()
    while kind_of[ids[at]] == c.CK_WYCKOFF:
        at += 1
    symbol = 2
    if kind_of[ids[at]] != c.CK_BAR:
        for symbol in range(2, at):
            orbits.append(make_orbit(orbit, words[ids[symbol]], None))
        return "reduced", group, leaf(tuple(orbits)), take_species(ids, &at)
    while at < n - 1:
        at += kind_of[ids[at]] == c.CK_BAR
        orbits.append(make_orbit(orbit, words[ids[symbol]], take_species(ids, &at)))
        symbol += 1
    return "full", group, leaf(tuple(orbits)), ()
