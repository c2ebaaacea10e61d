"""Structures: whatever people have -> Crystal -> symmetry orbits.

The only package that talks to crystallography packages.
"""

from cloudkit.structure.batch import MAX_SECONDS, MAX_SITES, find_symmetry_batch, find_symmetry_in_files
from cloudkit.structure.codes import CODES
from cloudkit.structure.columns import Columns
from cloudkit.structure.convert import as_crystal
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.geometry import OF_CRYSTALS, OF_ORBITS, Geometry, describe
from cloudkit.structure.guards import check_crystal
from cloudkit.structure.inputs import file_names, find_files, open_bytes
from cloudkit.structure.pieces import Piece
from cloudkit.structure.read import Record, as_record, read_pieces, read_structures
from cloudkit.structure.sources import ReadTable, file_pieces, find_pieces, kind_of
from cloudkit.structure.symmetry import ENGINES, CrystalOrbit, Engine, Symmetry, find_symmetry
from cloudkit.structure.textforms import plain_text, read_row
from cloudkit.tables.composition import Species

__all__ = [
    "CODES",
    "ENGINES",
    "MAX_SECONDS",
    "MAX_SITES",
    "OF_CRYSTALS",
    "OF_ORBITS",
    "Columns",
    "Crystal",
    "CrystalOrbit",
    "Engine",
    "Geometry",
    "Piece",
    "ReadTable",
    "Record",
    "Species",
    "Symmetry",
    "as_crystal",
    "as_record",
    "check_crystal",
    "describe",
    "file_names",
    "file_pieces",
    "find_files",
    "find_pieces",
    "find_symmetry",
    "find_symmetry_batch",
    "find_symmetry_in_files",
    "kind_of",
    "open_bytes",
    "plain_text",
    "read_pieces",
    "read_row",
    "read_structures",
]
