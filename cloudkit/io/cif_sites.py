"""The listed atoms of a CIF block to the crystal: symmetry expanded, rows that share a place as one mixed site."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.io.cif_rows import Rows, read_rows
from cloudkit.io.cif_symmetry import read_operations
from cloudkit.io.expand import Expanded, expand
from cloudkit.io.site_order import order_sites
from cloudkit.structure.crystal import Crystal, build_numbered
from cloudkit.structure.elements import Atom, Parts
from cloudkit.structure.guards import FULL, SAME_PLACE
from cloudkit.structure.neighbors import close_pairs, has_contact
from cloudkit.tables.composition import sum_left_to_right


def read_sites(block: Any, lattice: NDArray[np.float64], notes: list[str]) -> Crystal:
    """The crystal of a block with coordinates; adds to `notes` what was left out or assumed.

    Raises StructureError S1xx.
    """
    rows = read_rows(block, notes)
    if not rows.kind:
        raise StructureError(
            "S104", "no atom of the list is part of the structure: all are dummies or have occupancy 0"
        )
    operations, note = read_operations(block, lattice)
    if note:
        notes.append(note)
    expanded = expand(lattice, operations, rows.places)
    sites = _join_rows(lattice, expanded, rows, notes)
    starts = [0, *accumulate(expanded.counts)]
    order = order_sites(sites.kinds, sites.kind, [expanded.counts[row] for row in sites.rows])
    index = [starts[sites.rows[site]] + number for site, number in order]
    in_order = index == list(range(len(expanded.positions)))
    places = expanded.positions if in_order else expanded.positions[index]
    return build_numbered(lattice, places, [sites.kind[site] for site, _ in order], sites.kinds)


class _Sites(NamedTuple):
    """What sits on each listed site. kind (m,): index into kinds; rows (m,): a row that has the site's places."""

    kinds: list[Parts]
    kind: list[int]
    rows: Sequence[int]


def _join_rows(lattice: NDArray[np.float64], expanded: Expanded, rows: Rows, notes: list[str]) -> _Sites:
    """Rows at one place become one mixed site."""
    if not has_contact(lattice, expanded.positions, SAME_PLACE):
        kinds = [
            _merge([parts], [rows.labels[rows.kind.index(i)]], notes) for i, parts in enumerate(rows.kinds)
        ]
        return _Sites(kinds, rows.kind, range(len(rows.kind)))
    groups = _rows_on_one_site(lattice, expanded, rows)
    merged = [
        _merge([rows.kinds[rows.kind[i]] for i in group], [rows.labels[i] for i in group], notes)
        for group in groups
    ]
    number = {parts: i for i, parts in enumerate(dict.fromkeys(merged))}
    return _Sites(list(number), [number[parts] for parts in merged], [group[0] for group in groups])


def _rows_on_one_site(lattice: NDArray[np.float64], expanded: Expanded, rows: Rows) -> list[list[int]]:
    """Rows grouped by place. Rows keep their order."""
    head = list(range(len(rows.kind)))
    first, second, _ = close_pairs(lattice, expanded.positions, SAME_PLACE)
    of = np.repeat(np.arange(len(rows.kind)), expanded.counts)
    for i, j in zip(of[first].tolist(), of[second].tolist(), strict=True):
        if expanded.counts[i] != expanded.counts[j]:
            raise StructureError(
                "S108",
                f"atoms {rows.labels[i]} and {rows.labels[j]} nearly share a place, "
                "but one is on a special position and the other is not",
            )
        low, high = sorted((head[i], head[j]))
        if low != high:
            head = [low if h == high else h for h in head]
    groups: dict[int, list[int]] = {}
    for row, h in enumerate(head):
        groups.setdefault(h, []).append(row)
    return list(groups.values())


def _merge(listed: list[Parts], labels: list[str], notes: list[str]) -> Parts:
    """The atoms of one site and their occupancies, which add up to at most 1."""
    if len(listed) == 1 and len(listed[0]) == 1:
        return listed[0]
    if len(listed) > 1 and all(parts == listed[0] and parts[0][1] == 1 for parts in listed):
        notes.append(f"atom {labels[0]} is listed {len(listed)} times on one site; counted once")
        listed = listed[:1]
    total: dict[Atom, float] = {}
    for atom, occupancy in (part for parts in listed for part in parts):
        total[atom] = total.get(atom, 0.0) + occupancy
    filled = sum_left_to_right(total.values())
    if filled > FULL:
        names = " and ".join(labels)
        where = f"atoms {names} share one site, and their" if len(labels) > 1 else f"on site {names} the"
        raise StructureError("S108", f"{where} occupancies add up to {filled:g}")
    scale = filled if filled > 1 else 1.0
    return tuple((atom, x / scale) for atom, x in total.items())
