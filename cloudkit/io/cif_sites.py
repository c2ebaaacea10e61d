"""The listed atoms of a CIF block to the crystal: symmetry expanded, rows that share a place as one mixed site."""

from collections.abc import Sequence
from itertools import accumulate
from math import isfinite, isnan
from typing import Any, Final, NamedTuple

import gemmi
import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.io.cif_rows import Rows, read_rows
from cloudkit.io.cif_symmetry import Reading, Readings, read_symmetry
from cloudkit.io.facts import (
    MAX_VOLUME_PER_ATOM,
    MIN_VOLUME_PER_ATOM,
    StatedFacts,
    StatedGroup,
    contradictions,
    count_atoms,
    implausible,
    volume_fault,
)
from cloudkit.io.operations import Expanded, expand
from cloudkit.io.site_order import order_sites
from cloudkit.structure.crystal import Crystal, build_numbered, plain_species
from cloudkit.structure.elements import Atom, Parts
from cloudkit.structure.guards import FULL, SAME_PLACE
from cloudkit.structure.neighbors import close_pairs, has_contact
from cloudkit.tables import ELEMENT
from cloudkit.tables.composition import sum_left_to_right

MIN_BOND: Final = 0.55  # of the sum of two covalent radii; no bond is shorter
# Å, instead of that where the file lists all atoms of its cell; the quick reader looks no closer
MIN_DISTANCE: Final = 0.85
MAX_CHECKED: Final = 2_000  # sites of a cell up to which bonds are looked at
FORMULA_TAGS: Final = ("_chemical_formula_sum", "_chemical_formula.sum")
UNITS_TAGS: Final = ("_cell_formula_units_Z", "_cell.formula_units_Z")
DENSITY_TAGS: Final = ("_exptl_crystal_density_diffrn", "_exptl_crystal.density_diffrn")
VOLUME_TAGS: Final = ("_cell_volume", "_cell.volume")


def read_sites(
    block: Any, lattice: NDArray[np.float64], notes: list[str]
) -> tuple[Crystal, StatedGroup | None]:
    """The crystal of a block with coordinates, and the space group that the block states; adds to `notes` what was left out,
    assumed or contradicts.

    Raises StructureError S1xx.
    """
    rows = read_rows(block, lattice, notes)
    if not rows.kind:
        raise StructureError(
            "S104", "no atom of the list is part of the structure: all are dummies or have occupancy 0"
        )
    symmetry = read_symmetry(block, lattice)
    notes += symmetry.notes
    facts = read_facts(block)
    chosen = _choose(symmetry, rows, lattice, facts, notes)
    expanded, sites = chosen.expanded, chosen.sites
    notes += chosen.notes
    notes += _hydrogen_notes(rows, expanded.counts)
    volume = abs(float(np.linalg.det(lattice)))
    notes += filter(None, (volume_fault(facts, volume), implausible(len(expanded.positions), volume)))
    notes += _crowded_notes(chosen, rows, lattice)
    starts = [0, *accumulate(expanded.counts)]
    order = order_sites(sites.kinds, sites.kind, [expanded.counts[row] for row in sites.rows])
    index = [starts[sites.rows[site]] + number for site, number in order]
    in_order = index == list(range(len(expanded.positions)))
    places = expanded.positions if in_order else expanded.positions[index]
    return build_numbered(
        lattice, places, [sites.kind[site] for site, _ in order], sites.kinds
    ), symmetry.stated


def read_facts(block: Any) -> StatedFacts:
    """What a block states of its crystal."""
    found = (_first(block, tags) for tags in (FORMULA_TAGS, UNITS_TAGS, DENSITY_TAGS, VOLUME_TAGS))
    formula, *numbers = found
    units, density, volume = (read_amount(text) for text in numbers)
    return StatedFacts(formula, units, density, volume)


def _first(block: Any, tags: tuple[str, ...]) -> str:
    for tag in tags:
        value = block.find_value(tag)
        if value is not None and value not in ("?", "."):
            return str(gemmi.cif.as_string(value)).strip()
    return ""


