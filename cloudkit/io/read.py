"""Files, folders and patterns to records: every structure becomes one record, and nothing is dropped."""

import logging
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.io.cif import read_cif
from cloudkit.io.facts import implausible
from cloudkit.io.formats import STRINGS, classify
from cloudkit.io.json_xyz import read_extxyz, read_json, read_json_lines
from cloudkit.io.objects import from_object
from cloudkit.io.paths import decode, mode_of, read_bytes
from cloudkit.io.pieces import ROWS, Piece, cell_piece
from cloudkit.io.record import Record, no_structure, record_of
from cloudkit.io.sources import find_pieces
from cloudkit.io.vasp import read_output, read_poscar
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.guards import SMALLEST_VOLUME

_LOG: Final = logging.getLogger(__name__)
FETCHED: Final = 32  # files fetched before the first is parsed
MAX_FETCHED: Final = 1 << 22  # characters


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
        return Record(name, None, broken("S112", "the object", error))


def broken(code: str, what: str, error: Exception) -> StructureError:
    """What no reader should raise, as the failure of one record, so that the run goes on."""
    return StructureError(
        code, f"{what} cannot be read: {type(error).__name__}: {error}", "please report it, with the input"
    )


Reader = Callable[[str], Iterator[Record]]


def read_structures(
    inputs: Iterable[str | Path], names: Mapping[str, str] | None = None, column: str | None = None
) -> Iterator[Record]:
    """Read all structures of files, folders, patterns and standard input, in order.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, folders (with all below them), patterns such as "*.cif", and "-" for standard input. Files may be gzipped; archives
        are read as if they were folders.
    names : mapping, optional
        The ids of single files by path, as `file_names` gives them, where these inputs are some of more.
    column : str, optional
        Of CSV tables, the one that holds structures or names of files.

    Yields
    ------
    Record
        One per structure; what cannot be read is a record with an error. Its id is the path relative to the given folder (for a
        single file its name, or its path as given where other inputs have the same name), with #block where a file has several.

    Examples
    --------
    >>> for record in read_structures(["salt.vasp", "two.extxyz"]):
    ...     print(record.id, len(record.crystal))
    salt.vasp 2
    two.extxyz#1 2
    two.extxyz#2 1
    """
    return (record for records in read_pieces(find_pieces(inputs, names, column)) for record in records)


def read_pieces(pieces: Iterable[Piece]) -> Iterator[list[Record]]:
    """Read the structures of each piece.

    Some files are fetched before the first is parsed, which is faster than taking turns: system calls empty caches.

    Parameters
    ----------
    pieces : iterable of Piece
        As `find_pieces` gives them.

    Yields
    ------
    list of Record
        One list per piece, in order; what cannot be read is a record with an error.

    Examples
    --------
    >>> from cloudkit.io import find_pieces
    >>> [len(records) for records in read_pieces(find_pieces(["salt.vasp", "two.extxyz"]))]
    [1, 2]
    """
    fetched: list[tuple[Piece, str | StructureError]] = []
    size = 0
    for piece in pieces:
        text = _fetch(piece)
        fetched.append((piece, text))
        size += len(text) if isinstance(text, str) else 0
        if len(fetched) == FETCHED or size > MAX_FETCHED:
            yield from (_parse(*one) for one in fetched)
            fetched, size = [], 0
    yield from (_parse(*one) for one in fetched)


def _fetch(piece: Piece) -> str | StructureError:
    """The text of a piece, or why there is none."""
    if piece.damage:
        return StructureError(*piece.damage)
    if not piece.path:
        return piece.text
    try:
        return decode(read_bytes(piece.path))
    except StructureError as error:
        return error


def _parse(piece: Piece, text: str | StructureError) -> list[Record]:
    """Records of one text; `#block` is added where the reader gives its structures names."""
    name = "" if piece.kind == ROWS else piece.name  # rows come with their ids
    records: list[Record] = []
    try:
        for record in _found_in(piece, text):
            records.append(_within(name, record if piece.kind == "cif" else _with_room(record)))
        if not records and piece.whole:
            records.append(record_of(name, no_structure()))
    except (ImportError, SyntaxError):
        raise
    except StructureError as error:
        records.append(record_of(piece.name, error))
    except Exception as error:
        records.append(record_of(piece.name, broken("S103", "the text", error)))
    return [record._replace(kept=piece.kept) for record in records] if piece.kept else records


def _with_room(record: Record) -> Record:
    """The record with a note where its volume per atom is out of all bounds; the reader of CIF looks at that itself."""
    crystal = record.crystal
    if crystal is None or not len(crystal):
        return record
    volume = abs(float(np.linalg.det(crystal.lattice)))
    note = implausible(len(crystal), volume) if SMALLEST_VOLUME < volume < math.inf else ""
    return record._replace(notes=(*record.notes, note)) if note and note not in record.notes else record


def _found_in(piece: Piece, text: str | StructureError) -> Iterator[Record]:
    """What the reader of a piece's kind finds in its text, as it comes."""
    if isinstance(text, StructureError):
        raise text
    if piece.kind == ROWS:
        return read_json_lines(text)
    if not piece.whole:
        return PARTS[piece.kind](text, piece.first)
    if not text or text.isspace():
        raise StructureError("S101", "the file is empty")
    return _reader(piece.kind, text)(text)


def read_cell(name: str, value: object, column: str, folder: Path | None = None) -> Record:
    """The crystal of one cell of a table: an object, the text of a file, or the name of one, relative to `folder`.

    Whatever is wrong with it is the error of the record; a text with several structures is S111.
    """
    if value is None or isinstance(value, str):
        (records,) = read_pieces([cell_piece(name, value or "", column, folder)])
        if len(records) == 1:
            return records[0]._replace(id=name)
        count = f"the cell has {len(records)} structures"
        return record_of(name, StructureError("S111", count, "give each its own row"))
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


def _reader(kind: str, text: str) -> Reader:
    """The reader of a kind, or the one that fits the text, for standard input and single files with an unknown name."""
    kind = kind or classify("", text)
    if kind == STRINGS:
        raise StructureError(
            "S104",
            "the text holds SCOPE strings, not a structure",
            "predict and audit read them from a table: cloudkit encode … -o strings.csv",
        )
    return READERS[kind]


def _poscar(text: str) -> Iterator[Record]:
    notes: list[str] = []
    crystal = read_poscar(text, notes)
    yield Record("", crystal, None, tuple(notes))


def _several(read: Reader) -> Reader:
    """A reader of files with many structures: they get names unless there is only one."""

    def reader(text: str) -> Iterator[Record]:
        found = read(text)
        first = next(found, None)
        second = next(found, None)
        if first is not None:
            yield first if second is not None else first._replace(id="")
        if second is not None:
            yield second
        yield from found

    return reader


def _within(name: str, record: Record) -> Record:
    """A record of a file with the file's name before its own."""
    own = record.id
    return record._replace(id=f"{name}#{own}" if name and own else name or own)


READERS: Final[dict[str, Reader]] = {
    "cif": read_cif,
    "poscar": _poscar,
    "extxyz": _several(read_extxyz),
    "lines": read_json_lines,
    "json": _several(read_json),
    "vasprun": lambda text: read_output(text, "vasp-xml"),
    "outcar": lambda text: read_output(text, "vasp-out"),
}
PARTS: Final[dict[str, Callable[[str, int], Iterator[Record]]]] = {
    "lines": read_json_lines,
    "extxyz": read_extxyz,
}
