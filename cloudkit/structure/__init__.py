"""Matter: the crystal, its symmetry, and what must hold before an engine sees it."""

from cloudkit.structure.crystal import Crystal
from cloudkit.structure.geometry import OF_CRYSTALS, OF_ORBITS, Geometry, describe
from cloudkit.structure.guards import check_crystal
from cloudkit.structure.standard import StandardCell, standardize
from cloudkit.structure.symmetry import (
    CODES,
    ENGINES,
    CrystalOrbit,
    Engine,
    Symmetry,
    default_engine,
    find_symmetry,
)
from cloudkit.tables.composition import Species

__all__ = [
    "CODES",
    "ENGINES",
    "OF_CRYSTALS",
    "OF_ORBITS",
    "Crystal",
    "CrystalOrbit",
    "Engine",
    "Geometry",
    "Species",
    "StandardCell",
    "Symmetry",
    "check_crystal",
    "default_engine",
    "describe",
    "find_symmetry",
    "standardize",
]
