"""Chunks: parts of the input that are small enough to be held, and that a worker may read on its own."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from cloudkit.errors import StructureError, suggest
from cloudkit.io.formats import KNOWN, SINGLE_SUFFIXES, classify
from cloudkit.io.json_xyz import NAMES, count_atoms, other_columns, row_name
from cloudkit.io.objects import HOLDERS
from cloudkit.io.paths import (
    MAX_TEXT,
    UNREADABLE,
    decode,
    describe_read_error,
    limited_lines,
    read_limited,
    split_lines,
    too_long,
)
from cloudkit.io.record import NO_COLUMNS
from cloudkit.io.tables import long_fields, wrong_separator

LINES: Final = 32  # of a file of JSON lines in one chunk, or frames of an extended XYZ file
MAX_TOGETHER: Final = 1 << 22  # bytes after which a chunk is full
# columns of tables that hold a structure: as the text of a file, as JSON, or (FILE_COLUMNS) as the name of a file; the first
# that is there is read
FILE_COLUMNS: Final = ("file", "filename", "file_name", "cif_file", "structure_file", "path")
STRUCTURE_COLUMNS: Final = ("cif", "poscar", *HOLDERS, *FILE_COLUMNS)
LONGEST_NAME: Final = 1000  # characters of the name of a file
ROWS: Final = "rows"  # a kind of text: JSON lines whose "id" is the whole id


class Chunk(NamedTuple):
    """A part of the input that is read at once: a whole file, or a few structures of one.

    Attributes
    ----------
    name : str
        The id of its structures, before #block.
    path : str
        The file; "" where `text` is given or `damage` says why there is none.
    kind : str
        What the text is, as `classify` names it; "" where the text itself must tell.
    text : str
        The content, where it is not read from `path`.
    first : int
        The number of the first line or frame where this may be a part of a file, else 0.
    whole : bool
        Whether nothing else of the same file comes.
    structures : int
        How many it may hold.
    damage : tuple of str, optional
        Code, message and hint.
    kept : mapping
        The other columns of the row of a table.

    Examples
    --------
    >>> from cloudkit.io import read_chunks
    >>> chunk = Chunk("salt", kind="poscar", text=open("salt.vasp").read())
    >>> [len(record.crystal) for records in read_chunks([chunk]) for record in records]
    [2]
    """

    name: str
    path: str = ""
    kind: str = ""
    text: str = ""
    first: int = 0
    whole: bool = True
    structures: int = 1
    damage: tuple[str, str, str] | None = None
    kept: Mapping[str, object] = NO_COLUMNS


def damaged(name: str, error: StructureError) -> Chunk:
    """What becomes of a file, or the rest of one, that cannot be read."""
    return Chunk(name, damage=(error.code, error.message, error.hint))


def unknown_kind(name: str, path: str) -> Chunk:
    """A file whose name does not tell its kind."""
    return damaged(
        name, StructureError("S102", f"the kind of file of {Path(path).name} is not recognised", KNOWN)
    )


def split_file(
    name: str,
    kind: str,
    file: IO[bytes],
    column: str | None = None,
    folder: Path | None = None,
    named: bool = False,
) -> Iterator[Chunk]:
    """The chunks of an open file; what stops the reading is the last one. Kinds not in SPLIT are one chunk.

    column: of a CSV table, the one that holds structures. folder: where files that it names are. named: whether the file is
    the one that the user named, so that the ids of its rows say enough.
    """
    try:
        if kind == "csv":
            yield from _split_csv(name, file, column, folder, named)
        elif kind in SPLIT:
            yield from SPLIT[kind](name, file)
        else:
            yield Chunk(name, kind=kind, text=decode(read_limited(file)))
    except StructureError as error:
        yield damaged(name, error)
    except UNREADABLE as error:
        yield damaged(name, StructureError("S101", describe_read_error(name, error)))


def split_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Chunk]:
    """Rows of a table, a few at a time; one without an id is called name#number. The text of a CIF is a chunk of its own."""
    held: list[str] = []
    try:
        for number, row in enumerate(rows, start=1):
            called = row_name(row, f"{name}#{number}")
            if "cif" in row:
                yield Chunk(called, kind="cif", text=row["cif"] or "", kept=other_columns(row))
                continue
            held.append(json.dumps({**row, "id": called, "provider": None}, default=str))
            if len(held) == LINES:
                yield _rows_chunk(name, held)
                held = []
    except StructureError as error:
        yield from [_rows_chunk(name, held)] if held else []
        yield damaged(name, error)
    else:
        yield from [_rows_chunk(name, held)] if held else []


