"""Rivals that make no string: the engines alone, each called as its own documentation shows, on cells made beforehand."""

from collections.abc import Callable
from typing import Any

SYMPREC = 0.01  # Å


def moyo_cells(structures: list[Any]) -> list[Any]:
    """moyopy's own cells of pymatgen structures."""
    import moyopy

    return [
        moyopy.Cell(s.lattice.matrix.tolist(), s.frac_coords.tolist(), list(s.atomic_numbers))
        for s in structures
    ]


def run_moyo(cells: list[Any]) -> None:
    import moyopy

    for cell in cells:
        moyopy.MoyoDataset(cell, symprec=SYMPREC)


def spglib_cells(structures: list[Any]) -> list[Any]:
    """spglib's tuples of pymatgen structures."""
    return [(s.lattice.matrix, s.frac_coords, list(s.atomic_numbers)) for s in structures]


def run_spglib(cells: list[Any]) -> None:
    """spglib through its Python function, with its own rule for angles."""
    import spglib

    for cell in cells:
        spglib.get_symmetry_dataset(cell, symprec=SYMPREC)


def spglib_in_c(cells: list[Any]) -> Callable[[], None]:
    """A function that calls spgat_get_dataset alone for each cell: spglib's own C time."""
    import ctypes

    import numpy as np

    from cloudkit.structure.engine_spglib import _load

    library = _load()
    find, free = library.spgat_get_dataset, library.spg_free_dataset
    find.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    find.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int, ctypes.c_double, ctypes.c_double]
    arrays = [
        (np.ascontiguousarray(lattice.T), np.ascontiguousarray(positions), np.array(numbers, np.int32))
        for lattice, positions, numbers in cells
    ]
    calls = [(a.ctypes.data, b.ctypes.data, c.ctypes.data, len(c)) for a, b, c in arrays]

    def run() -> None:
        for call in calls:
            free(find(*call, SYMPREC, -1.0))
        assert arrays  # they live as long as their addresses are used

    return run
