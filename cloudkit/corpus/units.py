"""An input of any size as units of work: each becomes one shard, named by its content."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloudkit.errors import CloudkitError, DataError, StructureError
from cloudkit.io import (
    Columns,
    Piece,
    Record,
    classify,
    file_names,
    file_pieces,
    find_files,
    find_pieces,
    read_footer,
    read_pieces,
    read_row_groups,
)

STANDARD_INPUT: Final = "-"
UNIT: Final = 10_000  # structures after which a unit is full


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the input. label: for people. Either some row groups of a Parquet file, called `name` in ids, or
    pieces as find_pieces gives them.

    rows: structures in the row groups; first_row: of the file, the first of them. damage: why there is nothing to read.
    """

    key: str
    label: str
    name: str = ""
    path: str = ""
    groups: tuple[int, ...] = ()
    rows: int = 0
    first_row: int = 0
    pieces: tuple[Piece, ...] = ()
    damage: str = ""

    def groups_of_structures(self) -> Iterator[Columns | list[Record]]:
        """The structures, in order; what cannot be read is a record with an error."""
        if self.damage:
            fault = StructureError("S101", self.damage, "make or fetch it again")
            return iter([[Record(self.label, None, fault)]])
        if self.path:
            return read_row_groups(self.path, self.name, list(self.groups), self.rows, self.first_row)
        return read_pieces(self.pieces)


def find_units(inputs: Iterable[str | Path], size: int = UNIT) -> Iterator[Unit]:
    """The units of files, folders and patterns, in order. Raises CloudkitError where the same input is named twice."""
    seen: set[str] = set()
    named = list(map(str, inputs))
    names = file_names(named)
    for given in named:
        for unit in _cut(_found(given, names[given], size), size):
            if unit.key in seen:
                raise CloudkitError(f"{unit.label} is given twice; its structures would be counted twice")
            seen.add(unit.key)
            yield unit


def _found(given: str, called: str, size: int) -> Iterator[Unit | Piece]:
    """Units of the Parquet files and pieces of all other files."""
    if given == STANDARD_INPUT:
        yield from find_pieces([given])
        return
    for file in find_files(given, called):
        if file.is_file and classify(file.path) == "parquet":
            yield from _parquet(file.path, file.name, size)
        else:
            yield from file_pieces(file)


def _cut(found: Iterable[Unit | Piece], size: int) -> Iterator[Unit]:
    """Pieces joined to units of `size` structures or just above; no unit reaches over a Parquet file."""
    waiting: list[Piece] = []
    count = 0
    for one in found:
        if isinstance(one, Piece):
            waiting.append(one)
            count += one.structures
        if waiting and (isinstance(one, Unit) or count >= size):
            yield _pieces(waiting)
            waiting, count = [], 0
        if isinstance(one, Unit):
            yield one
    if waiting:
        yield _pieces(waiting)


def _parquet(path: str, name: str, size: int) -> Iterator[Unit]:
    """Whole row groups, together `size` structures or just above; a file that cannot be read is a unit that fails."""
    try:
        digest, rows = read_footer(path)
    except DataError as error:
        yield Unit(_key(name, str(error), _stamp(path)), name, damage=str(error))
        return
    groups: list[int] = []
    for group in range(len(rows)):
        groups.append(group)
        count = sum(rows[g] for g in groups)
        if count >= size or (group == len(rows) - 1 and count):
            label = f"{name}, row groups {groups[0]} to {group}"
            key = _key(name, digest, str(groups))
            yield Unit(
                key, label, name, str(Path(path).resolve()), tuple(groups), count, sum(rows[: groups[0]])
            )
            groups = []


def _pieces(pieces: Sequence[Piece]) -> Unit:
    label = pieces[0].name if pieces[0].name == pieces[-1].name else f"{pieces[0].name} to {pieces[-1].name}"
    stamps = (_stamp(piece.path) for piece in pieces)
    plain = (piece._replace(path="") for piece in pieces)
    whole = tuple(
        piece._replace(path=str(Path(piece.path).resolve())) if piece.path else piece for piece in pieces
    )
    return Unit(_key(*map(str, zip(plain, stamps, strict=True))), label, pieces=whole)


def _stamp(path: str) -> str:
    """What changes with a file that is read whole: its size and when it was written."""
    if not path or not Path(path).exists():
        return ""
    found = Path(path).stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
