"""Files, folders and patterns to records: every structure becomes one record, and nothing is dropped."""

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cloudkit.errors import StructureError
from cloudkit.structure.cif import read_cif
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.inputs import decode, find_files, read_bytes
from cloudkit.structure.poscar import read_poscar
from cloudkit.structure.textforms import read_extxyz, read_json, read_json_lines

_LOG: Final = logging.getLogger(__name__)
STANDARD_INPUT: Final = "-"


class Record(NamedTuple):
    """One structure of the input: a crystal or the reason why there is none; `notes` says what was left out
    or assumed.
    """

    id: str
    crystal: Crystal | None
    error: StructureError | None = None
    notes: tuple[str, ...] = ()


Reader = Callable[[str], Iterator[tuple[str, Crystal | StructureError, tuple[str, ...]]]]


def read_structures(inputs: Iterable[str | Path]) -> Iterator[Record]:
    """All structures of files, folders (with all below them), patterns such as "*.cif" and "-" (standard
    input), in order.

    A record's id is the path relative to the given folder (the file name for a single file),
    with #block where a file has
    several. Files may be gzipped. What cannot be read is a record with an error.
    """
    for given in inputs:
        if str(given) == STANDARD_INPUT:
            yield from _read_text("stdin", decode(sys.stdin.buffer.read()), _sniff)
            continue
        for path, name, must_recognise in find_files(str(given)):
            yield from _read_file(path, name, must_recognise)


def read_one(path: Path) -> Crystal:
    """The only structure of a file; what had to be assumed is logged.

    Raises StructureError, S111 if there are several.
    """
    records = list(_read_file(path, path.name, False))
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


def _read_file(path: Path, name: str, must_recognise: bool) -> Iterator[Record]:
    reader = _reader_by_name(path.name)
    if reader is None and must_recognise:
        yield _failure(
            name,
            StructureError(
                "S102",
                f"the kind of file of {path.name} is not recognised",
                "known: .cif, POSCAR, CONTCAR, .vasp, .extxyz, .xyz, .jsonl, .json, also with .gz",
            ),
        )
        return
    try:
        text = decode(read_bytes(path))
    except StructureError as error:
        yield _failure(name, error)
        return
    yield from _read_text(name, text, reader or _sniff)


def _read_text(name: str, text: str, reader: Reader) -> Iterator[Record]:
    """Records of one file's text; `#block` is added where the reader gives its structures names."""
    if not text.strip():
        yield _failure(name, StructureError("S101", "the file is empty"))
        return
    count = 0
    try:
        for block, result, notes in reader(text):
            count += 1
            full = f"{name}#{block}" if block else name
            yield (
                Record(full, None, result, notes)
                if isinstance(result, StructureError)
                else Record(full, result, None, notes)
            )
    except StructureError as error:
        count += 1
        yield _failure(name, error)
    if not count:
        yield _failure(name, StructureError("S104", "there is no crystal structure in the file"))


def _reader_by_name(name: str) -> Reader | None:
    plain = name.lower().removesuffix(".gz")
    for suffixes, reader in _BY_SUFFIX:
        if plain.endswith(suffixes):
            return reader
    return _poscar if re.match(r"(poscar|contcar)", plain) else None


def _sniff(text: str) -> Iterator[tuple[str, Crystal | StructureError, tuple[str, ...]]]:
    """The reader that fits the text, for standard input and single files with an unknown name."""
    lines = text.splitlines()
    if re.search(r"(?im)^\s*data_", text):
        return read_cif(text)
    if text.lstrip()[:1] in "{[":
        return _json(text) if len(lines) == 1 or text.lstrip()[:2].strip() in "{[" else _json_lines(text)
    if lines[0].strip().isdigit() and len(lines) > 1 and "lattice" in lines[1].lower():
        return _extxyz(text)
    return _poscar(text)


def _poscar(text: str) -> Iterator[tuple[str, Crystal | StructureError, tuple[str, ...]]]:
    notes: list[str] = []
    crystal = read_poscar(text, notes)
    yield "", crystal, tuple(notes)


def _several(
    read: Callable[[str], Iterator[tuple[str, Crystal | StructureError]]], always_named: bool
) -> Reader:
    """A reader of files with many structures: they get names unless there is only one (and naming is not
    always wanted).
    """

    def reader(text: str) -> Iterator[tuple[str, Crystal | StructureError, tuple[str, ...]]]:
        found = read(text)
        first = next(found, None)
        second = next(found, None)
        if first is not None:
            yield first[0] if always_named or second is not None else "", first[1], ()
        if second is not None:
            yield *second, ()
        yield from ((name, result, ()) for name, result in found)

    return reader


def _failure(name: str, error: StructureError) -> Record:
    return Record(name, None, error)


_json_lines = _several(read_json_lines, always_named=True)
_json = _several(read_json, always_named=False)
_extxyz = _several(read_extxyz, always_named=False)
_BY_SUFFIX: Final[tuple[tuple[tuple[str, ...], Reader], ...]] = (
    ((".cif", ".mcif"), read_cif),
    ((".vasp", ".poscar", ".contcar"), _poscar),
    ((".extxyz", ".xyz"), _extxyz),
    ((".jsonl", ".ndjson"), _json_lines),
    ((".json",), _json),
)
