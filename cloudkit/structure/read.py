"""Files, folders and patterns to records: every structure becomes one record, and nothing is dropped."""

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from cloudkit.errors import StructureError
from cloudkit.structure.cif import read_cif
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.inputs import UNREADABLE, decode, find_files, open_bytes, read_bytes, say_unreadable
from cloudkit.structure.poscar import read_poscar
from cloudkit.structure.textforms import read_extxyz, read_json, read_json_lines

_LOG: Final = logging.getLogger(__name__)
STANDARD_INPUT: Final = "-"
LINES: Final = 32  # of a file of JSON lines in one piece; files fetched before the first is parsed
MOST_FETCHED: Final = 1 << 22  # characters


class Record(NamedTuple):
    """One structure of the input: a crystal or the reason why there is none; `notes` says what was left out
    or assumed.
    """

    id: str
    crystal: Crystal | None
    error: StructureError | None = None
    notes: tuple[str, ...] = ()


class Piece(NamedTuple):
    """A part of the input that is read at once: a whole file, or a few lines of one.

    name: the id of its structures, before #block. path: the file; empty where `text` is given or `damage` says why the
    file cannot be read. must_recognise: the name must tell the kind of file. first_line: the number of the text's first
    line where it is a part of JSON lines, else 0. whole: nothing else of the same file comes. structures: how many it
    may hold.
    """

    name: str
    path: str = ""
    must_recognise: bool = False
    text: str = ""
    first_line: int = 0
    whole: bool = True
    structures: int = 1
    damage: str = ""


Found = tuple[
    str, Crystal | StructureError, tuple[str, ...]
]  # name within the file, what became of it, notes
Reader = Callable[[str], Iterator[Found]]


def read_structures(inputs: Iterable[str | Path]) -> Iterator[Record]:
    """All structures of files, folders (with all below them), patterns such as "*.cif" and "-" (standard
    input), in order.

    A record's id is the path relative to the given folder (the file name for a single file),
    with #block where a file has
    several. Files may be gzipped. What cannot be read is a record with an error.
    """
    return (record for records in read_pieces(find_pieces(inputs)) for record in records)


def find_pieces(inputs: Iterable[str | Path]) -> Iterator[Piece]:
    """What read_structures reads, in order: files of JSON lines in parts of a few lines, all others whole."""
    for given in inputs:
        if str(given) == STANDARD_INPUT:
            yield Piece("stdin", text=decode(sys.stdin.buffer.read()))
            continue
        for path, name, must_recognise in find_files(str(given)):
            if _reader_by_name(path) is _json_lines:
                yield from _line_pieces(path, name)
            else:
                yield Piece(name, path, must_recognise)


def read_pieces(pieces: Iterable[Piece]) -> Iterator[list[Record]]:
    """The structures of each piece; what cannot be read is a record with an error.

    Some files are fetched before the first is parsed, which is faster than taking turns: system calls empty caches.
    """
    fetched: list[tuple[Piece, Reader | StructureError, str]] = []
    size = 0
    for piece in pieces:
        fetched.append((piece, *_fetch(piece)))
        size += len(fetched[-1][2])
        if len(fetched) == LINES or size > MOST_FETCHED:
            yield from (list(_parse(*one)) for one in fetched)
            fetched, size = [], 0
    yield from (list(_parse(*one)) for one in fetched)


def _fetch(piece: Piece) -> tuple[Reader | StructureError, str]:
    """The reader for a piece, or why there is none, and its text."""
    if piece.damage:
        return StructureError("S101", piece.damage), ""
    if not piece.path:
        return (_json_lines if piece.first_line else _sniff), piece.text
    reader = _reader_by_name(piece.path)
    if reader is None and piece.must_recognise:
        return (
            StructureError(
                "S102",
                f"the kind of file of {Path(piece.path).name} is not recognised",
                "known: .cif, POSCAR, CONTCAR, .vasp, .extxyz, .xyz, .jsonl, .json, also with .gz",
            ),
            "",
        )
    try:
        return reader or _sniff, decode(read_bytes(piece.path))
    except StructureError as error:
        return error, ""


