"""Text of many structures to crystals: JSON, JSON lines (shared-data and OPTIMADE form), extended XYZ, rows of tables."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.io.objects import HOLDERS, from_arrays, from_mapping
from cloudkit.io.record import NO_COLUMNS, Record
from cloudkit.structure.crystal import Crystal

# keys of a row that may hold its name, the first that is there
NAMES: Final = ("id", "material_id", "entry_id", "jid", "mbid")
NO_LABELS: Final = {
    *HOLDERS,
    "id",
    "provider",
    "error",
    "cif",
    "type",
    "nsites",
    "nperiodic_dimensions",
    "pbc",
}
BOOLEANS: Final = {
    "t": True,
    "true": True,
    "1": True,
    ".true.": True,
    "f": False,
    "false": False,
    "0": False,
    ".false.": False,
}
MAX_ATOMS: Final = 1_000_000  # of one frame


def read_json_lines(text: str, first_line: int = 1) -> Iterator[Record]:
    """One structure per line; its name is the line's "id", else the line number, counted from `first_line`.

    OPTIMADE header lines are passed over.
    """
    for number, line in enumerate(text.split("\n"), start=first_line):
        if not line.strip():
            continue
        try:
            row = _loads(line)
        except (ValueError, RecursionError) as error:
            yield Record(str(number), None, StructureError("S103", f"line {number} is not JSON: {error}"))
            continue
        if not (
            isinstance(row, dict) and ("x-optimade" in row or row.get("type") not in (None, "structures"))
        ):
            yield read_row(row, str(number))


def read_json(text: str) -> Iterator[Record]:
    """One JSON document: a structure, a list of structures, an OPTIMADE answer with its list in "data", or a database
    as ASE writes it.
    """
    try:
        document = _loads(text)
    except (ValueError, RecursionError) as error:
        raise StructureError("S103", f"the file is not JSON: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("data"), list) and "columns" not in document:
        document = document["data"]
    elif isinstance(document, dict) and isinstance(document.get("ids"), list) and "nextid" in document:
        document = [_ase_row(document, number) for number in document["ids"]]
    rows = document if isinstance(document, list) else as_rows(document)
    for number, row in enumerate(rows, start=1):
        yield read_row(row, str(number))


def as_rows(document: Any) -> list[Any]:
    """The rows of a table that is one JSON object, in any form that pandas writes; any other object is one row.

    {"columns": […], "data": [[…], …]} as matminer, {column: {row: value}} as WBM, {row: {column: value}}.
    """
    if not isinstance(document, dict):
        return [document]
    columns, data, index = (document.get(name) for name in ("columns", "data", "index"))
    if isinstance(columns, list) and isinstance(data, list):
        names = index if isinstance(index, list) and len(index) == len(data) else [None] * len(data)
        rows = [dict(zip(columns, row, strict=False)) if isinstance(row, list) else row for row in data]
        return [_named(row, name) for row, name in zip(rows, names, strict=True)]
    parts = list(document.values())
    if not parts or not all(isinstance(part, dict) for part in parts):
        return [document]
    holds = [name for name in HOLDERS if isinstance(document.get(name), dict)]
    if holds and all(
        isinstance(value, dict) and _is_structure(value) for value in document[holds[0]].values()
    ):
        numbers = list(document[holds[0]])
        return [
            _named({name: part.get(number) for name, part in document.items()}, number) for number in numbers
        ]
    if not holds and all(_is_structure(part) or set(HOLDERS) & part.keys() for part in parts):
        return [_named(row, name) for name, row in document.items()]
    return [document]


def _named(row: Any, name: Any) -> Any:
    """A row with the label of the table as its id, where it has none of its own."""
    if not isinstance(row, dict) or name is None or any(key in row for key in NAMES):
        return row
    return {"id": name, **row}


def _is_structure(value: Mapping[str, Any]) -> bool:
    """Whether a dictionary looks like one of the forms of from_mapping."""
    return bool(
        {"lattice", "lattice_mat", "lattice_vectors", "cell", "attributes", "structure"} & value.keys()
    )


def read_row(row: Any, number: str) -> Record:
    """Read the structure of one row of JSON lines or of a table.

    Parameters
    ----------
    row : dict
        One of the forms of `as_crystal`, JARVIS's or OPTIMADE's; or with a text under "error", if its source could not give it.
    number : str
        Its name, where it has none under id, material_id, entry_id, jid or mbid.

    Returns
    -------
    Record
        With an error where there is no structure.

    Examples
    --------
    >>> row = {"jid": "JVASP-1", "lattice": [[2.8, 0, 0], [0, 2.8, 0], [0, 0, 2.8]], "species": ["Po"], "frac": [[0, 0, 0]]}
    >>> record = read_row(row, "1")
    >>> record.id, len(record.crystal)
    ('JVASP-1', 1)
    """
    if not isinstance(row, dict):
        return Record(number, None, StructureError("S112", "the entry is not a JSON object with a structure"))
    name = row_name(row, number)
    if row.get("error"):
        error = StructureError("S112", str(row["error"]), "it was received like this; ask the provider")
        return Record(name, None, error)
    notes: list[str] = []
    given = row
    try:
        held = next((key for key in HOLDERS if isinstance(row.get(key), str)), None)
        if held is not None:
            row = {"structure": _loads(row[held])}
        return Record(name, from_mapping(row, notes), None, tuple(notes), None, other_columns(given))
    except StructureError as fault:
        return Record(name, None, fault)
    except (ValueError, RecursionError) as fault:
        return Record(name, None, StructureError("S103", f"its structure is not JSON: {fault}"))


def other_columns(row: Mapping[str, Any]) -> Mapping[str, object]:
    """What a row holds besides its structure and its name: numbers, texts and truth values."""
    found = {
        key: value
        for key, value in row.items()
        if isinstance(value, str | int | float) and key not in NO_LABELS
    }
    return found or NO_COLUMNS


def row_name(row: Mapping[str, Any], number: str) -> str:
    """The id of a row, after "provider/" where there is one; else its number."""
    given = next((row[key] for key in NAMES if isinstance(row.get(key), str | int)), None)
    if given is None:
        return number
    return plain_text(f"{row['provider']}/{given}" if isinstance(row.get("provider"), str) else str(given))


def plain_text(text: str) -> str:
    r"""Make text that every table can hold.

    Parameters
    ----------
    text : str
        Any text, also with half a surrogate pair, which JSON may spell.

    Returns
    -------
    str
        The same, with such halves written out.

    Examples
    --------
    >>> print(plain_text("caf\u00e9 \ud800"))
    café \ud800
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def read_extxyz(text: str, first_frame: int = 1) -> Iterator[Record]:
    """Frames of extended XYZ with Lattice="..." and Properties=...; a frame's name is its number, counted from
    `first_frame`.
    """
    lines = text.splitlines()
    at, number = 0, first_frame - 1
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        number += 1
        n = count_atoms(lines[at])
        if isinstance(n, StructureError):
            yield Record(str(number), None, n)
            return
        try:
            yield Record(str(number), _read_frame(lines[at + 1 : at + 2 + n], n))
        except StructureError as error:
            yield Record(str(number), None, error)
        at += n + 2


