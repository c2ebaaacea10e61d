"""From what people name on a command line (files, folders, archives, databases, tables) to pieces: parts of the input, in order, that
are small enough to be held and that a worker may read on its own.
"""

import csv
import gzip
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.io.archives import read_members
from cloudkit.io.formats import KNOWN, classify
from cloudkit.io.json_xyz import NAMES, count_atoms, row_name
from cloudkit.io.parquet import read_structure_rows
from cloudkit.io.paths import (
    MOST_TEXT,
    UNREADABLE,
    Meant,
    decode,
    file_names,
    find_files,
    limited_lines,
    open_bytes,
    read_limited,
    say_unreadable,
    too_long,
)

STANDARD_INPUT: Final = "-"
LINES: Final = 32  # of a file of JSON lines in one piece, or frames of an extended XYZ file
MOST_TOGETHER: Final = 1 << 22  # bytes after which a piece is full
CSV_COLUMNS: Final = ("cif", "structure", "poscar")  # the first that is there is read
ROWS: Final = "rows"  # a kind of text: JSON lines whose "id" is the whole id


class Piece(NamedTuple):
    """A part of the input that is read at once: a whole file, or a few structures of one.

    name: the id of its structures, before #block. path: the file; empty where `text` is given or `damage` says why
    there is none. kind: what the text is (read.READERS); empty where the text must tell. first: the number of the first
    line or frame where it may be a part of a file, else 0. whole: nothing else of the same file comes. structures: how
    many it may hold. damage: code, message and hint.
    """

    name: str
    path: str = ""
    kind: str = ""
    text: str = ""
    first: int = 0
    whole: bool = True
    structures: int = 1
    damage: tuple[str, str, str] | None = None


def find_pieces(inputs: Iterable[str | Path], names: Mapping[str, str] | None = None) -> Iterator[Piece]:
    """What read_structures reads, in order: files of many structures in parts of a few, all others whole."""
    inputs = list(inputs)
    names = file_names(inputs) if names is None else names
    for given in inputs:
        if str(given) == STANDARD_INPUT:
            yield Piece("stdin", text=decode(sys.stdin.buffer.read()))
            continue
        for meant in find_files(str(given), names[str(given)]):
            yield from file_pieces(meant)


def file_pieces(meant: Meant) -> Iterator[Piece]:
    """The pieces of one file of find_files."""
    path, name = meant.path, meant.name
    kind = classify(path)
    if not meant.is_file:  # found rather than named: a pipe would be waited for without end
        yield damaged(
            name,
            StructureError("S101", f"{Path(path).name} is a pipe, socket or device", "name it to read it"),
        )
    elif not kind and meant.is_found:
        yield _unknown(name, path)
    elif kind == "archive":
        yield from _archive_pieces(path, name)
    elif kind == "ase":
        yield from split_rows(name, _ase_rows(path, name))
    elif kind == "parquet":
        yield from split_rows(name, read_structure_rows(path))
    elif kind in SPLIT:
        try:
            with open_bytes(path) as file:
                yield from split_file(name, kind, file)
        except UNREADABLE as error:
            yield damaged(name, StructureError("S101", say_unreadable(path, error)))
    else:
        yield Piece(name, path, kind)


def _archive_pieces(path: str, name: str) -> Iterator[Piece]:
    """The members of an archive as if it were a folder. None is written anywhere."""
    try:
        for member in read_members(path):
            full, kind = f"{name}/{member.name}", classify(member.name)
            if isinstance(member.content, StructureError):
                yield damaged(full, member.content)
            elif not kind:
                yield _unknown(full, member.name)
            elif kind in ("archive", "ase", "parquet"):
                inner = "an archive" if kind == "archive" else "a table or database"
                yield damaged(
                    full,
                    StructureError("S115", f"{inner} inside an archive is not opened", "unpack it first"),
                )
            elif member.name.lower().endswith(".gz"):
                with gzip.open(member.content) as unpacked:
                    yield from split_file(full, kind, cast(IO[bytes], unpacked))
            else:
                yield from split_file(full, kind, member.content)
    except StructureError as error:
        yield damaged(name, error)


def _ase_rows(path: str, name: str) -> Iterator[dict[str, Any]]:
    """Rows of ASE's SQLite database, opened so that nothing is written; ase's own reader would hold all of them."""
    where = f"{Path(path).resolve().as_uri()}?mode=ro"
    query = "SELECT id, numbers, positions, cell, pbc FROM systems ORDER BY id"
    try:
        with closing(sqlite3.connect(where, uri=True)) as database:
            for number, atoms, positions, cell, pbc in database.execute(query):
                yield {
                    "id": f"{name}#{number}",
                    "numbers": np.frombuffer(atoms, "<i4").tolist(),
                    "positions": np.frombuffer(positions, "<f8").reshape(-1, 3).tolist(),
                    "cell": np.frombuffer(cell, "<f8").reshape(3, 3).tolist(),
                    "pbc": [bool(pbc >> axis & 1) for axis in range(3)],
                }
    except (sqlite3.Error, TypeError, ValueError) as error:
        if not Path(path).is_file():
            raise StructureError("S101", f"there is no file {path}") from error
        raise StructureError(
            "S101", f"{Path(path).name} is not a readable ASE database: {error}", "write it again with ase.db"
        ) from error