def _parse(piece: Piece, reader: Reader | StructureError, text: str) -> Iterator[Record]:
    """Records of one text; `#block` is added where the reader gives its structures names."""
    if isinstance(reader, StructureError):
        yield _failure(piece.name, reader)
    elif not piece.whole:
        yield from (_record(piece.name, *found) for found in _json_lines(text, piece.first_line))
    elif not text.strip():
        yield _failure(piece.name, StructureError("S101", "the file is empty"))
    else:
        yield from _parse_whole(piece.name, reader, text)


def _parse_whole(name: str, reader: Reader, text: str) -> Iterator[Record]:
    count = 0
    try:
        for block, result, notes in reader(text):
            count += 1
            yield _record(name, block, result, notes)
    except StructureError as error:
        count += 1
        yield _failure(name, error)
    if not count:
        yield _failure(name, StructureError("S104", "there is no crystal structure in the file"))


def _line_pieces(path: str, name: str) -> Iterator[Piece]:
    """A file of JSON lines, so that one of any length fits into memory."""
    number = 1
    try:
        with open_bytes(path) as file:
            while lines := list(islice(file, LINES)):
                whole = number == 1 and len(lines) < LINES
                yield Piece(name, "", True, decode(b"".join(lines)), number, whole, len(lines))
                number += len(lines)
    except UNREADABLE as error:
        yield Piece(name, damage=say_unreadable(path, error))
    else:
        if number == 1:
            yield Piece(name)


def read_one(path: Path) -> Crystal:
    """The only structure of a file; what had to be assumed is logged.

    Raises StructureError, S111 if there are several.
    """
    (records,) = read_pieces([Piece(path.name, str(path))])
    if len(records) > 1:
        names = ", ".join(record.id for record in records[:4])
        raise StructureError(
            "S111",
            f"{path.name} has {len(records)} structures ({names} …)",
            "use read_structures, or split it",
        )
    if records[0].crystal is None:
        raise records[0].error or StructureError("S104", f"{path.name} has no structure")
    for note in records[0].notes:
        _LOG.warning("%s: %s", path.name, note)
    return records[0].crystal


def _reader_by_name(path: str) -> Reader | None:
    plain = path.rpartition(os.sep)[2].lower().removesuffix(".gz")
    for suffixes, reader in _BY_SUFFIX:
        if plain.endswith(suffixes):
            return reader
    return _poscar if re.match(r"(poscar|contcar)", plain) else None


def _sniff(text: str) -> Iterator[Found]:
    """The reader that fits the text, for standard input and single files with an unknown name."""
    lines = text.splitlines()
    if re.search(r"(?im)^\s*data_", text):
        return read_cif(text)
    if text.lstrip()[:1] in "{[":
        return _json(text) if len(lines) == 1 or text.lstrip()[:2].strip() in "{[" else _json_lines(text)
    if lines[0].strip().isdigit() and len(lines) > 1 and "lattice" in lines[1].lower():
        return _extxyz(text)
    return _poscar(text)


def _poscar(text: str) -> Iterator[Found]:
    notes: list[str] = []
    crystal = read_poscar(text, notes)
    yield "", crystal, tuple(notes)


def _several(read: Callable[[str], Iterator[tuple[str, Crystal | StructureError]]]) -> Reader:
    """A reader of files with many structures: they get names unless there is only one."""

    def reader(text: str) -> Iterator[Found]:
        found = read(text)
        first = next(found, None)
        second = next(found, None)
        if first is not None:
            yield first[0] if second is not None else "", first[1], ()
        if second is not None:
            yield *second, ()
        yield from ((name, result, ()) for name, result in found)

    return reader


def _json_lines(text: str, first_line: int = 1) -> Iterator[Found]:
    return ((name, result, ()) for name, result in read_json_lines(text, first_line))


def _record(name: str, block: str, result: Crystal | StructureError, notes: tuple[str, ...]) -> Record:
    full = f"{name}#{block}" if block else name
    if isinstance(result, StructureError):
        return Record(full, None, result, notes)
    return Record(full, result, None, notes)


def _failure(name: str, error: StructureError) -> Record:
    return Record(name, None, error)


_json = _several(read_json)
_extxyz = _several(read_extxyz)
_BY_SUFFIX: Final[tuple[tuple[tuple[str, ...], Reader], ...]] = (
    ((".cif", ".mcif"), read_cif),
    ((".vasp", ".poscar", ".contcar"), _poscar),
    ((".extxyz", ".xyz"), _extxyz),
    ((".jsonl", ".ndjson"), _json_lines),
    ((".json",), _json),
)