def read_amount(text: str) -> float:
    """A number above 0, perhaps with its uncertainty in brackets; else 0."""
    value = float(gemmi.cif.as_number(text)) if text else 0.0
    return value if isfinite(value) and value > 0 else 0.0


class _Attempt(NamedTuple):
    """The sites of the cell by one reading; faults: what the file states otherwise; notes: on what was joined."""

    reading: Reading
    expanded: Expanded
    sites: "_Sites"
    faults: list[str]
    notes: list[str]


def _choose(
    symmetry: Readings, rows: Rows, lattice: NDArray[np.float64], facts: StatedFacts, notes: list[str]
) -> _Attempt:
    """The reading that the atoms agree with; notes what was assumed, and what no reading explains."""
    tried = _build_all(symmetry.first, rows, lattice, facts)
    fewest = min((len(one.faults) for one in tried), default=0)
    usable = [one for one in tried if len(one.faults) == fewest]
    if len(usable) > 1:
        usable = [one for one in usable if not _crowded_pairs(one, rows, lattice)] or usable
    if usable and (fewest == 0 or not symmetry.others):
        if len({_fingerprint(one.expanded) for one in usable}) > 1:
            first, second = usable[0].reading.words, usable[1].reading.words
            notes.append(f"the file leaves the setting open: read as {first}, it may be {second}")
        notes += usable[0].faults
        return usable[0]
    others = _build_all(symmetry.others, rows, lattice, facts) if _has_evidence(facts, rows) else []
    best = min(others, key=lambda one: len(one.faults), default=None)
    if best is not None and (len(best.faults) < fewest if tried else not best.faults):
        better = "better " if best.faults else ""
        why = f"; with {tried[0].reading.words}, {tried[0].faults[0]}" if tried else ""
        notes.append(
            f"read as {best.reading.words}, which agrees {better}with what the file states of its atoms{why}"
        )
        notes += best.faults
        return best
    if tried:
        notes += tried[0].faults
        return tried[0]
    raise StructureError(
        "S117",
        f"the file contradicts itself: {symmetry.notes[-1]}",
        "give the cell that belongs to the symmetry, or all atoms of the cell and P 1",
    )


def _has_evidence(facts: StatedFacts, rows: Rows) -> bool:
    """Whether the file states how many atoms there are in the cell."""
    return bool(facts.formula and facts.formula_units) or facts.density > 0 or any(rows.multiplicities)


def _build_all(
    readings: Sequence[Reading], rows: Rows, lattice: NDArray[np.float64], facts: StatedFacts
) -> list[_Attempt]:
    """All readings by which the rows make sites; raises the error of the first where none does."""
    built: list[_Attempt] = []
    errors: list[StructureError] = []
    for reading in readings:
        try:
            built.append(_build(reading, rows, lattice, facts))
        except StructureError as error:
            errors.append(error)
    if errors and not built:
        raise errors[0]
    return built


def _build(reading: Reading, rows: Rows, lattice: NDArray[np.float64], facts: StatedFacts) -> _Attempt:
    expanded = expand(lattice, reading.operations, rows.places)
    notes: list[str] = []
    sites = _join_rows(lattice, expanded, rows, notes)
    kinds = [plain_species(parts) for parts in sites.kinds]
    counts = count_atoms(
        (kinds[kind], expanded.counts[row]) for kind, row in zip(sites.kind, sites.rows, strict=True)
    )
    faults = contradictions(facts, counts, abs(float(np.linalg.det(lattice))))
    faults += _multiplicity_fault(rows, expanded.counts, len(reading.operations.rotations))
    return _Attempt(reading, expanded, sites, faults, notes)


def _multiplicity_fault(rows: Rows, counts: list[int], order: int) -> list[str]:
    """The first row whose multiplicity is stated otherwise. Some files state the order of the site symmetry instead."""
    stated = [(i, n) for i, n in enumerate(rows.multiplicities) if n]
    wrong = [(i, n) for i, n in stated if n != counts[i]]
    if not wrong or all(n * counts[i] == order for i, n in stated):
        return []
    row, number = wrong[0]
    return [f"the file states multiplicity {number} for {rows.labels[row]}, as read it is {counts[row]}"]


