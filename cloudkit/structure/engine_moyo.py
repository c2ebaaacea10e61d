"""The moyo engine: fast, and its orbits are crystallographic whatever the cell."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from cloudkit.errors import StructureError, require
from cloudkit.structure.symmetry import Cell, SymmetryDataset


def _moyopy() -> ModuleType:
    return require("moyopy", "engines")


@contextmanager
def _errors_only() -> Iterator[None]:
    """Keep moyo's remarks on omitted operations (every supercell has some) off the terminal, unless the user set a level."""
    logger = logging.getLogger("moyo")
    unset = logger.level == logging.NOTSET
    if unset:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        if unset:
            logger.setLevel(logging.NOTSET)


def version() -> str:
    """The installed version of the engine."""
    return str(_moyopy().__version__)


def search(
    cells: Sequence[Cell], symprec: float, angle_tolerance: float | None
) -> list[SymmetryDataset | StructureError]:
    """Symmetry of cells that passed the guards, or S301 or S303.

    angle_tolerance is for the other engine: with one, moyo 0.21 hangs on some cells (Ca10Zn6 at 5 degrees).
    """
    with _errors_only():
        return [_search_one(cell, symprec) for cell in cells]


def _search_one(cell: Cell, symprec: float) -> SymmetryDataset | StructureError:
    moyopy = _moyopy()
    try:
        given = moyopy.Cell(cell.lattice.tolist(), np.mod(cell.positions, 1.0).tolist(), cell.types)
        dataset = moyopy.MoyoDataset(given, symprec=symprec)
    except Exception as error:
        return StructureError(
            "S301",
            f"moyo finds no space group at symprec {symprec:g} Å: {error}",
            "try another symprec, or the spglib engine",
        )
    except BaseException as error:  # a Rust panic does not derive from Exception
        if type(error).__name__ != "PanicException":
            raise
        return StructureError("S303", f"moyo crashed: {error}", "try the spglib engine")
    return SymmetryDataset(
        dataset.number, "".join(dataset.wyckoffs), dataset.orbits, len(dataset.std_cell.numbers)
    )
