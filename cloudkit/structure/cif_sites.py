"""The listed atoms of one CIF block to the crystal: symmetry expansion, and one mixed site where rows share
a place.
"""

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.structure.cif_rows import Row, read_rows
from cloudkit.structure.cif_symmetry import read_operations
from cloudkit.structure.crystal import Crystal, build_crystal
from cloudkit.structure.elements import Atom, Parts
from cloudkit.structure.expand import Expanded, expand
from cloudkit.structure.guards import FULL, SAME_PLACE
from cloudkit.structure.neighbors import close_pairs, has_contact
from cloudkit.structure.site_order import order_sites


def read_sites(block: Any, lattice: NDArray[np.float64], notes: list[str]) -> Crystal:
    """The crystal of a block with coordinates; adds to `notes` what was left out or assumed.

    Raises StructureError S1xx.
    """
    rows = read_rows(block, notes)
    if not rows:
        raise StructureError(
            "S104", "no atom of the list is part of the structure: all are dummies or have occupancy 0"
        )
    operations, note = read_operations(block, lattice)
    if note:
        notes.append(note)
    expanded = expand(lattice, operations, np.array([row.place for row in rows]))
    counts = np.bincount(expanded.rows, minlength=len(rows)).tolist()
    starts = [0, *accumulate(counts)]
    groups = _rows_on_one_site(lattice, expanded, rows, counts)
    parts = [_merge([rows[i] for i in group], notes) for group in groups]
    order = order_sites(parts, [counts[group[0]] for group in groups])
    places = expanded.positions[[starts[groups[group][0]] + number for group, number in order]]
    return build_crystal(lattice, places, [parts[group] for group, _ in order])


def _rows_on_one_site(
    lattice: NDArray[np.float64], expanded: Expanded, rows: list[Row], size: list[int]
) -> list[list[int]]:
    """Rows grouped by place: each group is one mixed site. Rows keep their order. size: sites of each row."""
    if not has_contact(lattice, expanded.positions, SAME_PLACE):
        return [[row] for row in range(len(rows))]
    head = list(range(len(rows)))
    first, second, _ = close_pairs(lattice, expanded.positions, SAME_PLACE)
    for i, j in zip(expanded.rows[first].tolist(), expanded.rows[second].tolist(), strict=True):
        if size[i] != size[j]:
            raise StructureError(
                "S108",
                f"atoms {rows[i].label} and {rows[j].label} nearly share a place, "
                "but one is on a special position and the other is not",
            )
        low, high = sorted((head[i], head[j]))
        if low != high:
            head = [low if h == high else h for h in head]
    groups: dict[int, list[int]] = {}
    for row, h in enumerate(head):
        groups.setdefault(h, []).append(row)
    return list(groups.values())


def _merge(rows: list[Row], notes: list[str]) -> Parts:
    """The atoms of one site and their occupancies, which add up to at most 1."""
    if len(rows) == 1 and len(rows[0].parts) == 1:
        return rows[0].parts
    if len(rows) > 1 and all(row.parts == rows[0].parts and row.parts[0][1] == 1 for row in rows):
        notes.append(f"atom {rows[0].label} is listed {len(rows)} times on one site; counted once")
        rows = rows[:1]
    total: dict[Atom, float] = {}
    for atom, occupancy in (part for row in rows for part in row.parts):
        total[atom] = total.get(atom, 0.0) + occupancy
    filled = sum(total.values())
    if filled > FULL:
        names = " and ".join(row.label for row in rows)
        where = f"atoms {names} share one site, and their" if len(rows) > 1 else f"on site {names} the"
        raise StructureError("S108", f"{where} occupancies add up to {filled:g}")
    scale = filled if filled > 1 else 1.0
    return tuple((atom, x / scale) for atom, x in total.items())