def _hydrogen_notes(rows: Rows, counts: list[int]) -> list[str]:
    """A note on the hydrogens of the cell that the list implies (type H2O, attached hydrogens) without positions."""
    implied = sum_left_to_right(
        hydrogens * count for hydrogens, count in zip(rows.hydrogens, counts, strict=True)
    )
    if not implied:
        return []
    return [f"{implied:.4g} hydrogen atoms of the cell are implied without positions; they are left out"]


def _crowded_notes(built: _Attempt, rows: Rows, lattice: NDArray[np.float64]) -> list[str]:
    """A note on the closest two atoms where they are too close to be there together."""
    pairs = _crowded_pairs(built, rows, lattice)
    if not pairs:
        return []
    i, j, distance = min(pairs, key=lambda pair: pair[2])
    more = f" ({len(pairs)} such pairs)" if len(pairs) > 1 else ""
    alternatives = rows.disorder[i] != rows.disorder[j]
    why = (
        "alternatives without occupancies, which count as full"
        if alternatives
        else "closer than any bond, and both full"
    )
    return [f"atoms {rows.labels[i]} and {rows.labels[j]} are {distance:.2f} Å apart: {why}{more}"]


def _crowded_pairs(built: _Attempt, rows: Rows, lattice: NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Pairs of rows, hydrogen aside, that are closer than MIN_BOND times their covalent radii and full together; with distances."""
    sites, counts = built.sites, [built.expanded.counts[row] for row in built.sites.rows]
    filled = np.array([sum_left_to_right(x for _, x in parts) for parts in sites.kinds])
    radius = np.array([_radius(parts) for parts in sites.kinds])
    is_sane = MIN_VOLUME_PER_ATOM < abs(float(np.linalg.det(lattice))) / sum(counts) < MAX_VOLUME_PER_ATOM
    if sum(counts) > MAX_CHECKED or not radius.max() or not is_sane:
        return []
    starts = [0, *accumulate(built.expanded.counts)]
    index = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in sites.rows])
    kind, site = np.repeat(np.array(sites.kind), counts), np.repeat(np.array(sites.rows), counts)
    is_listed = len(built.reading.operations.rotations) == 1
    reach = MIN_DISTANCE if is_listed else 2 * MIN_BOND * float(radius.max())
    first, second, distance = close_pairs(lattice, built.expanded.positions[index], reach)
    a, b = kind[first], kind[second]
    limit = reach if is_listed else MIN_BOND * (radius[a] + radius[b])
    wrong = (distance < limit) & (radius[a] > 0) & (radius[b] > 0)
    wrong &= filled[a] + filled[b] > FULL
    chosen = np.flatnonzero(wrong)
    return [(int(site[first[k]]), int(site[second[k]]), float(distance[k])) for k in chosen]


def _radius(parts: Parts) -> float:
    """The smallest covalent radius of what is on a site; 0 where hydrogen is among it, or an element without one."""
    smallest = min(ELEMENT[atom.element].covalent_radius for atom, _ in parts)
    return 0.0 if isnan(smallest) or any(atom.element == "H" for atom, _ in parts) else smallest


def _fingerprint(expanded: Expanded) -> bytes:
    """The same for two readings that give the same sites."""
    return np.round(expanded.positions, 6).tobytes() + bytes(str(expanded.counts), "ascii")


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
    if filled > max(FULL, 1 + 0.005 * len(total)):
        names = " and ".join(labels)
        where = f"atoms {names} share one site, and their" if len(labels) > 1 else f"on site {names} the"
        hint = (
            "is this another setting of the space group, or are occupancies missing?"
            if len(labels) > 1
            else ""
        )
        raise StructureError("S108", f"{where} occupancies add up to {filled:g}", hint)
    scale = filled if filled > 1 else 1.0
    return tuple((atom, x / scale) for atom, x in total.items())