def count_atoms(line: str) -> int | StructureError:
    """The number of atoms that the first line of a frame states, or what is wrong with it."""
    stated = line.strip()
    if not stated.isdecimal():
        return StructureError(
            "S103", f"the frame should begin with a number of atoms, not with '{stated[:40]}'"
        )
    if len(stated) > 9 or int(stated) > MAX_ATOMS:
        return StructureError("S103", f"a frame of {stated[:20]} atoms; at most {MAX_ATOMS:,} are read")
    return int(stated)


def _loads(text: str) -> Any:
    """JSON, with the arrays of ASE ({"__ndarray__": [shape, type, numbers]}) as numpy arrays."""
    return json.loads(text, object_hook=_ase_object) if "__ndarray__" in text else json.loads(text)


def _ase_object(found: dict[str, Any]) -> Any:
    if "__ndarray__" in found:
        try:
            shape, _, numbers = found["__ndarray__"]
            return np.array(numbers).reshape(shape)
        except (TypeError, ValueError):
            return found  # it is not what ASE writes; whoever needs it says so
    return found["array"] if found.get("__ase_objtype__") == "cell" and "array" in found else found


def _ase_row(document: Mapping[str, Any], number: Any) -> Any:
    row = document.get(str(number))
    return {"id": number, **row} if isinstance(row, dict) else row


