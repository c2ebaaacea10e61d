"""The native engine: cloudkit's own, in C (csrc/symmetry.h); its answer depends on the crystal and symprec alone."""

from collections.abc import Sequence

from cloudkit import _native
from cloudkit.errors import OptionError, StructureError
from cloudkit.structure.symmetry import Cell, SymmetryDataset
from cloudkit.tables import SPACE_GROUPS

LATTICE_POINTS = {"P": 1, "F": 4, "R": 3}  # of the conventional cell; 2 for A, C, I
FAULTS = {
    "bad cell": (
        "S301",
        "the cell or a coordinate is too large, too small or not finite",
        "give lengths in Å",
    ),
    "contact": (
        "S206",
        "two atoms, or an atom and its periodic image, are too close",
        "remove duplicate sites",
    ),
    "too hard": (
        "S304",
        "the search for symmetry takes too many comparisons",
        "give the primitive or conventional cell, or a smaller symprec",
    ),
}


def version() -> str:
    """The version of the C library's interface."""
    if not _native.COMPILED:
        raise OptionError(
            "the native engine needs the compiled core, which this installation lacks; "
            "install a wheel or a C compiler and reinstall, or choose engine='spglib'"
        )
    return str(_native.SYMMETRY_VERSION)


def fault(status: str) -> StructureError:
    """The error for a crystal that the core does not solve."""
    return StructureError(*FAULTS.get(status, ("S301", f"the search for symmetry ended with '{status}'", "")))


def search(
    cells: Sequence[Cell], symprec: float, angle_tolerance: float | None
) -> list[SymmetryDataset | StructureError]:
    """Symmetry of cells that passed the guards; there is no angle tolerance."""
    return [_search_one(cell, symprec) for cell in cells]


def _search_one(cell: Cell, symprec: float) -> SymmetryDataset | StructureError:
    status, facts = _native.find_symmetry(
        cell.lattice, cell.positions, cell.types, cell.occupancies, symprec, 0
    )
    if facts is None:
        return fault(status)
    number, points = facts["space_group"], facts["lattice_points"]
    standard = LATTICE_POINTS.get(SPACE_GROUPS[number - 1].centering, 2)
    return SymmetryDataset(
        number,
        facts["letters"],
        facts["orbits"],
        len(cell.types) // points * standard,
        facts["symprec"],
        facts["distance"],
    )
