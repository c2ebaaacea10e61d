"""Text of many structures to crystals: JSON, JSON lines (shared-data and OPTIMADE form), extended XYZ, rows of tables."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.io.objects import from_arrays, from_mapping
from cloudkit.structure.crystal import Crystal

# the structure's name within its file, what became of it, notes on what was left out
Named = tuple[str, Crystal | StructureError, tuple[str, ...]]

NAMES: Final = (
    "id",
    "material_id",
    "entry_id",
)  # keys of a row that may hold its name, the first that is there
MOST_ATOMS: Final = 1_000_000  # of one frame


def read_json_lines(text: str, first_line: int = 1) -> Iterator[Named]:
    """One structure per line; its name is the line's "id", else the line number, counted from `first_line`.

    OPTIMADE header lines are passed over.
    """
    for number, line in enumerate(text.split("\n"), start=first_line):
        if not line.strip():
            continue
        try:
            row = _loads(line)
        except (ValueError, RecursionError) as error:
            yield str(number), StructureError("S103", f"line {number} is not JSON: {error}"), ()
            continue
        if not (
            isinstance(row, dict) and ("x-optimade" in row or row.get("type") not in (None, "structures"))
        ):
            yield read_row(row, str(number))


def read_json(text: str) -> Iterator[Named]:
    """One JSON document: a structure, a list of structures, an OPTIMADE answer with its list in "data", or a database
    as ASE writes it.
    """
    try:
        document = _loads(text)
    except (ValueError, RecursionError) as error:
        raise StructureError("S103", f"the file is not JSON: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"]
    elif isinstance(document, dict) and isinstance(document.get("ids"), list) and "nextid" in document:
        document = [_ase_row(document, number) for number in document["ids"]]
    rows = document if isinstance(document, list) else [document]
    for number, row in enumerate(rows, start=1):
        yield read_row(row, str(number))


def read_row(row: Any, number: str) -> Named:
    """The structure of one row of JSON lines or of a table, which is a dictionary of one of the forms of from_mapping.

    Its name is that of row_name. A row with a text under "error" is one that its source could not give.
    """
    if not isinstance(row, dict):
        return number, StructureError("S112", "the entry is not a JSON object with a structure"), ()
    name = row_name(row, number)
    if row.get("error"):
        return (
            name,
            StructureError("S112", str(row["error"]), "it was received like this; ask its provider"),
            (),
        )
    notes: list[str] = []
    try:
        if isinstance(row.get("structure"), str):
            row = {"structure": _loads(row["structure"])}
        return name, from_mapping(row, notes), tuple(notes)
    except StructureError as error:
        return name, error, ()
    except (ValueError, RecursionError) as error:
        return name, StructureError("S103", f"its structure is not JSON: {error}"), ()


def row_name(row: Mapping[str, Any], number: str) -> str:
    """The id of a row, after "provider/" where there is one; else its number."""
    given = next((row[key] for key in NAMES if isinstance(row.get(key), str | int)), None)
    if given is None:
        return number
    return plain_text(f"{row['provider']}/{given}" if isinstance(row.get("provider"), str) else str(given))


def plain_text(text: str) -> str:
    """Text that every table can hold: half a surrogate pair, which JSON may spell, is written out as \\ud800."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def read_extxyz(text: str, first_frame: int = 1) -> Iterator[Named]:
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
            yield str(number), n, ()
            return
        try:
            yield str(number), _read_frame(lines[at + 1 : at + 2 + n], n), ()
        except StructureError as error:
            yield str(number), error, ()
        at += n + 2


def count_atoms(line: str) -> int | StructureError:
    """The number of atoms that the first line of a frame states, or what is wrong with it."""
    stated = line.strip()
    if not stated.isdecimal():
        return StructureError(
            "S103", f"the frame should begin with a number of atoms, not with '{stated[:40]}'"
        )
    if len(stated) > 9 or int(stated) > MOST_ATOMS:
        return StructureError("S103", f"a frame of {stated[:20]} atoms; at most {MOST_ATOMS:,} are read")
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
    fields = dict(re.findall(r"(\w+)\s*=\s*(?:\"([^\"]*)\")?", lines[0]))
    fields.update(
        {
            key.capitalize() if key.lower() in ("lattice", "properties") else key: value
            for key, value in re.findall(r"(\w+)=([^\s\"]+)", lines[0])
        }
        | {k: v for k, v in fields.items() if v}
    )
    if not fields.get("Lattice"):
        raise StructureError("S105", 'the frame has no Lattice="...": without a cell it is no crystal')
    if "F" in (fields.get("pbc") or "").replace("False", "F").split():
        raise StructureError("S113", f"not periodic in three directions: pbc is {fields['pbc']}")
    columns = _columns(fields.get("Properties") or "species:S:1:pos:R:3")
    if not {"species", "pos"} <= columns.keys():
        raise StructureError(
            "S103",
            f"the frame's Properties name {', '.join(columns) or 'nothing'}; species and pos are needed",
        )
    rows = [line.split() for line in lines[1:]]
    try:
        cell = np.array([float(word) for word in fields["Lattice"].split()]).reshape(3, 3)
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
