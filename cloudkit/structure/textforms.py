"""Text with one structure after another: JSON, JSON lines (shared-data and OPTIMADE form) and extended
XYZ.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.structure.convert import from_arrays, from_mapping
from cloudkit.structure.crystal import Crystal

Named = tuple[str, Crystal | StructureError]  # the structure's name within its file, and what became of it


def read_json_lines(text: str, first_line: int = 1) -> Iterator[Named]:
    """One structure per line; its name is the line's "id", else the line number, counted from `first_line`.

    OPTIMADE header lines are passed over.
    """
    for number, line in enumerate(text.split("\n"), start=first_line):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            yield str(number), StructureError("S103", f"line {number} is not JSON: {error}")
            continue
        if not (
            isinstance(row, dict) and ("x-optimade" in row or row.get("type") not in (None, "structures"))
        ):
            yield _read_row(row, str(number))


def read_json(text: str) -> Iterator[Named]:
    """One JSON document: a structure, a list of structures, or an OPTIMADE answer with its list in "data"."""
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise StructureError("S103", f"the file is not JSON: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"]
    rows = document if isinstance(document, list) else [document]
    for number, row in enumerate(rows, start=1):
        yield _read_row(row, str(number))


def read_extxyz(text: str) -> Iterator[Named]:
    """Frames of extended XYZ with Lattice="..." and Properties=...; a frame's name is its number."""
    lines = text.splitlines()
    at = number = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        number += 1
        if not lines[at].strip().isdigit() or len(lines[at].strip()) > 9:
            yield (
                str(number),
                StructureError(
                    "S103", f"line {at + 1}: expected a number of atoms, found '{lines[at][:40]}'"
                ),
            )
            return
        n = int(lines[at])
        try:
            yield str(number), _read_frame(lines[at + 1 : at + 2 + n], n)
        except StructureError as error:
            yield str(number), error
        at += n + 2


def _read_row(row: Any, number: str) -> Named:
    if not isinstance(row, dict):
        return number, StructureError("S112", "the entry is not a JSON object with a structure")
    name = str(row["id"]) if isinstance(row.get("id"), str | int) else number
    try:
        return name, from_mapping(row)
    except StructureError as error:
        return name, error
    except ValueError as error:
        return name, StructureError("S112", f"the structure holds something that is not a number: {error}")


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
    columns = _columns(fields.get("Properties") or "species:S:1:pos:R:3")
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
    except (ValueError, IndexError, KeyError) as error:
        if isinstance(error, StructureError):
            raise
        raise StructureError("S103", f"the frame cannot be read: {error}") from error


def _columns(properties: str) -> dict[str, int]:
    """Where each property begins: "species:S:1:pos:R:3" -> {"species": 0, "pos": 1}."""
    words = properties.split(":")
    starts: dict[str, int] = {}
    at = 0
    for name, width in zip(words[::3], words[2::3], strict=False):
        starts[name] = at
        at += int(width) if width.isdigit() else 1
    return starts
