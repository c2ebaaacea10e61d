# cython: language_level=3, boundscheck=False, wraparound=False
"""spglib's own C functions, called without Python and without the GIL, for one crystal or a batch.

The addresses come from the library that the spglib package has loaded; `engine_spglib` finds it and refuses a version
whose `SpglibDataset` is not the one below (spglib.h of 2.x).
"""

from libc.stdint cimport int32_t, int64_t, uintptr_t

import numpy as np

ctypedef struct SpglibDataset:
    int spacegroup_number
    int hall_number
    char international_symbol[11]
    char hall_symbol[17]
    char choice[6]
    double transformation_matrix[3][3]
    double origin_shift[3]
    int n_operations
    int (*rotations)[3][3]
    double (*translations)[3]
    int n_atoms
    int *wyckoffs
    char (*site_symmetry_symbols)[7]
    int *equivalent_atoms
    int *crystallographic_orbits
    double primitive_lattice[3][3]
    int *mapping_to_primitive
    int n_std_atoms
    double std_lattice[3][3]
    int *std_types
    double (*std_positions)[3]
    double std_rotation_matrix[3][3]
    int *std_mapping_to_primitive
    char pointgroup_symbol[6]

ctypedef SpglibDataset *(*GetDataset)(const double (*)[3], const double (*)[3], const int *, int, double, double) noexcept nogil
ctypedef void (*FreeDataset)(SpglibDataset *) noexcept nogil
ctypedef int (*GetError)() noexcept nogil

NO_DATASET = -1  # in `standard`: the library gave no answer, `errors` says why


cdef class Library:
    """The three functions, by address: spgat_get_dataset, spg_free_dataset, spg_get_error_code."""

    cdef GetDataset get_dataset
    cdef FreeDataset free_dataset
    cdef GetError get_error

    def __init__(self, uintptr_t get_dataset, uintptr_t free_dataset, uintptr_t get_error):
        self.get_dataset = <GetDataset>get_dataset
        self.free_dataset = <FreeDataset>free_dataset
        self.get_error = <GetError>get_error

    def search(self, const double[:, :, ::1] lattices not None, const double[:, ::1] positions not None,
               const int32_t[::1] types not None, const int64_t[::1] offsets not None,
               double symprec, double angle_tolerance):
        """The symmetry of n crystals, one after another, without the GIL.

        lattices (n, 3, 3), rows in Å; positions (N, 3), fractional; types (N,); offsets (n + 1,): crystal k has the
        rows offsets[k] to offsets[k + 1]. angle_tolerance: degrees, negative for spglib's own rule.
        Returns space groups (n,), Wyckoff letters (N,) as numbers from 0, orbits (N,): the first site of each site's
        orbit, sites of the standardized cell (n,) or NO_DATASET, and error codes (n,).
        """
        cdef Py_ssize_t n = lattices.shape[0], k
        if (lattices.shape[1] != 3 or lattices.shape[2] != 3 or positions.shape[1] != 3
                or types.shape[0] != positions.shape[0] or offsets.shape[0] != n + 1
                or offsets[0] != 0 or offsets[n] != positions.shape[0]):
            raise ValueError("lattices, positions, types and offsets do not fit together")
        for k in range(n):
            if offsets[k + 1] <= offsets[k] or offsets[k + 1] - offsets[k] > 0x7fffffff:
                raise ValueError("offsets must rise")
        groups, standard, errors = (np.zeros(n, np.int32) for _ in range(3))
        letters, orbits = (np.zeros(positions.shape[0], np.int32) for _ in range(2))
        if n:
            self._search(lattices, positions, types, offsets, symprec, angle_tolerance,
                         groups, letters, orbits, standard, errors)
        return groups, letters, orbits, standard, errors

    cdef _search(self, const double[:, :, ::1] lattices, const double[:, ::1] positions, const int32_t[::1] types,
                 const int64_t[::1] offsets, double symprec, double angle_tolerance, int32_t[::1] groups,
                 int32_t[::1] letters, int32_t[::1] orbits, int32_t[::1] standard, int32_t[::1] errors):
        cdef double columns[3][3]  # spglib wants cell vectors as columns
        cdef SpglibDataset *found
        cdef Py_ssize_t k, i, j, at, n_sites
        with nogil:
            for k in range(lattices.shape[0]):
                at, n_sites = offsets[k], offsets[k + 1] - offsets[k]
                for i in range(3):
                    for j in range(3):
                        columns[i][j] = lattices[k, j, i]
                found = self.get_dataset(columns, <const double (*)[3]>&positions[at, 0], <const int *>&types[at],
                                         <int>n_sites, symprec, angle_tolerance)
                if found == NULL or found.n_atoms != n_sites:
                    standard[k] = -1
                    errors[k] = self.get_error()
                else:
                    groups[k] = found.spacegroup_number
                    standard[k] = found.n_std_atoms
                    for i in range(n_sites):
                        letters[at + i] = found.wyckoffs[i]
                        orbits[at + i] = found.crystallographic_orbits[i]
                if found != NULL:
                    self.free_dataset(found)
