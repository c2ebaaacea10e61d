"""From what people name on a command line (files, folders, archives, databases, tables) to pieces, in order."""

import gzip
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.io.archives import read_members
from cloudkit.io.formats import KNOWN, classify
from cloudkit.io.parquet import read_structure_rows
from cloudkit.io.paths import (
    UNREADABLE,
    InputFile,
    decode,
    file_names,
    find_files,
    open_bytes,
    say_unreadable,
)
from cloudkit.io.pieces import SPLIT, Piece, damaged, split_file, split_rows

STANDARD_INPUT: Final = "-"


def find_pieces(
    inputs: Iterable[str | Path], names: Mapping[str, str] | None = None, column: str | None = None
) -> Iterator[Piece]:
    """Find what `read_structures` reads, in order: files of many structures in parts of a few, all others whole.

    Parameters
    ----------
    inputs, names, column
        See `read_structures`.

    Yields
    ------
    Piece
        A part of the input; what cannot be read is a piece with `damage`.

    Examples
    --------
    >>> [(piece.name, piece.structures) for piece in find_pieces(["salt.vasp", "two.extxyz"])]
    [('salt.vasp', 1), ('two.extxyz', 2)]
    """
    inputs = list(inputs)
    names = file_names(inputs) if names is None else names
    for given in inputs:
        if str(given) == STANDARD_INPUT:
            yield Piece("stdin", text=decode(sys.stdin.buffer.read()))
            continue
        for file in find_files(str(given), names[str(given)]):
            yield from file_pieces(file, column)


def file_pieces(file: InputFile, column: str | None = None) -> Iterator[Piece]:
    """Find the pieces of one file.

    Parameters
    ----------
    file : InputFile
        As `find_files` gives it.
    column : str, optional
        Of CSV tables, the one that holds structures or names of files.

    Yields
    ------
    Piece
        See `find_pieces`.

    Examples
    --------
    >>> from cloudkit.io import find_files
    >>> [piece.kind for file in find_files("salt.vasp") for piece in file_pieces(file)]
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
        yield _unknown(name, path)
    elif kind == "archive":
        yield from _archive_pieces(path, name)
    elif kind == "ase":
        yield from split_rows(name, _ase_rows(path, name))
    elif kind == "parquet":
        yield from split_rows(name, read_structure_rows(path, keep=True))
    elif kind == "csv" or kind in SPLIT:
        try:
            with open_bytes(path) as content:
                yield from split_file(name, kind, content, column, Path(path).parent, not file.is_found)
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