def _unknown(name: str, path: str) -> Piece:
    return damaged(
        name, StructureError("S102", f"the kind of file of {Path(path).name} is not recognised", KNOWN)
    )


def damaged(name: str, error: StructureError) -> Piece:
    """What becomes of a file, or the rest of one, that cannot be read."""
    return Piece(name, damage=(error.code, error.message, error.hint))


def split_file(name: str, kind: str, file: IO[bytes]) -> Iterator[Piece]:
    """The pieces of an open file; what stops the reading is the last one. Kinds not in SPLIT are one piece."""
    try:
        if kind in SPLIT:
            yield from SPLIT[kind](name, file)
        else:
            yield Piece(name, kind=kind, text=decode(read_limited(file)))
    except StructureError as error:
        yield damaged(name, error)
    except UNREADABLE as error:
        yield damaged(name, StructureError("S101", say_unreadable(name, error)))


def split_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Piece]:
    """Rows of a table, a few at a time; one without an id is called name#number. The text of a CIF is a piece of its own."""
    held: list[str] = []
    try:
        for number, row in enumerate(rows, start=1):
            called = row_name(row, f"{name}#{number}")
            if "cif" in row:
                yield Piece(called, kind="cif", text=row["cif"] or "")
                continue
            held.append(json.dumps({**row, "id": called, "provider": None}, default=str))
            if len(held) == LINES:
                yield _rows_piece(name, held)
                held = []
    except StructureError as error:
        yield from [_rows_piece(name, held)] if held else []
        yield damaged(name, error)
    else:
        yield from [_rows_piece(name, held)] if held else []


def _rows_piece(name: str, rows: list[str]) -> Piece:
    return Piece(name, "", ROWS, "\n".join(rows), 1, False, len(rows))


def _split(name: str, kind: str, parts: Iterator[bytes]) -> Iterator[Piece]:
    """Lines or frames, LINES at a time."""
    first = 1
    for group, is_all in _groups(parts):
        yield Piece(name, "", kind, decode(b"".join(group)), first, is_all, len(group))
        first += len(group)
    if first == 1:
        yield Piece(name, kind=kind)


def _groups(parts: Iterator[bytes]) -> Iterator[tuple[list[bytes], bool]]:
    """LINES parts at a time, or fewer where they are long, and whether that is all there is; before an error comes what was
    read until then.
    """
    group: list[bytes] = []
    size, is_first = 0, True
    try:
        for part in parts:
            if len(group) == LINES or size > MOST_TOGETHER:
                yield group, False
                group, size, is_first = [], 0, False
            group.append(part)
            size += len(part)
    except (StructureError, *UNREADABLE):
        yield from [(group, False)] if group else []
        raise
    yield from [(group, is_first)] if group else []


def _frames(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Frames of extended XYZ. Nothing after one without a number of atoms can be read: where the next begins is not known."""
    for line in lines:
        if line.strip():
            n = count_atoms(decode(line))
            if not isinstance(n, int):
                yield line
                return
            frame, size = [line], len(line)
            for more in islice(lines, n + 1):
                frame.append(more)
                size += len(more)
                if size > MOST_TEXT:
                    raise too_long("frame")
            yield b"".join(frame)


def _split_csv(name: str, file: IO[bytes]) -> Iterator[Piece]:
    """One structure per row, as the text of a file in one column."""
    reader = csv.reader((line.decode("utf-8-sig", "replace") for line in limited_lines(file)), strict=True)
    rows = _long_fields(reader)
    try:
        header = [title.strip() for title in next(rows, [])]
        column = next((header.index(title) for title in CSV_COLUMNS if title in header), None)
        if column is None:
            raise StructureError(
                "S104",
                f"no column holds structures: {', '.join(header)[:200]}",
                f"call the one with the text of files {' or '.join(CSV_COLUMNS)}",
            )
        held = header[column]
        if header.count(held) > 1:
            raise StructureError("S103", f"column '{held}' occurs more than once in the first line")
        kind = "" if held == "structure" else held
        named = next((header.index(title) for title in NAMES if title in header), None)
        for number, row in enumerate((row for row in rows if row), start=1):
            if len(row) == len(header):
                yield Piece(f"{name}#{number if named is None else row[named]}", kind=kind, text=row[column])
            else:
                found = f"row {number} has {len(row)} fields, the first line names {len(header)} columns"
                yield damaged(f"{name}#{number}", StructureError("S103", found))
    except csv.Error as error:
        raise StructureError("S103", f"line {reader.line_num} is not CSV: {error}") from error


def _long_fields(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows whose fields may be whole files; the limit of the module csv is what it was between two rows."""
    while True:
        before = csv.field_size_limit(MOST_TOGETHER)
        try:
            row = next(rows, None)
        finally:
            csv.field_size_limit(before)
        if row is None:
            return
        yield row


SPLIT: Final[dict[str, Callable[[str, IO[bytes]], Iterator[Piece]]]] = {
    "lines": lambda name, file: _split(name, "lines", limited_lines(file)),
    "extxyz": lambda name, file: _split(name, "extxyz", _frames(limited_lines(file))),
    "csv": _split_csv,
}