def _rows_chunk(name: str, rows: list[str]) -> Chunk:
    return Chunk(name, "", ROWS, "\n".join(rows), 1, False, len(rows))


def _split(name: str, kind: str, parts: Iterator[bytes]) -> Iterator[Chunk]:
    """Lines or frames, LINES at a time."""
    first = 1
    for group, is_all in _groups(parts):
        yield Chunk(name, "", kind, decode(b"".join(group)), first, is_all, len(group))
        first += len(group)
    if first == 1:
        yield Chunk(name, kind=kind)


def _groups(parts: Iterator[bytes]) -> Iterator[tuple[list[bytes], bool]]:
    """LINES parts at a time, or fewer where they are long, and whether that is all there is; before an error comes what was
    read until then.
    """
    group: list[bytes] = []
    size, is_first = 0, True
    try:
        for part in parts:
            if len(group) == LINES or size > MAX_TOGETHER:
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
                if size > MAX_TEXT:
                    raise too_long("frame")
            yield b"".join(frame)


def cell_chunk(name: str, text: str, column: str, folder: Path | None) -> Chunk:
    """A cell of a table: the text of a file, JSON, or the name of a file relative to `folder`, whose suffix may be left out."""
    plain = text.strip()
    kind = column if column in ("cif", "poscar") else ""
    if not plain:
        return damaged(name, StructureError("S101", f"column '{column}' is empty here"))
    if "\n" in plain or plain[0] in "{[" or len(plain) > LONGEST_NAME:
        return Chunk(name, kind=kind, text=text)
    if folder is None:
        return damaged(
            name, StructureError("S101", f"'{plain}' names a file, and a table in an archive holds texts")
        )
    paths = [folder / f"{plain}{suffix}" for suffix in ("", *SINGLE_SUFFIXES)]
    path = next((path for path in paths if path.is_file()), None)
    if path is not None or classify(plain) or not kind:
        return Chunk(name, str(path or paths[0]), classify(str(path or plain)))
    return Chunk(name, kind=kind, text=text)


def _split_csv(
    name: str, file: IO[bytes], wanted: str | None, folder: Path | None, named_by_user: bool
) -> Iterator[Chunk]:
    """One structure per row, as the text or the name of a file in one column; the other columns are kept."""
    texts = (line.decode("utf-8-sig", "replace") for line in limited_lines(file))
    reader = csv.reader((line for text in texts for line in split_lines(text)), strict=True)
    rows = long_fields(reader)
    try:
        header = [title.strip() for title in next(rows, [])]
        titles = STRUCTURE_COLUMNS if wanted is None else (wanted,)
        column = next((header.index(title) for title in titles if title in header), None)
        if wrong := wrong_separator(header):
            raise StructureError("S103", wrong)
        if column is None:
            raise _no_column(header, wanted)
        held = header[column]
        if header.count(held) > 1:
            raise StructureError("S103", f"column '{held}' occurs more than once in the first line")
        named = next((header.index(title) for title in NAMES if title in header), None)
        others = [
            place
            for place, title in enumerate(header)
            if place not in (column, named) or title in FILE_COLUMNS
        ]
        for number, row in enumerate((row for row in rows if row), start=1):
            if len(row) == len(header):
                given = "" if named is None else row[named]
                called = given if given and named_by_user else f"{name}#{given or number}"
                kept = {header[place]: row[place] for place in others}
                yield cell_chunk(called, row[column], held, folder)._replace(kept=kept)
            else:
                found = f"row {number} has {len(row)} fields, the first line names {len(header)} columns"
                yield damaged(f"{name}#{number}", StructureError("S103", found))
    except csv.Error as error:
        raise StructureError("S103", f"line {reader.line_num} is not CSV: {error}") from error


def _no_column(header: Sequence[str], wanted: str | None) -> StructureError:
    shown = ", ".join(header)[:200]
    if wanted is not None:
        return StructureError("S104", f"there is no column '{wanted}'{suggest(wanted, header)}")
    if "scope" in header:
        hint = "column scope holds strings already: predict, build, audit and validate read them"
    else:
        hint = f"name it with --column, or call it {', '.join(STRUCTURE_COLUMNS[:3])} or file"
    return StructureError("S104", f"no column holds structures: {shown}", hint)


SPLIT: Final[dict[str, Callable[[str, IO[bytes]], Iterator[Chunk]]]] = {  # and csv
    "lines": lambda name, file: _split(name, "lines", limited_lines(file)),
    "extxyz": lambda name, file: _split(name, "extxyz", _frames(limited_lines(file))),
}
