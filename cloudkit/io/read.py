"""Files, folders and patterns to records: every structure becomes one record, and nothing is dropped."""

import math
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.io.archives import split_archive
from cloudkit.io.chunks import ROWS, SPLIT, Chunk, damaged, split_file, split_rows, unknown_kind
from cloudkit.io.cif import read_cif
from cloudkit.io.facts import implausible
from cloudkit.io.formats import STRINGS, classify
from cloudkit.io.json_xyz import read_extxyz, read_json, read_json_lines
from cloudkit.io.parquet import read_structure_rows
from cloudkit.io.paths import (
    UNREADABLE,
    InputFile,
    decode,
    describe_read_error,
    file_names,
    find_files,
    open_bytes,
    read_bytes,
)
from cloudkit.io.record import Record, no_structure
from cloudkit.io.vasp import read_output, read_poscar
from cloudkit.structure.guards import SMALLEST_VOLUME

STANDARD_INPUT: Final = "-"
READ_AHEAD: Final = 32  # files fetched before the first is parsed
MAX_READ_AHEAD: Final = 1 << 22  # characters


def unexpected_error(code: str, what: str, error: Exception) -> StructureError:
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
    return (record for records in read_chunks(find_chunks(inputs, names, column)) for record in records)


def find_chunks(
    inputs: Iterable[str | Path], names: Mapping[str, str] | None = None, column: str | None = None
) -> Iterator[Chunk]:
    """Find what `read_structures` reads, in order: files of many structures in parts of a few, all others whole.

    Parameters
    ----------
    inputs, names, column
        See `read_structures`.

    Yields
    ------
    Chunk
        A part of the input; what cannot be read is a chunk with `damage`.

    Examples
    --------
    >>> [(chunk.name, chunk.structures) for chunk in find_chunks(["salt.vasp", "two.extxyz"])]
    [('salt.vasp', 1), ('two.extxyz', 2)]
    """
    inputs = list(inputs)
    names = file_names(inputs) if names is None else names
    for given in inputs:
        if str(given) == STANDARD_INPUT:
            yield Chunk("stdin", text=decode(sys.stdin.buffer.read()))
            continue
        for file in find_files(str(given), names[str(given)]):
            yield from file_chunks(file, column)


def file_chunks(file: InputFile, column: str | None = None) -> Iterator[Chunk]:
    """Find the chunks of one file.

    Parameters
    ----------
    file : InputFile
        As `find_files` gives it.
    column : str, optional
        Of CSV tables, the one that holds structures or names of files.

    Yields
    ------
    Chunk
        See `find_chunks`.

    Examples
    --------
    >>> from cloudkit.io import find_files
    >>> [chunk.kind for file in find_files("salt.vasp") for chunk in file_chunks(file)]
    ['poscar']
    """
    path, name = file.path, file.name
    kind = classify(path)
    if not file.is_file:  # found rather than named: a pipe would be waited for without end
        yield damaged(
            name,
            StructureError("S101", f"{Path(path).name} is a pipe, socket or device", "name it to read it"),
        )
    elif not kind and file.is_found:
        yield unknown_kind(name, path)
    elif kind == "archive":
        yield from split_archive(path, name)
    elif kind == "ase":
        yield from split_rows(name, _ase_rows(path, name))
    elif kind == "parquet":
        yield from split_rows(name, read_structure_rows(path, keep=True))
    elif kind == "csv" or kind in SPLIT:
        try:
            with open_bytes(path) as content:
                yield from split_file(name, kind, content, column, Path(path).parent, not file.is_found)
        except UNREADABLE as error:
            yield damaged(name, StructureError("S101", describe_read_error(path, error)))
    else:
        yield Chunk(name, path, kind)


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


def read_chunks(chunks: Iterable[Chunk]) -> Iterator[list[Record]]:
    """Read the structures of each chunk.

    Some files are fetched before the first is parsed, which is faster than taking turns: system calls empty caches.

    Parameters
    ----------
    chunks : iterable of Chunk
        As `find_chunks` gives them.

    Yields
    ------
    list of Record
        One list per chunk, in order; what cannot be read is a record with an error.

    Examples
    --------
    >>> from cloudkit.io import find_chunks
    >>> [len(records) for records in read_chunks(find_chunks(["salt.vasp", "two.extxyz"]))]
    [1, 2]
    """
    fetched: list[tuple[Chunk, str | StructureError]] = []
    size = 0
    for chunk in chunks:
        text = _fetch(chunk)
        fetched.append((chunk, text))
        size += len(text) if isinstance(text, str) else 0
        if len(fetched) == READ_AHEAD or size > MAX_READ_AHEAD:
            yield from (_parse(*one) for one in fetched)
            fetched, size = [], 0
    yield from (_parse(*one) for one in fetched)


def _fetch(chunk: Chunk) -> str | StructureError:
    """The text of a chunk, or why there is none."""
    if chunk.damage:
        return StructureError(*chunk.damage)
    if not chunk.path:
        return chunk.text
    try:
        return decode(read_bytes(chunk.path))
    except StructureError as error:
        return error


def _parse(chunk: Chunk, text: str | StructureError) -> list[Record]:
    """Records of one text; `#block` is added where the reader gives its structures names."""
    name = "" if chunk.kind == ROWS else chunk.name  # rows come with their ids
    records: list[Record] = []
    try:
        for record in _read_chunk(chunk, text):
            records.append(_prefix_id(name, record if chunk.kind == "cif" else _check_volume(record)))
        if not records and chunk.whole:
            records.append(Record(name, None, no_structure()))
    except (ImportError, SyntaxError):
        raise
    except StructureError as error:
        records.append(Record(chunk.name, None, error))
    except Exception as error:
        records.append(Record(chunk.name, None, unexpected_error("S103", "the text", error)))
    return [record._replace(kept=chunk.kept) for record in records] if chunk.kept else records


def _check_volume(record: Record) -> Record:
    """The record with a note where its volume per atom is out of all bounds; the reader of CIF looks at that itself."""
    crystal = record.crystal
    if crystal is None or not len(crystal):
        return record
    volume = abs(float(np.linalg.det(crystal.lattice)))
    note = implausible(len(crystal), volume) if SMALLEST_VOLUME < volume < math.inf else ""
    return record._replace(notes=(*record.notes, note)) if note and note not in record.notes else record


def _read_chunk(chunk: Chunk, text: str | StructureError) -> Iterator[Record]:
    """What the reader of a chunk's kind finds in its text, as it comes."""
    if isinstance(text, StructureError):
        raise text
    if chunk.kind == ROWS:
        return read_json_lines(text)
    if not chunk.whole:
        return PARTS[chunk.kind](text, chunk.first)
    if not text or text.isspace():
        raise StructureError("S101", "the file is empty")
    return _reader(chunk.kind, text)(text)


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


def _prefix_id(name: str, record: Record) -> Record:
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
