# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The quick reader of the plainest CIF blocks: P1, every row one whole atom of an element at one place, as data sets are
written. It answers exactly what the readable code (cif.py, cif_sites.py) answers, or declines by None.

Syntax is gemmi's business here too. Whatever is unusual is declined: a tag that gives rows another meaning, a number with
more digits than a double holds for certain, atoms on one place.
"""

cimport numpy as cnp
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.math cimport M_PI, cos, fabs, fmod, rint, sin, sqrt
from libc.stdint cimport int32_t, int64_t

cnp.import_array()

cdef double TENS[16]
TENS[:] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15]
cdef enum:
    DIGITS = 15      # an integer of so many digits and the power of ten that divides it are exact, so the quotient is rounded once
    MAX_KINDS = 118

cdef tuple PLACE = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
cdef tuple CELL = ("_cell_length_a", "_cell_length_b", "_cell_length_c",
                   "_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma")
cdef tuple MULTIPLICITY = ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
cdef frozenset IDENTITY = frozenset(["'x, y, z'", "'x,y,z'", "x,y,z"])
cdef set ONE = {"1"}
cdef frozenset WHOLE = frozenset(["1", "1.0", "1.00", "1.000", "1.0000"])


cdef bint read_number(str text, double *value):
    """A plain decimal number, perhaps with its uncertainty in brackets; False for anything else."""
    cdef Py_ssize_t n, i = 0, point = -1, digits = 0
    cdef const char *c = PyUnicode_AsUTF8AndSize(text, &n)
    cdef int64_t whole = 0
    cdef bint negative = n > 0 and c[0] == c'-'
    i = negative
    while i < n:
        if c'0' <= c[i] <= c'9':
            whole = 10 * whole + (c[i] - c'0')
            digits += 1
            if digits > DIGITS:
                return False
        elif c[i] == c'.' and point < 0:
            point = digits
        else:
            break
        i += 1
    if digits == 0 or (i < n and not is_uncertainty(c + i, n - i)):
        return False
    value[0] = <double>whole / TENS[digits - point if point >= 0 else 0]
    if negative:
        value[0] = -value[0]
    return True


cdef bint is_uncertainty(const char *c, Py_ssize_t n) noexcept:
    cdef Py_ssize_t i
    if n < 3 or c[0] != c'(' or c[n - 1] != c')':
        return False
    for i in range(1, n - 1):
        if not c'0' <= c[i] <= c'9':
            return False
    return True


cdef inline double into_cell(double x) noexcept:
    """As numpy.mod(x, 1)."""
    cdef double rest = fmod(x, 1.0)
    return rest + 1 if rest < 0 else rest if rest > 0 else 0.0


cdef object make_lattice(const double *cell):
    """The cell vectors as cif.read_cell gives them, to the last bit; None where it would refuse."""
    cdef double a = cell[0], b = cell[1], c = cell[2], degree = M_PI / 180.0
    cdef double cos_a = cos(cell[3] * degree), cos_b = cos(cell[4] * degree), cos_c = cos(cell[5] * degree)
    cdef double sin_c = sin(cell[5] * degree)
    cdef double flatness = 1 - cos_a * cos_a - cos_b * cos_b - cos_c * cos_c + 2 * cos_a * cos_b * cos_c
    cdef cnp.npy_intp shape[2]
    if not (a > 0 and b > 0 and c > 0 and flatness > 1e-9):
        return None
    shape[0] = shape[1] = 3
    lattice = cnp.PyArray_ZEROS(2, shape, cnp.NPY_FLOAT64, 0)
    cdef double *rows = <double *>cnp.PyArray_DATA(lattice)
    rows[0] = rounded(a)
    rows[3], rows[4] = rounded(b * cos_c), rounded(b * sin_c)
    rows[6], rows[7] = rounded(c * cos_b), rounded(c * (cos_a - cos_b * cos_c) / sin_c)
    rows[8] = rounded(c * sqrt(flatness) / sin_c)
    return lattice


cdef double volume_of(lattice):
    """Of a cell with a along x and b in the xy plane."""
    cdef double *rows = <double *>cnp.PyArray_DATA(lattice)
    return rows[0] * rows[4] * rows[8]


cdef double rounded(double x):
    """To 12 decimals, as Python rounds.

    The product has an error of half a unit in its last place, which matters only next to a half; the quotient of two
    integers below 2**53 is rounded once.
    """
    cdef double scaled = x * 1e12, whole = rint(scaled)
    if fabs(scaled) < 1e15 and fabs(fabs(scaled - whole) - 0.5) > 0.25:
        return whole / 1e12
    return round(<object>x, 12)


cdef bint is_p1(object block, tuple operation_tags, tuple centering_tags):
    """Whether the first list of operations is the identity alone."""
    for tag in operation_tags:
        if has_tag(block, tag):
            column = block.find_values(tag)
            return len(column) == 1 and column[0] in IDENTITY and not has_any(block, centering_tags)
    return False


cdef bint states_facts_as_read(block, tuple symbols, list counts, tuple group_tags, frozenset p1, formulas, double volume,
                               double volume_share):
    """Whether the block names no other group than P1, and states the formula, Z and volume of what was read, if any. False
    also where that takes a closer look: a formula with fractions or without its hydrogens, a density.
    """
    cdef double stated, units = 1
    for tag in group_tags:
        value = block.find_value(tag)
        if value is not None and value not in p1:
            return False
    value = block.find_value("_cell_volume")
    if value is not None and not (read_number(value, &stated) and fabs(volume - stated) <= volume_share * stated):
        return False
    if block.find_value("_exptl_crystal_density_diffrn") is not None:
        return False
    value = block.find_value("_chemical_formula_sum")
    if value is None:
        return True
    cdef dict formula = formulas[value]
    if len(formula) != len(symbols):
        return False
    value = block.find_value("_cell_formula_units_Z")
    if value is not None and not (read_number(value, &units) and units > 0):
        return False
    cdef double count
    cdef bint is_unit = True, is_cell = True
    for symbol, number in zip(symbols, counts):
        count = formula.get(symbol, -1.0)
        is_unit = is_unit and count * units == number
        is_cell = is_cell and count == number
    return is_unit or is_cell


cdef bint has_any(object block, tuple tags):
    for tag in tags:
        if has_tag(block, tag):
            return True
    return False


cdef bint has_tag(object block, object tag):
    """Whether a tag occurs, also without a value: two searches that build no column."""
    return block.find_loop_item(tag) is not None or block.find_pair_item(tag) is not None


def read_plain(block, tuple operation_tags not None, tuple centering_tags not None, tuple special_tags not None,
               dict ranks not None, tuple group_tags not None, frozenset p1 not None, formulas,
               double volume_share, double smallest_room, double largest_room):
    """(lattice (3, 3), positions (n, 3), labels (n,), symbols) of a gemmi block in the order of sites, or None.

    group_tags, p1: tags that state a space group, and values that say P1. formulas: a formula as written -> element -> count.
    volume_share: how far a stated volume may be off, relatively. smallest_room, largest_room: bounds of the volume per atom in Å³.
    ranks: the place of each element in the order of sites; an element without one is declined. symbols: in order of first
    appearance in the list; labels: index into them.
    """
    cdef double cell[6]
    cdef int i
    for i in range(6):
        text = block.find_value(CELL[i])
        if text is None or not read_number(text, &cell[i]):
            return None
    if not is_p1(block, operation_tags, centering_tags) or has_any(block, special_tags):
        return None
    loop = block.find_loop(PLACE[0]).get_loop()
    if loop is None:
        return None
    cdef list tags = loop.tags
    cdef dict columns = {(<str>tag).lower(): at for at, tag in enumerate(tags)}
    symbol = columns.get("_atom_site_type_symbol", -1)
    occupancy = columns.get("_atom_site_occupancy", -1)
    if len(columns) < len(tags) or symbol < 0 or (occupancy < 0 and has_tag(block, "_atom_site_occupancy")):
        return None
    cdef list values = loop.values
    for tag in MULTIPLICITY:
        at = columns.get(tag, -1)
        if at >= 0 and set(values[at::len(tags)]) != ONE:
            return None
    places = [columns.get(tag, -1) for tag in PLACE]
    if -1 in places:
        return None
    rows = read_rows(values, len(tags), places[0], places[1], places[2], symbol, occupancy, ranks)
    lattice = make_lattice(cell)
    if rows is None or lattice is None:
        return None
    positions, labels, symbols, counts = rows
    cdef double volume = volume_of(lattice)
    if not smallest_room < volume / len(labels) < largest_room:
        return None
    if not states_facts_as_read(block, symbols, counts, group_tags, p1, formulas, volume, volume_share):
        return None
    return lattice, positions, labels, symbols


cdef tuple read_rows(list values, Py_ssize_t width, Py_ssize_t x, Py_ssize_t y, Py_ssize_t z, Py_ssize_t symbol,
                     Py_ssize_t occupancy, dict ranks):
    """Positions, labels and symbols, rows sorted by the rank of their element; rows of one element keep their order."""
    cdef Py_ssize_t n = len(values) // width, row, at, before
    cdef list counts = [0] * MAX_KINDS
    cdef dict number = {}
    cdef list kinds = []
    for row in range(n):
        kind = values[row * width + symbol]
        if occupancy >= 0 and values[row * width + occupancy] not in WHOLE:
            return None
        label = number.setdefault(kind, len(number))
        kinds.append(label)
    if n == 0 or len(number) > MAX_KINDS:
        return None
    cdef list symbols = list(number)
    cdef list order = []
    for kind in symbols:
        rank = ranks.get(kind)
        if rank is None:
            return None
        order.append((rank, number[kind]))
    order.sort()
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = n, 3
    positions = cnp.PyArray_SimpleNew(2, shape, cnp.NPY_FLOAT64)
    labels = cnp.PyArray_SimpleNew(1, shape, cnp.NPY_INT32)
    cdef double *place = <double *>cnp.PyArray_DATA(positions)
    cdef int32_t *label_of = <int32_t *>cnp.PyArray_DATA(labels)
    cdef double number_read
    cdef Py_ssize_t columns[3]
    cdef Py_ssize_t axis, filled = 0
    columns[0], columns[1], columns[2] = x, y, z
    for _, wanted in order:
        before = filled
        for row in range(n):
            if kinds[row] != wanted:
                continue
            for axis in range(3):
                if not read_number(values[row * width + columns[axis]], &number_read):
                    return None
                place[3 * filled + axis] = into_cell(number_read)
            label_of[filled] = wanted
            filled += 1
        counts[wanted] = filled - before
    return positions, labels, tuple(symbols), counts
