# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The quick yes of the guards: almost every crystal is sound, and this says so in microseconds.

A "no" only means that the readable code in guards.py and neighbors.py has to look; it finds the fault and names it.
"""

from libc.math cimport fabs, floor, rint, sqrt
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc, qsort

cdef enum:
    LONGEST = 1000000   # Å
    FARTHEST = 1000000  # cells; what is beyond is for the readable code

ctypedef struct Place:
    double along   # fractional coordinate along the axis that is swept, in [0, 1)
    double x[3]

ctypedef struct Cell:
    double rows[3][3]      # cell vectors, Å
    double thickness[3]    # distance between opposite faces, Å
    double volume          # Å³


cdef bint measure(const double[:, ::1] lattice, double longest, Cell *cell) noexcept nogil:
    """Fill in the cell; False for entries that are not finite or longer than `longest`."""
    cdef double normal[3]
    cdef int i, j, k, m
    for i in range(3):
        for j in range(3):
            if not fabs(lattice[i, j]) <= longest:
                return False
            cell.rows[i][j] = lattice[i, j]
    cell.volume = 0
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        for m in range(3):
            normal[m] = (cell.rows[j][(m + 1) % 3] * cell.rows[k][(m + 2) % 3]
                         - cell.rows[j][(m + 2) % 3] * cell.rows[k][(m + 1) % 3])
        cell.volume = fabs(normal[0] * cell.rows[i][0] + normal[1] * cell.rows[i][1] + normal[2] * cell.rows[i][2])
        cell.thickness[i] = cell.volume / sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    return True


cdef int by_place(const void *a, const void *b) noexcept nogil:
    cdef double left = (<const Place *>a).along, right = (<const Place *>b).along
    return (left > right) - (left < right)


cdef bint touching(const Cell *cell, const Place *a, const Place *b, double cutoff) noexcept nogil:
    """Whether the nearest images of two atoms are within the cutoff, in a cell thicker than twice that."""
    cdef double d[3]
    cdef double square = 0, length
    cdef int i
    for i in range(3):
        d[i] = b.x[i] - a.x[i]
        d[i] -= rint(d[i])
        if fabs(d[i]) * cell.thickness[i] > cutoff:
            return False
    for i in range(3):
        length = d[0] * cell.rows[0][i] + d[1] * cell.rows[1][i] + d[2] * cell.rows[2][i]
        square += length * length
    return square <= cutoff * cutoff


cdef bint any_touching(const Cell *cell, Place *places, Py_ssize_t n, int axis, double cutoff) noexcept nogil:
    """Sort along one axis, then compare each atom with those behind it within reach, around the boundary too."""
    cdef double reach = cutoff / cell.thickness[axis]
    cdef double gap
    cdef Py_ssize_t i, j, step
    qsort(places, n, sizeof(Place), by_place)
    for i in range(n):
        for step in range(1, n):
            j = i + step if i + step < n else i + step - n
            gap = places[j].along - places[i].along
            if (gap if j > i else gap + 1) > reach:
                break
            if touching(cell, &places[i], &places[j], cutoff):
                return True
    return False


cdef int search(const Cell *cell, const double[:, ::1] positions, double farthest, double cutoff) noexcept nogil:
    """1 if two atoms touch or a coordinate is beyond `farthest`, 0 if not, -1 without memory."""
    cdef Py_ssize_t n = positions.shape[0], i
    cdef int axis = 0, k, answer = 0
    cdef Place *places = <Place *>malloc((n + 1) * sizeof(Place))
    if places == NULL:
        return -1
    for k in range(1, 3):
        if cell.thickness[k] > cell.thickness[axis]:
            axis = k
    for i in range(n):
        for k in range(3):
            if not fabs(positions[i, k]) <= farthest:
                answer = 1
            places[i].x[k] = positions[i, k]
        places[i].along = positions[i, axis] - floor(positions[i, axis])
    if answer == 0:
        answer = any_touching(cell, places, n, axis, cutoff)
    free(places)
    return answer


cdef bint thicker(const Cell *cell, double least) noexcept nogil:
    return cell.thickness[0] >= least and cell.thickness[1] >= least and cell.thickness[2] >= least


cdef bint within(const int32_t[::1] labels, Py_ssize_t kinds) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(labels.shape[0]):
        if not 0 <= labels[i] < kinds:
            return False
    return True


def is_sound(const double[:, ::1] lattice not None, const double[:, ::1] positions not None,
             const int32_t[::1] labels not None, Py_ssize_t kinds, double longest, double farthest,
             double smallest_volume, double thinnest, double cutoff):
    """True only if all numbers are finite and within bounds, the cell has a volume and is at least `thinnest` Å thick,
    labels lie in [0, kinds), and no two atoms (images included) are within `cutoff` Å, which is below thinnest / 2.
    """
    cdef Cell cell
    cdef Py_ssize_t n = positions.shape[0]
    cdef int found = 1
    if n == 0 or lattice.shape[0] != 3 or lattice.shape[1] != 3 or positions.shape[1] != 3 or labels.shape[0] != n:
        return False
    with nogil:
        if (within(labels, kinds) and measure(lattice, longest, &cell) and cell.volume > smallest_volume
                and thicker(&cell, thinnest)):
            found = search(&cell, positions, farthest, cutoff)
    if found < 0:
        raise MemoryError
    return found == 0


def has_contact(const double[:, ::1] lattice not None, const double[:, ::1] positions not None, double cutoff):
    """False only if it is certain that no two atoms (images included) are within `cutoff` Å."""
    cdef Cell cell
    cdef int found = 1
    if lattice.shape[0] != 3 or lattice.shape[1] != 3 or positions.shape[1] != 3:
        raise ValueError("lattice must be (3, 3) and positions (n, 3)")
    with nogil:
        if measure(lattice, LONGEST, &cell) and thicker(&cell, 2.5 * cutoff):
            found = search(&cell, positions, FARTHEST, cutoff)
    if found < 0:
        raise MemoryError
    return found == 1
