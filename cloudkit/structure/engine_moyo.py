"""The moyo engine: fast, and its orbits are crystallographic whatever the cell."""

import logging
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.symmetry import Found


@cache
def _moyopy() -> ModuleType:
    """moyopy, with its remarks on omitted operations (every supercell has some) kept off the terminal."""
    logger = logging.getLogger("moyo")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.ERROR)
    return import_module("moyopy")


def version() -> str:
    return str(_moyopy().__version__)


def analyze(
    crystal: Crystal, labels: NDArray[np.int32], symprec: float, angle_tolerance: float | None
) -> Found:
    """Symmetry of a crystal that passed the guards; angle_tolerance in degrees.

    Raises StructureError S301 or S303.
    """
    moyopy = _moyopy()
    radians = None if angle_tolerance is None else float(np.radians(angle_tolerance))
    try:
        cell = moyopy.Cell(
            crystal.lattice.tolist(), np.mod(crystal.positions, 1.0).tolist(), (labels + 1).tolist()
        )
        dataset = moyopy.MoyoDataset(cell, symprec=symprec, angle_tolerance=radians)
    except Exception as error:
        raise StructureError(
            "S301",
            f"moyo finds no space group at symprec {symprec:g} Å: {error}",
            "try another symprec, or the spglib engine",
        ) from error
    except BaseException as error:  # a Rust panic does not derive from Exception
        if type(error).__name__ != "PanicException":
            raise
        raise StructureError("S303", f"moyo broke down: {error}", "try the spglib engine") from error
    return Found(
        dataset.number, "".join(dataset.wyckoffs), np.array(dataset.orbits), len(dataset.std_cell.numbers)
    )
