"""CIF text to crystals: each data block with atom sites is one. Syntax by gemmi; the meaning is read here."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from math import cos, isfinite, radians, sin, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError, whole_import
from cloudkit.structure.crystal import Crystal

Result = tuple[str, Crystal | StructureError, tuple[str, ...]]  # block name, crystal or reason, notes
COORDINATES: Final = (
    ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"),
    ("_atom_site.fract_x", "_atom_site.fract_y", "_atom_site.fract_z"),
)
LENGTHS: Final = ("length_a", "length_b", "length_c")
ANGLES: Final = ("angle_alpha", "angle_beta", "angle_gamma")

_QUOTE_OVER_LINES = re.compile(
    r"^_\S+[ \t]+'[^'\n]*\n[^'_]*'[ \t]*$", re.MULTILINE
)  # not CIF, but written by some programs


def read_cif(text: str) -> Iterator[Result]:
    """Every structure of a CIF, with its block's name where the file has several blocks (else "").

    A block with a cell or coordinates that cannot be read yields a StructureError.
    Raises StructureError S103 or S104 where
    the file as a whole has no structure.
    """
    blocks = _parse_blocks(text)
    names = _unique_names([name for name, _ in blocks])
    found = False
    for name, (_, block) in zip(names, blocks, strict=True):
        if isinstance(block, StructureError):
            found = True
            yield name, block, ()
        elif block is not None and (result := _read_block(block)):
            found = True
            yield name, *result
    if not found:
        raise _no_structure([block for _, block in blocks])


def read_cell(block: Any) -> NDArray[np.float64]:
    """Cell vectors (3, 3) in Å, a along x and b in the xy plane.

    An angle that is not given is 90° (CIF core dictionary).
    """
    a, b, c = (_cell_value(block, name) for name in LENGTHS)
    angles = [_cell_value(block, name) for name in ANGLES]
    cos_a, cos_b, cos_c = (cos(radians(angle)) for angle in angles)
    flatness = 1 - cos_a * cos_a - cos_b * cos_b - cos_c * cos_c + 2 * cos_a * cos_b * cos_c
    if min(a, b, c) <= 0 or not flatness > 1e-9:
        raise StructureError(
            "S105",
            f"no cell has the lengths {a:g}, {b:g}, {c:g} Å and the angles "
            f"{angles[0]:g}, {angles[1]:g}, {angles[2]:g}°: it would have no volume",
        )
    sin_c = sin(radians(angles[2]))
    rows = (
        (a, 0.0, 0.0),
        (b * cos_c, b * sin_c, 0.0),
        (c * cos_b, c * (cos_a - cos_b * cos_c) / sin_c, c * sqrt(flatness) / sin_c),
    )
    return np.array([[round(x, 12) for x in row] for row in rows])


def _read_block(block: Any) -> tuple[Crystal | StructureError, tuple[str, ...]] | None:
    """What became of a block, with notes; None if no atom in it has a place."""
    read_plain_block, read_sites = _readers()
    crystal = read_plain_block(block)
    if crystal is not None:
        return crystal, ()
    if not _has_sites(block):
        return None
    notes: list[str] = []
    try:
        return read_sites(block, read_cell(block), notes), tuple(notes)
    except StructureError as error:
        return error, tuple(notes)


@cache
def _readers() -> tuple[Callable[[Any], Crystal | None], Callable[..., Crystal]]:
    """The quick and the readable reader; they import gemmi, so on first use."""
    from cloudkit.io.cif_fast import read_plain_block
    from cloudkit.io.cif_sites import read_sites

    return read_plain_block, read_sites


@cache
def _gemmi() -> Any:
    return whole_import("gemmi")


def _parse_blocks(text: str) -> list[tuple[str, Any]]:
    """(name, gemmi block or the error of that block); a syntax error costs only its own block, and only if
    that has atoms.
    """
    gemmi = _gemmi()
    try:
        return _named(gemmi.cif.read_string(text, 0))
    except (ValueError, RuntimeError) as error:
        repaired = _QUOTE_OVER_LINES.sub(_on_one_line, text)
        if repaired != text:
            return _parse_blocks(repaired)
        parts = re.split(r"(?im)^(?=data_)", text)
        if len(parts) <= 2:
            raise _syntax_error(error, 0) from error
    blocks: list[tuple[str, Any]] = []
    line = parts[0].count("\n")
    for part in parts[1:]:
        name = part.split(None, 1)[0][5:]
        try:
            blocks += _named(gemmi.cif.read_string(part, 0))
        except (ValueError, RuntimeError) as error:
            if any(tag in part.lower() for tags in COORDINATES for tag in tags):
                blocks.append((name, _syntax_error(error, line)))
            else:
                blocks.append((name, None))
        line += part.count("\n")
    return blocks


def _on_one_line(match: re.Match[str]) -> str:
    """A quoted text without its line ends, which follow it, so that lines keep their numbers."""
    return match.group().replace("\n", " ") + "\n" * match.group().count("\n")


def _named(document: Any) -> list[tuple[str, Any]]:
    return [(document[i].name, document[i]) for i in range(len(document))]


def _syntax_error(error: Exception, lines_before: int) -> StructureError:
    """gemmi's "string:12:3(200): reason" as a sentence."""
    match = re.match(r"^[^:]*:(\d+):\d+(?:\(\d+\))?:\s*(.*)$", str(error), re.DOTALL)
    if not match:
        return StructureError("S103", f"not valid CIF: {error}")
    return StructureError(
        "S103", f"not valid CIF at line {int(match.group(1)) + lines_before}: {match.group(2)}"
    )


def _unique_names(names: list[str]) -> list[str]:
    """Names of blocks, made distinct; one block alone needs no name."""
    if len(names) == 1:
        return [""]
    counts: dict[str, int] = {}
    unique: list[str] = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        unique.append((name or "unnamed") + (f".{counts[name]}" if counts[name] > 1 else ""))
    return unique


def _has_sites(block: Any) -> bool:
    """True if any atom has a coordinate; a row of question marks is a form not filled in."""
    columns = (block.find_values(tag) for tags in COORDINATES for tag in tags)
    return any(next((True for value in column if value not in ("?", ".")), False) for column in columns)


def _no_structure(blocks: list[Any]) -> StructureError:
    labels = [block for block in blocks if block is not None and len(block.find_values("_atom_site_label"))]
    if labels:
        return StructureError(
            "S106", "the file lists atoms, but gives none of them coordinates (_atom_site_fract_x, y, z)"
        )
    return StructureError(
        "S104", "there is no crystal structure in the file: no data block lists atom sites with coordinates"
    )


def _cell_value(block: Any, name: str) -> float:
    for tag in (f"_cell_{name}", f"_cell.{name}"):
        text = block.find_value(tag)
        if text is not None:
            gemmi = _gemmi()
            value = gemmi.cif.as_number(text)
            if isfinite(value):
                return float(value)
            raise StructureError(
                "S105", f"the unit cell is incomplete: {tag} is '{gemmi.cif.as_string(text)}'"
            )
    if name in ANGLES:
        return 90.0
    raise StructureError("S105", f"the unit cell is incomplete: _cell_{name} is missing")
