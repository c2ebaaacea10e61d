"""The atom sites of one CIF block: names, occupancies and coordinates, expanded to the whole cell."""

import re
from typing import Any, Final, NamedTuple

import gemmi
import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.structure.cif import COORDINATES
from cloudkit.structure.cif_symmetry import read_operations
from cloudkit.structure.crystal import Crystal, build_crystal
from cloudkit.structure.elements import Atom, implied_hydrogens, is_element, read_label, read_symbol, write_species
from cloudkit.structure.expand import Expanded, expand
from cloudkit.structure.guards import FULL, SAME_PLACE
from cloudkit.structure.neighbors import close_pairs
from cloudkit.tables import ELEMENT

UNKNOWN: Final = ("?", ".", "")


class Row(NamedTuple):
    """One listed atom: its label, what it is, how much of it, and where."""

    label: str
    atom: Atom
    occupancy: float
    place: tuple[float, float, float]


def read_sites(block: Any, lattice: NDArray[np.float64], notes: list[str]) -> Crystal:
    """The crystal of a block with coordinates; adds to `notes` what was left out or assumed. Raises StructureError S1xx."""
    rows = _read_rows(block, notes)
    if not rows:
        raise StructureError("S104", "no atom of the list is part of the structure: all are dummies or have occupancy 0")
    angles = _angles(lattice)
    operations, note = read_operations(block, angles[0], angles[2])
    if note:
        notes.append(note)
    expanded = expand(lattice, operations, np.array([row.place for row in rows]))
    groups = _rows_on_one_site(lattice, expanded, rows)
    parts = {group[0]: _merge([rows[i] for i in group], notes) for group in groups}
    order = sorted(parts, key=lambda row: _site_rank(parts[row]))
    chosen = [np.flatnonzero(expanded.rows == row) for row in order]
    sites = [parts[row] for row, members in zip(order, chosen, strict=True) for _ in members]
    return build_crystal(lattice, expanded.positions[np.concatenate(chosen)], sites)


def _read_rows(block: Any, notes: list[str]) -> list[Row]:
    labels, kinds = _column(block, "label"), _column(block, "type_symbol")
    tags = next(tags for tags in COORDINATES if any(len(block.find_values(tag)) for tag in tags))
    axes = [list(block.find_values(tag)) for tag in tags]
    n = max(map(len, axes))
    if any(len(axis) != n for axis in axes):
        raise StructureError("S106", "the atoms have no complete coordinates: one of _atom_site_fract_x, y, z is missing")
    occupancies, flags, attached = (_column(block, name) for name in ("occupancy", "calc_flag", "attached_hydrogens"))
    charges, known = _charges(block), _formula(block)
    rows, hydrogens = [], 0
    for i in range(n):
        label = _at(labels, i) or _at(kinds, i) or f"number {i + 1}"
        if _at(flags, i) == "dum":
            notes.append(f"dummy atom {label} left out")
            continue
        occupancy = _occupancy(_at(occupancies, i), label)
        if occupancy == 0:
            notes.append(f"atom {label} left out: its occupancy is 0")
            continue
        atom = _atom(_at(kinds, i), label, charges, known)
        count = implied_hydrogens(_at(kinds, i) or label)
        hydrogens += count or _count(_at(attached, i))
        rows.append(Row(label, atom, occupancy, _place([axis[i] for axis in axes], label)))
    if hydrogens and not any(row.atom.element == "H" for row in rows):
        notes.append(f"{hydrogens} hydrogen atoms are implied but have no positions; they are left out")
    return rows


def _atom(kind: str, label: str, charges: dict[str, float], known: frozenset[str]) -> Atom:
    """What a row is; where the file states oxidation states at all, an atom without one has 0."""
    atom = read_label(label, known) if not kind or implied_hydrogens(kind) else read_symbol(kind)
    if not charges:
        return Atom(atom.symbol)
    return Atom(atom.symbol, charges.get(kind, charges.get(atom.symbol, 0.0)))


def _charges(block: Any) -> dict[str, float]:
    """Oxidation states of _atom_type, by the symbol as written and by the bare element; empty unless all are numbers."""
    symbols = [gemmi.cif.as_string(value) for value in block.find_values("_atom_type_symbol")]
    numbers = [gemmi.cif.as_number(value) for value in block.find_values("_atom_type_oxidation_number")]
    if len(symbols) != len(numbers) or not np.isfinite(numbers).all():
        return {}
    charges = dict(zip(symbols, numbers, strict=True))
    return {re.sub(r"[\d.]*[+-]?[\d.]*$", "", symbol): number for symbol, number in charges.items()} | charges


