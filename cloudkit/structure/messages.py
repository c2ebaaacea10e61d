"""What parent and worker processes say to each other: lengths, JSON and raw numbers; no pickle."""

import json
import struct
from typing import IO, Any

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.symmetry import Answer, Orbit, Search, Symmetry

_LENGTH = struct.Struct("<Q")


def write_message(sink: IO[bytes], data: bytes) -> None:
    """Send one message: its length as eight bytes, then its bytes."""
    sink.write(_LENGTH.pack(len(data)))
    sink.write(data)
    sink.flush()


def read_message(source: IO[bytes]) -> bytes:
    """The next message; raises EOFError where the other side ended."""
    (length,) = _LENGTH.unpack(_read_exactly(source, _LENGTH.size))
    return _read_exactly(source, length)


def write_tasks(task: Search, crystals: list[Crystal]) -> bytes:
    """Options and crystals as one message: JSON, then the numbers of all crystals as raw float64 and
    int32.
    """
    head = {
        "task": task,
        "crystals": [
            {"sites": len(c), "labels": len(c.labels), "species": c.species, "written": c.written}
            for c in crystals
        ],
    }
    text = json.dumps(head).encode()
    arrays = b"".join(c.lattice.tobytes() + c.positions.tobytes() + c.labels.tobytes() for c in crystals)
    return _LENGTH.pack(len(text)) + text + arrays


def read_tasks(data: bytes) -> tuple[Search, list[Crystal]]:
    """The inverse of write_tasks."""
    (length,) = _LENGTH.unpack_from(data)
    head = json.loads(data[_LENGTH.size : _LENGTH.size + length])
    at = _LENGTH.size + length
    crystals = []
    for entry in head["crystals"]:
        n = entry["sites"]
        numbers = np.frombuffer(data, np.float64, 9 + 3 * n, at)
        labels = np.frombuffer(data, np.int32, entry["labels"], at + numbers.nbytes)
        at += numbers.nbytes + labels.nbytes
        written = None if entry["written"] is None else tuple(entry["written"])
        crystals.append(
            Crystal(
                numbers[:9].reshape(3, 3),
                numbers[9:].reshape(n, 3),
                labels,
                _species(entry["species"]),
                written,
            )
        )
    return Search(*head["task"]), crystals


def write_answers(answers: list[Answer]) -> bytes:
    """One entry per crystal."""
    return json.dumps([_pack(answer) for answer in answers]).encode()


def read_answers(data: bytes) -> list[Answer]:
    """The inverse of write_answers."""
    return [_unpack(entry) for entry in json.loads(data)]


def _pack(answer: Answer) -> Any:
    if isinstance(answer, StructureError):
        return {"code": answer.code, "message": answer.message, "hint": answer.hint}
    return [
        answer.space_group,
        answer.orbits,
        answer.site_letters,
        answer.site_orbits,
        answer.engine,
        answer.symprec,
    ]


def _unpack(entry: Any) -> Answer:
    if isinstance(entry, dict):
        return StructureError(**entry)
    group, orbits, letters, site_orbits, engine, symprec = entry
    unpacked = tuple(
        Orbit(letter, multiplicity, *_species([species])) for letter, multiplicity, species in orbits
    )
    return Symmetry(group, unpacked, letters, tuple(site_orbits), engine, symprec)


def _species(entries: Any) -> Any:
    return tuple(tuple((symbol, occupancy) for symbol, occupancy in species) for species in entries)


def _read_exactly(source: IO[bytes], length: int) -> bytes:
    data = source.read(length)
    if len(data) < length:
        raise EOFError("the other process closed the pipe")
    return data
