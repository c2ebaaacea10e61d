"""The spglib engine: the one behind the published strings, and the second opinion."""

from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.symmetry import Found


@cache
def _spglib() -> ModuleType:
    """spglib, set to raise its errors where this version lets one choose."""
    spglib = import_module("spglib")
    if hasattr(spglib.error, "OLD_ERROR_HANDLING"):
        spglib.error.OLD_ERROR_HANDLING = False
    return spglib


def version() -> str:
    return str(_spglib().__version__)


def analyze(
    crystal: Crystal, labels: NDArray[np.int32], symprec: float, angle_tolerance: float | None
) -> Found:
    """Symmetry of a crystal that passed the guards; angle_tolerance in degrees.

    Raises StructureError S301.
    """
    spglib = _spglib()
    cell = (crystal.lattice, crystal.positions, labels + 1)
    try:
        dataset = spglib.get_symmetry_dataset(
            cell, symprec=symprec, angle_tolerance=-1.0 if angle_tolerance is None else angle_tolerance
        )
    except spglib.SpglibError as error:
        raise _no_group(symprec, str(error)) from error
    if dataset is None:
        raise _no_group(symprec, "no reason given")
    return Found(
        dataset.number, "".join(dataset.wyckoffs), dataset.crystallographic_orbits, len(dataset.std_types)
    )


def _no_group(symprec: float, reason: str) -> StructureError:
    return StructureError(
        "S301",
        f"spglib finds no space group at symprec {symprec:g} Å: {reason}",
        "try another symprec, or the moyo engine",
    )