def _formula(block: Any) -> frozenset[str]:
    """The elements of the stated formula."""
    for tag in ("_chemical_formula_sum", "_chemical_formula.sum", "_chemical_formula_structural"):
        values = block.find_values(tag)
        if len(values):
            return frozenset(filter(is_element, re.findall(r"[A-Z][a-z]?", gemmi.cif.as_string(values[0]))))
    return frozenset()


def _occupancy(text: str, label: str) -> float:
    value = float(gemmi.cif.as_number(text)) if text else 1.0
    if not 0 <= value <= FULL:
        raise StructureError("S108", f"the occupancy of atom {label} is '{text}'; it must lie between 0 and 1")
    return min(value, 1.0)


def _place(texts: list[str], label: str) -> tuple[float, float, float]:
    x, y, z = (float(gemmi.cif.as_number(text)) for text in texts)
    if not np.isfinite([x, y, z]).all():
        written = ", ".join(map(gemmi.cif.as_string, texts))
        raise StructureError("S106", f"atom {label} has no complete coordinates ({written})",
                             "the composition would be wrong without it")
    return x, y, z


def _rows_on_one_site(lattice: NDArray[np.float64], expanded: Expanded, rows: list[Row]) -> list[list[int]]:
    """Rows grouped by place: each group is one mixed site. Rows keep their order."""
    head = list(range(len(rows)))
    first, second, _ = close_pairs(lattice, expanded.positions, SAME_PLACE)
    size = np.bincount(expanded.rows, minlength=len(rows))
    for i, j in zip(expanded.rows[first].tolist(), expanded.rows[second].tolist(), strict=True):
        if size[i] != size[j]:
            raise StructureError("S108", f"atoms {rows[i].label} and {rows[j].label} nearly share a place, "
                                 "but one is on a special position and the other is not")
        low, high = sorted((head[i], head[j]))
        if low != high:
            head = [low if h == high else h for h in head]
    groups: dict[int, list[int]] = {}
    for row, h in enumerate(head):
        groups.setdefault(h, []).append(row)
    return list(groups.values())


def _merge(rows: list[Row], notes: list[str]) -> tuple[tuple[Atom, float], ...]:
    """The atoms of one site and their occupancies, which add up to at most 1."""
    if len(rows) > 1 and all(row.atom == rows[0].atom and row.occupancy == 1 for row in rows):
        notes.append(f"atom {rows[0].label} is listed {len(rows)} times on one site; counted once")
        rows = rows[:1]
    total: dict[Atom, float] = {}
    for row in rows:
        total[row.atom] = total.get(row.atom, 0.0) + row.occupancy
    filled = sum(total.values())
    if filled > FULL:
        names = " and ".join(row.label for row in rows)
        raise StructureError("S108", f"atoms {names} share one site, and their occupancies add up to {filled:g}")
    scale = filled if filled > 1 else 1.0
    return tuple(sorted(((atom, x / scale) for atom, x in total.items()), key=lambda part: part[0].rank))


def _site_rank(parts: tuple[tuple[Atom, float], ...]) -> tuple[float, str]:
    """Sites go by mean electronegativity, then by text, as in pymatgen: the order of the published script."""
    weight = sum(x for _, x in parts)
    mean = sum(ELEMENT[atom.element].electronegativity * x for atom, x in parts) / weight
    return (mean if np.isfinite(mean) else np.inf), write_species(parts)


def _column(block: Any, name: str) -> list[str]:
    for tag in (f"_atom_site_{name}", f"_atom_site.{name}"):
        values = block.find_values(tag)
        if len(values):
            return [gemmi.cif.as_string(value).strip() for value in values]
    return []


def _at(column: list[str], i: int) -> str:
    """The entry of row i; "" where it is not given."""
    return column[i] if i < len(column) and column[i] not in UNKNOWN else ""


def _count(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 4 else 0


def _angles(lattice: NDArray[np.float64]) -> tuple[float, float, float]:
    lengths = np.linalg.norm(lattice, axis=1)
    pairs = ((1, 2), (0, 2), (0, 1))
    alpha, beta, gamma = (np.degrees(np.arccos(lattice[i] @ lattice[j] / lengths[i] / lengths[j])) for i, j in pairs)
    return float(alpha), float(beta), float(gamma)
