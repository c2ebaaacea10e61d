"""Structures: whatever people have -> Crystal -> symmetry orbits.

The only package that talks to crystallography packages.
"""

from cloudkit.structure.batch import MAX_SECONDS, MAX_SITES, find_symmetry_batch, find_symmetry_in_files
from cloudkit.structure.codes import CODES
from cloudkit.structure.columns import Columns
from cloudkit.structure.convert import as_crystal
from cloudkit.structure.crystal import Crystal, Species
from cloudkit.structure.geometry import OF_CRYSTALS, OF_ORBITS, Geometry, describe
from cloudkit.structure.guards import check_crystal
from cloudkit.structure.read import Record, read_structures
from cloudkit.structure.symmetry import ENGINES, Engine, Orbit, Symmetry, find_symmetry

__all__ = [
    "CODES",
    "ENGINES",
    "MAX_SECONDS",
    "MAX_SITES",
    "OF_CRYSTALS",
    "OF_ORBITS",
    "Columns",
    "Crystal",
    "Engine",
    "Geometry",
    "Orbit",
    "Record",
    "Species",
    "Symmetry",
    "as_crystal",
    "check_crystal",
    "describe",
    "find_symmetry",
    "find_symmetry_batch",
    "find_symmetry_in_files",
    "read_structures",
]
