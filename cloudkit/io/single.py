"""One structure of whatever people have: an object, the path of a file, or a cell of a table."""

import logging
import os
import stat
from pathlib import Path
from typing import Any, Final

from cloudkit.errors import StructureError
from cloudkit.io.chunks import cell_chunk
from cloudkit.io.objects import from_object
from cloudkit.io.paths import mode_of
from cloudkit.io.read import read_chunks, read_structures, unexpected_error
from cloudkit.io.record import Record, no_structure
from cloudkit.structure.crystal import Crystal

_LOG: Final = logging.getLogger(__name__)


def as_crystal(structure: Any) -> Crystal:
    """Make a Crystal of whatever people have. What had to be assumed is logged.

    Whether the crystal is physical is checked by `find_symmetry`.

    Parameters
    ----------
    structure : object
        A Crystal; a pymatgen Structure or its as_dict(); ASE Atoms; the path of a file with one structure;
        {"lattice", "species", "frac"}; or a tuple (lattice, positions, numbers): `lattice` (3, 3), rows in Å; `positions` (n, 3),
        fractional; `numbers` (n,), atomic numbers, symbols or {symbol: occupancy}.

    Returns
    -------
    Crystal
        The structure as given, in its own cell.

    Raises
    ------
    StructureError
        S1xx, if it cannot be read.

    Examples
    --------
    >>> len(as_crystal("salt.vasp"))
    2
    >>> as_crystal(([[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"])).species
    ((('Cs', 1.0),), (('Cl', 1.0),))
    """
    if isinstance(structure, str) and ("\n" in structure or "\0" in structure):
        raise StructureError(
            "S112",
            f"a text of {len(structure):,} characters is not a path",
            "write it to a file, and give its path",
        )
    if isinstance(structure, str | os.PathLike):
        return read_one(Path(structure))
    return from_object(structure)


def as_record(name: str, structure: object) -> Record:
    """Make a Record of whatever `as_crystal` takes.

    Parameters
    ----------
    name : str
        The id of the record.
    structure : object
        See `as_crystal`.

    Returns
    -------
    Record
        With the error where the structure cannot be read; only a missing optional package raises.

    Examples
    --------
    >>> as_record("seven", 7).error.code
    'S112'
    """
    try:
        return Record(name, as_crystal(structure))
    except StructureError as error:
        return Record(name, None, error)
    except (ImportError, SyntaxError):
        raise
    except Exception as error:
        return Record(name, None, unexpected_error("S112", "the object", error))


def read_cell(name: str, value: object, column: str, folder: Path | None = None) -> Record:
    """The crystal of one cell of a table: an object, the text of a file, or the name of one, relative to `folder`.

    Whatever is wrong with it is the error of the record; a text with several structures is S111.
    """
    if value is None or isinstance(value, str):
        (records,) = read_chunks([cell_chunk(name, value or "", column, folder)])
        if len(records) == 1:
            return records[0]._replace(id=name)
        count = f"the cell has {len(records)} structures"
        return Record(name, None, StructureError("S111", count, "give each its own row"))
    return as_record(name, value)


def read_one(path: Path) -> Crystal:
    """The only structure of a file; what had to be assumed is logged.

    Raises StructureError, S111 if there are several.
    """
    if stat.S_ISDIR(mode_of(path)):
        raise StructureError("S101", f"{path} is a folder", "read_structures of cloudkit.io reads many")
    records = list(read_structures([path]))
    if not records:
        raise no_structure()
    if len(records) > 1:
        names = ", ".join(record.id for record in records[:4])
        raise StructureError(
            "S111",
            f"{path.name} has {len(records)} structures ({names} …)",
            "read_structures of cloudkit.io reads many; or split it",
        )
    if records[0].crystal is None:
        raise records[0].reason
    for note in records[0].notes:
        _LOG.warning("%s: %s", path.name, note)
    return records[0].crystal