@np.errstate(invalid="ignore")  # numbers that are not finite are refused by the guards, in words
def _read_frame(lines: list[str], n: int) -> Crystal:
    if len(lines) < n + 1:
        raise StructureError("S103", f"the file ends before the {n} atoms of the frame")
    fields = {key.lower(): value for key, value in _fields(lines[0])}
    if not fields.get("lattice"):
        raise StructureError("S105", 'the frame has no Lattice="...": without a cell it is not a crystal')
    _check_periodic(fields.get("pbc", "T"))
    columns = _columns(fields.get("properties") or "species:S:1:pos:R:3")
    if not {"species", "pos"} <= columns.keys():
        raise StructureError(
            "S103",
            f"the frame's Properties name {', '.join(columns) or 'nothing'}; species and pos are needed",
        )
    rows = [line.split() for line in lines[1:]]
    try:
        cell = np.array([float(word) for word in re.split(r"[\s,\[\]]+", fields["lattice"]) if word]).reshape(
            3, 3
        )
        symbols = [row[columns["species"]] for row in rows]
        places = np.array(
            [[float(word) for word in row[columns["pos"] : columns["pos"] + 3]] for row in rows]
        )
        return from_arrays(cell, places.reshape(-1, 3) @ np.linalg.inv(cell), symbols)
    except np.linalg.LinAlgError as error:
        raise StructureError("S203", "the unit cell has no volume") from error
    except StructureError:
        raise
    except (ValueError, IndexError) as error:
        raise StructureError("S103", f"the frame cannot be read: {error}") from error


def _fields(comment: str) -> Iterator[tuple[str, str]]:
    """The key=value pairs of a frame; a value with blanks is in quotes of either kind, braces or brackets."""
    pattern = r"""(\w[\w-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|(\[.*?\](?=\s|$))|(\S*))"""
    for key, *values in re.findall(pattern, comment):
        yield key, next(filter(None, values), "").strip()


def _check_periodic(pbc: str) -> None:
    """Refuse a frame that does not repeat along one of its axes. pbc: one truth value, or three, in any spelling."""
    plain = pbc.strip("[](){} ")
    words = list(plain) if re.fullmatch(r"[TFtf01]{3}", plain) else re.split(r"[\s,]+", plain)
    if len(words) not in (1, 3) or not all(word.lower() in BOOLEANS for word in words):
        raise StructureError("S103", f"pbc is '{pbc}'; three of T or F are expected")
    if not all(BOOLEANS[word.lower()] for word in words):
        raise StructureError(
            "S113", f"not periodic in three directions: pbc is {pbc}", "set pbc to T T T if the cell repeats"
        )


def _columns(properties: str) -> dict[str, int]:
    """Where each property begins: "species:S:1:pos:R:3" -> {"species": 0, "pos": 1}. Raises StructureError S103."""
    words = properties.split(":")
    starts: dict[str, int] = {}
    at = 0
    for name, width in zip(words[::3], words[2::3], strict=False):
        if not width.isdecimal() or len(width) > 4:
            raise StructureError(
                "S103", f"the frame's Properties give {name} '{width[:20]}' columns; a number is needed"
            )
        starts[name] = at
        at += int(width)
    return starts
