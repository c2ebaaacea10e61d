"""CIF text to crystals: each data block with atom sites is one. Syntax by gemmi; the meaning is read here."""

from collections.abc import Callable, Iterator
from functools import cache
from math import cos, isfinite, radians, sin, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.io.cif_text import CARTESIAN, COORDINATES, import_gemmi, parse_blocks
from cloudkit.io.facts import StatedGroup
from cloudkit.io.record import Record
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
LENGTHS: Final = ("length_a", "length_b", "length_c")
ANGLES: Final = ("angle_alpha", "angle_beta", "angle_gamma")


def read_cif(text: str) -> Iterator[Record]:
    """Every structure of a CIF, with its block's name where the file has several blocks (else "").

    A block with a cell or coordinates that cannot be read yields a StructureError.
    Raises StructureError S103 or S104 where
    the file as a whole has no structure.
    """
    blocks = parse_blocks(text)
    names = _unique_names([name for name, _ in blocks])
    found = False
    for name, (_, block) in zip(names, blocks, strict=True):
        if isinstance(block, StructureError):
            found = True
            yield Record(name, None, block)
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
def _readers() -> tuple[Callable[[Any], Crystal | None], Callable[..., tuple[Crystal, StatedGroup | None]]]:
    """The quick and the readable reader; they import gemmi, so on first use."""
    from cloudkit.io.cif_fast import read_plain_block
    from cloudkit.io.cif_sites import read_sites

    return read_plain_block, read_sites


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
            gemmi = import_gemmi()
            value = gemmi.cif.as_number(text)
            if isfinite(value):
                return float(value)
            raise StructureError(
                "S105", f"the unit cell is incomplete: {tag} is '{gemmi.cif.as_string(text)}'"
            )
    if name in ANGLES:
        return 90.0
    raise StructureError("S105", f"the unit cell is incomplete: _cell_{name} is missing")
