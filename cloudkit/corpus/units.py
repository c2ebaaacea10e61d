"""Inputs of any size as units of work; each becomes one shard, named by the hash of its content."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloudkit.errors import CloudkitError, DataError, StructureError
from cloudkit.io import (
    Chunk,
    Columns,
    Record,
    classify,
    file_chunks,
    file_names,
    find_chunks,
    find_files,
    read_chunks,
    read_footer,
    read_row_groups,
)

STANDARD_INPUT: Final = "-"
UNIT_SIZE: Final = 10_000  # structures


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the input: row groups of a Parquet file, or chunks of `find_chunks`.

    label: in messages; name: of the file in ids; rows: structures in the row groups; first_row: number of the first one in the
    file; damage: why it cannot be read.
    """

    key: str
    label: str
    name: str = ""
    path: str = ""
    groups: tuple[int, ...] = ()
    rows: int = 0
    first_row: int = 0
    chunks: tuple[Chunk, ...] = ()
    damage: str = ""

    def groups_of_structures(self) -> Iterator[Columns | list[Record]]:
        """Read the structures in order; those that cannot be read are records with an error."""
        if self.damage:
            fault = StructureError("S101", self.damage, "make or fetch it again")
            return iter([[Record(self.label, None, fault)]])
        if self.path:
            return read_row_groups(self.path, self.name, list(self.groups), self.rows, self.first_row)
        return read_chunks(self.chunks)


def find_units(inputs: Iterable[str | Path], size: int = UNIT_SIZE) -> Iterator[Unit]:
    """Find the units of files, folders and patterns, in order; raise CloudkitError if an input is named twice."""
    seen: set[str] = set()
    named = list(map(str, inputs))
    names = file_names(named)
    for given in named:
        for unit in _cut(_units_and_chunks(given, names[given], size), size):
            if unit.key in seen:
                raise CloudkitError(
                    f"{unit.label} is given twice; its structures would be counted twice; name it once"
                )
            seen.add(unit.key)
            yield unit


def _units_and_chunks(given: str, called: str, size: int) -> Iterator[Unit | Chunk]:
    """Find units of Parquet files, and chunks of other files."""
    if given == STANDARD_INPUT:
        yield from find_chunks([given])
        return
    for file in find_files(given, called):
        if file.is_file and classify(file.path) == "parquet":
            yield from _parquet(file.path, file.name, size)
        else:
            yield from file_chunks(file)


def _cut(found: Iterable[Unit | Chunk], size: int) -> Iterator[Unit]:
    """Join chunks to units of `size` structures or slightly more; a Parquet file ends a unit."""
    waiting: list[Chunk] = []
    count = 0
    for one in found:
        if isinstance(one, Chunk):
            waiting.append(one)
            count += one.structures
        if waiting and (isinstance(one, Unit) or count >= size):
            yield _chunks(waiting)
            waiting, count = [], 0
        if isinstance(one, Unit):
            yield one
    if waiting:
        yield _chunks(waiting)


def _parquet(path: str, name: str, size: int) -> Iterator[Unit]:
    """Find row groups of together `size` structures or slightly more; a file that cannot be read is a unit that fails."""
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


def _chunks(chunks: Sequence[Chunk]) -> Unit:
    label = chunks[0].name if chunks[0].name == chunks[-1].name else f"{chunks[0].name} to {chunks[-1].name}"
    stamps = (_stamp(chunk.path) for chunk in chunks)
    plain = (tuple(chunk._replace(path="")) for chunk in chunks)
    whole = tuple(
        chunk._replace(path=str(Path(chunk.path).resolve())) if chunk.path else chunk for chunk in chunks
    )
    return Unit(_key(*map(str, zip(plain, stamps, strict=True))), label, chunks=whole)


def _stamp(path: str) -> str:
    """Return size and time of modification of a file."""
    if not path or not Path(path).exists():
        return ""
    found = Path(path).stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
