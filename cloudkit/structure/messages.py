"""What parent and worker processes say to each other: lengths, marshal and raw numbers; no pickle.

Both sides run the same Python, and marshal takes a fifth of JSON's time and keeps tuples. A task is what to do and either
pieces of input to read or crystals; the reply has one list of entries per piece, or one per crystal.
"""

import marshal
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.io.pieces import Piece
from cloudkit.io.record import Record
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.symmetry import Answer, CrystalOrbit, Search, Symmetry
from cloudkit.tables.composition import Species

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
    return _join(
        (_plain_search(task.search), list(map(tuple, task.pieces)), task.with_crystals), task.crystals
    )


def read_task(data: bytes) -> Task:
    """The inverse of write_task."""
    (search, pieces, with_crystals), crystals = _split(data)
    asked = None if search is None else Search(*search)
    return Task(asked, [Piece(*piece) for piece in pieces], list(crystals), with_crystals)


def write_answers(answers: Iterable[Answer]) -> bytes:
    """One answer per crystal of a task."""
    return marshal.dumps([_pack(answer) for answer in answers])


def read_answers(data: bytes) -> list[Answer]:
    """The inverse of write_answers."""
    return [_unpack(entry) for entry in marshal.loads(data)]


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
                Record(name, next(crystals) if has_crystal else None, _unpack(error), notes),
                _unpack(answer),
            )
            for name, notes, has_crystal, error, answer in of_piece
        ]
        for of_piece in head
    ]


def _join(head: Any, crystals: Sequence[Crystal]) -> bytes:
    """The head, then the numbers of all crystals as raw float64 and int32."""
    shapes = [(len(c), len(c.labels), _plain_species(c.species), c.written) for c in crystals]
    text = marshal.dumps((head, shapes))
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


def _plain_species(kinds: Sequence[Species]) -> tuple[Species, ...]:
    """With Python's own numbers: marshal takes those of NumPy for bytes."""
    return tuple([tuple([(str(element), float(x)) for element, x in species]) for species in kinds])


def _plain_search(search: Search | None) -> tuple[object, ...] | None:
    if search is None:
        return None
    engine, symprec, angle, by_written, max_sites = search
    return engine, float(symprec), angle if angle is None else float(angle), bool(by_written), int(max_sites)


def _split(data: bytes) -> tuple[Any, Iterator[Crystal]]:
    (length,) = _LENGTH.unpack_from(data)
    at = _LENGTH.size + length
    head, shapes = marshal.loads(memoryview(data)[_LENGTH.size : at])
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
            species,
            written,
        )


def _pack(answer: Answer | None) -> Any:
    if answer is None:
        return None
    if isinstance(answer, StructureError):
        return {"code": answer.code, "message": answer.message, "hint": answer.hint}
    return (
        answer.space_group,
        tuple(map(tuple, answer.orbits)),
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
    return Symmetry(
        group, tuple([CrystalOrbit(*orbit) for orbit in orbits]), letters, site_orbits, engine, symprec
    )


def _read_exactly(source: IO[bytes], length: int) -> bytes:
    data = source.read(length)
    if len(data) < length:
        raise EOFError("the other process closed the pipe")
    return data
