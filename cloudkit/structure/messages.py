"""What parent and worker processes say to each other: lengths, JSON and raw numbers; no pickle.

A task is what to do and either pieces of input to read or crystals; the reply has one list of entries per piece, or
one per crystal.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.read import Piece, Record
from cloudkit.structure.symmetry import Answer, Orbit, Search, Symmetry

_LENGTH = struct.Struct("<Q")


class Task(NamedTuple):
    """What a worker is asked: the symmetry of crystals, or of the structures in pieces of input.

    search: None to read the pieces only. with_crystals: send back what was read.
    """

    search: Search | None
    pieces: Sequence[Piece] = ()
    crystals: Sequence[Crystal] = ()
    with_crystals: bool = False


class Entry(NamedTuple):
    """One structure of a reply: its record (without a crystal unless asked for) and its symmetry, if any."""

    record: Record
    answer: Answer | None


def write_message(sink: IO[bytes], data: bytes) -> None:
    """Send one message: its length as eight bytes, then its bytes."""
    sink.write(_LENGTH.pack(len(data)))
    sink.write(data)
    sink.flush()


def read_message(source: IO[bytes]) -> bytes:
    """The next message; raises EOFError where the other side ended."""
    (length,) = _LENGTH.unpack(_read_exactly(source, _LENGTH.size))
    return _read_exactly(source, length)


def write_task(task: Task) -> bytes:
    """One task as bytes."""
    head = {"search": task.search, "pieces": task.pieces, "with_crystals": task.with_crystals}
    return _join(head, task.crystals)


def read_task(data: bytes) -> Task:
    """The inverse of write_task."""
    head, crystals = _split(data)
    search = None if head["search"] is None else Search(*head["search"])
    return Task(search, [Piece(*piece) for piece in head["pieces"]], list(crystals), head["with_crystals"])


def write_answers(answers: Iterable[Answer]) -> bytes:
    """One answer per crystal of a task."""
    return json.dumps([_pack(answer) for answer in answers]).encode()


def read_answers(data: bytes) -> list[Answer]:
    """The inverse of write_answers."""
    return [_unpack(entry) for entry in json.loads(data)]


def write_entries(entries: Sequence[Sequence[Entry]]) -> bytes:
    """The structures of each piece of a task."""
    head = [
        [
            (record.id, record.notes, record.crystal is not None, _pack(record.error), _pack(answer))
            for record, answer in of_piece
        ]
        for of_piece in entries
    ]
    crystals = [
        record.crystal for of_piece in entries for record, _ in of_piece if record.crystal is not None
    ]
    return _join(head, crystals)


def read_entries(data: bytes) -> list[list[Entry]]:
    """The inverse of write_entries."""
    head, crystals = _split(data)
    return [
        [
            Entry(
                Record(name, next(crystals) if has_crystal else None, _unpack(error), tuple(notes)),
                _unpack(answer),
            )
            for name, notes, has_crystal, error, answer in of_piece
        ]
        for of_piece in head
    ]


def _join(head: Any, crystals: Sequence[Crystal]) -> bytes:
    """JSON, then the numbers of all crystals as raw float64 and int32."""
    shapes = [(len(c), len(c.labels), c.species, c.written) for c in crystals]
    text = json.dumps([head, shapes]).encode()
    numbers = (
        part
        for c in crystals
        for part in (
            np.asarray(c.lattice, np.float64).tobytes(),
            np.asarray(c.positions, np.float64).tobytes(),
            np.asarray(c.labels, np.int32).tobytes(),
        )
    )
    return b"".join([_LENGTH.pack(len(text)), text, *numbers])


def _split(data: bytes) -> tuple[Any, Iterator[Crystal]]:
    (length,) = _LENGTH.unpack_from(data)
    at = _LENGTH.size + length
    head, shapes = json.loads(data[_LENGTH.size : at])
    return head, _crystals(data, at, shapes)


def _crystals(data: bytes, at: int, shapes: Any) -> Iterator[Crystal]:
    for n, n_labels, species, written in shapes:
        numbers = np.frombuffer(data, np.float64, 9 + 3 * n, at)
        labels = np.frombuffer(data, np.int32, n_labels, at + numbers.nbytes)
        at += numbers.nbytes + labels.nbytes
        yield Crystal(
            numbers[:9].reshape(3, 3),
            numbers[9:].reshape(n, 3),
            labels,
            tuple(map(_species, species)),
            None if written is None else tuple(written),
        )


def _pack(answer: Answer | None) -> Any:
    if answer is None:
        return None
    if isinstance(answer, StructureError):
        return {"code": answer.code, "message": answer.message, "hint": answer.hint}
    return (
        answer.space_group,
        answer.orbits,
        answer.site_letters,
        answer.site_orbits,
        answer.engine,
        answer.symprec,
    )


def _unpack(entry: Any) -> Any:
    if entry is None:
        return None
    if isinstance(entry, dict):
        return StructureError(**entry)
    group, orbits, letters, site_orbits, engine, symprec = entry
    unpacked = tuple([Orbit(letter, size, _species(species)) for letter, size, species in orbits])
    return Symmetry(group, unpacked, letters, tuple(site_orbits), engine, symprec)


def _species(pairs: Any) -> Any:
    return tuple([(symbol, occupancy) for symbol, occupancy in pairs])


def _read_exactly(source: IO[bytes], length: int) -> bytes:
    data = source.read(length)
    if len(data) < length:
        raise EOFError("the other process closed the pipe")
    return data
