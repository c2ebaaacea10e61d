"""CIF text to crystals: each data block with atom sites is one. Syntax by gemmi; the meaning is read here."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cache
from math import cos, isfinite, radians, sin, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError, whole_import
from cloudkit.io.cif2 import as_cif1
from cloudkit.io.facts import Stated
from cloudkit.io.record import Record, record_of
from cloudkit.structure.crystal import Crystal

MODULATED: Final = (
    "_cell_modulation_dimension",
    "_cell.modulation_dimension",
    "_space_group_ssg_name",
    "_space_group_ssg_name_IT",
    "_space_group_ssg_name_WJJ",
    "_space_group_symop_ssg_operation_algebraic",
    "_space_group_symop_ssg.operation_algebraic",
    "_space_group_symop_magn_ssg_operation_algebraic",
    "_space_group_symop_magn_ssg_operation.algebraic",
    "_space_group.magn_ssg_name",
    "_cell_wave_vector_x",
    "_cell_wave_vector.x",
    "_atom_site_fourier_wave_vector_x",
    "_atom_site_Fourier_wave_vector_x",
    "_atom_site_displace_Fourier_axis",
    "_cell_subsystems_number",
)
NO_BREAK: Final = 0xA0
FOREIGN: Final = {NO_BREAK: " ", 0x202F: " ", 0x2009: " ", 0xFEFF: None, 0x1A: None, 0x2212: "-", 0x2013: "-"}
COORDINATES: Final = (
    ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"),
    ("_atom_site.fract_x", "_atom_site.fract_y", "_atom_site.fract_z"),
)
CARTESIAN: Final = (
    ("_atom_site_Cartn_x", "_atom_site_Cartn_y", "_atom_site_Cartn_z"),
    ("_atom_site.Cartn_x", "_atom_site.Cartn_y", "_atom_site.Cartn_z"),
)
LENGTHS: Final = ("length_a", "length_b", "length_c")
ANGLES: Final = ("angle_alpha", "angle_beta", "angle_gamma")

_QUOTE_OVER_LINES = re.compile(
    r"^_\S+[ \t]+'[^'\n]*\n[^'_]*'[ \t]*$", re.MULTILINE
)  # not CIF, but written by some programs


def read_cif(text: str) -> Iterator[Record]:
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
            yield record_of(name, block)
        elif block is not None and (record := _read_block(name, block)):
            found = True
            yield record
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


def _read_block(name: str, block: Any) -> Record | None:
    """The record of a block; None if no atom in it has coordinates."""
    read_plain_block, read_sites = _readers()
    crystal = read_plain_block(block)
    if crystal is not None:
        return Record(name, crystal)
    if not _has_sites(block):
        return None
    notes: list[str] = []
    try:
        _refuse_modulated(block)
        crystal, stated = read_sites(block, read_cell(block), notes)
        return Record(name, crystal, None, tuple(notes), stated)
    except StructureError as error:
        return Record(name, None, error, tuple(notes))


def _refuse_modulated(block: Any) -> None:
    """Raise StructureError S114 for a structure that repeats only in more than three dimensions."""
    for tag in MODULATED:
        values = block.find_values(tag)
        if len(values) and values[0] not in ("0", "?", "."):
            raise StructureError(
                "S114",
                f"the structure is modulated ({tag}): it repeats in more than three dimensions, and no space group describes it",
                "give its average structure, or a commensurate approximant",
            )


@cache
def _readers() -> tuple[Callable[[Any], Crystal | None], Callable[..., tuple[Crystal, Stated | None]]]:
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
    if not text.isascii() or "\x1a" in text:
        text = _plain(text)
    try:
        return _named(gemmi.cif.read_string(text, 0))
    except (ValueError, RuntimeError) as error:
        for repair in (as_cif1, _join_quotes, _as_ascii):
            repaired = repair(text)
            if repaired != text:
                return _parse_blocks(repaired)
        parts = _split_blocks(text)
        if len(parts) <= 2:
            raise _syntax_error(error, 0, text) from error
    blocks: list[tuple[str, Any]] = []
    line = parts[0].count("\n")
    for part in parts[1:]:
        name = part.split(None, 1)[0][5:]
        try:
            blocks += _named(gemmi.cif.read_string(part, 0))
        except (ValueError, RuntimeError) as error:
            has_atoms = any(tag.lower() in part.lower() for tags in COORDINATES for tag in tags)
            blocks.append((name, _syntax_error(error, line, text) if has_atoms else None))
        line += part.count("\n")
    return blocks


def _plain(text: str) -> str:
    """The text with plain signs for those of typesetters; a no-break space separates words, or else belongs to one."""
    spaced = text.translate(FOREIGN)
    try:
        _gemmi().cif.read_string(spaced, 0)
    except (ValueError, RuntimeError):
        return text.translate({**FOREIGN, NO_BREAK: "_"}) if chr(NO_BREAK) in text else spaced
    return spaced


def _split_blocks(text: str) -> list[str]:
    """The text before the first block, and each block; "data_" at the start of a line of a text field begins none."""
    lines = text.split("\n")
    ends = [number for number, line in enumerate(lines) if line.startswith(";")]
    starts, at = [0], 0
    while at < len(lines):
        if lines[at].startswith(";"):
            at = next((end for end in ends[bisect_right(ends, at) :]), at)  # a field that never ends is none
        elif lines[at][:5].lower() == "data_":
            starts.append(at)
        at += 1
    parts = zip(starts, [*starts[1:], len(lines)], strict=True)
    return ["".join(f"{line}\n" for line in lines[start:end]) for start, end in parts]


def _join_quotes(text: str) -> str:
    return _QUOTE_OVER_LINES.sub(_on_one_line, text)


def _as_ascii(text: str) -> str:
    """Characters outside ASCII, which CIF allows in quotes alone, as question marks."""
    return text if text.isascii() else text.encode("ascii", "replace").decode()


def _on_one_line(match: re.Match[str]) -> str:
    """A quoted text without its line ends, which follow it, so that lines keep their numbers."""
    return match.group().replace("\n", " ") + "\n" * match.group().count("\n")


def _named(document: Any) -> list[tuple[str, Any]]:
    return [(document[i].name, document[i]) for i in range(len(document))]


def _syntax_error(error: Exception, lines_before: int, text: str) -> StructureError:
    """gemmi's "string:12:3(200): reason" as a sentence."""
    match = re.match(r"^[^:]*:(\d+):\d+(?:\(\d+\))?:\s*(.*)$", str(error), re.DOTALL)
    kind = "CIF 2.0" if text.startswith("#\\#CIF_2") else "CIF"
    if not match:
        return StructureError("S103", f"not valid {kind}: {error}")
    return StructureError(
        "S103", f"not valid {kind} at line {int(match.group(1)) + lines_before}: {match.group(2)}"
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
    columns = (block.find_values(tag) for tags in (*COORDINATES, *CARTESIAN) for tag in tags)
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
