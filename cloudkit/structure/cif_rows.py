"""The list of atom sites in one CIF block: what each atom is, how much of it, and where."""

import re
from functools import lru_cache
from math import isfinite
from typing import Any, Final, NamedTuple

import gemmi

from cloudkit.errors import StructureError
from cloudkit.structure.cif import COORDINATES
from cloudkit.structure.elements import Atom, Parts, implied_hydrogens, is_element, read_label, read_symbol
from cloudkit.structure.guards import FULL

UNKNOWN: Final = ("?", ".", "")
_SHARE = re.compile(r"\s*([\d.]+)(?:\(\d+\))?\s*([A-Z]\S*)\s*")  # one part of "0.8Nb + 0.2Zr"


class Row(NamedTuple):
    """One listed atom: its label, the atoms on it with their occupancies (one, but for mixtures), and its
    place.
    """

    label: str
    parts: Parts
    place: tuple[float, float, float]


class Known(NamedTuple):
    """What the block says about atoms in general: oxidation states by symbol (empty if it has none),
    elements of the formula.
    """

    charges: dict[str, float]
    formula: frozenset[str]


class _Given(NamedTuple):
    """What a row of the file says about its atom; equal rows are read once."""

    kind: str
    label: str
    occupancy: str


def read_rows(block: Any, notes: list[str]) -> list[Row]:
    """The listed atoms that are part of the structure; adds to `notes` what was left out or assumed.

    Raises StructureError.
    """
    sites = _site_loop(block)
    labels, kinds, occupancies = (
        _column(block, sites, name) for name in ("label", "type_symbol", "occupancy")
    )
    flags, attached = (_column(block, sites, name) for name in ("calc_flag", "attached_hydrogens"))
    places = _coordinates(block, sites, notes)
    known = Known(_charges(block), _formula(block))
    atoms: dict[_Given, tuple[Parts, int] | None] = {}
    rows, hydrogens = [], 0
    for i, place in enumerate(places):
        kind, written = _at(kinds, i), _at(labels, i)
        label = written or kind or f"number {i + 1}"
        if _at(flags, i) == "dum":
            notes.append(f"dummy atom {label} left out")
            continue
        given = _Given(kind, "" if kind else label, _at(occupancies, i))
        if given not in atoms:
            atoms[given] = _read_atom(given, label, known)
        read = atoms[given]
        if read is None:
            notes.append(f"atom {label} left out: its occupancy is 0")
            continue
        parts, implied = read
        hydrogens += implied or _count(_at(attached, i))
        rows.append(Row(label, parts, _place(place, label)))
    if hydrogens and not any(atom.element == "H" for row in rows for atom, _ in row.parts):
        notes.append(
            f"{hydrogens} hydrogen atoms are implied by the list but have no positions; they are left out"
        )
    return rows


def _read_atom(given: _Given, label: str, known: Known) -> tuple[Parts, int] | None:
    """The atoms of a row and how many hydrogens it implies; None where its occupancy is 0."""
    occupancy = _occupancy(given.occupancy, label)
    if occupancy == 0:
        return None
    shares = _shares(given.kind or given.label)
    parts = tuple((_atom(text, bool(given.kind), known), occupancy * share) for text, share in shares)
    return parts, sum(implied_hydrogens(text) for text, _ in shares)


def _site_loop(block: Any) -> dict[str, list[str]]:
    """The raw values of the loop that holds the coordinates, by tag in small letters."""
    for tag, _, _ in COORDINATES:
        loop = block.find_loop(tag).get_loop()
        if loop is not None:
            values, width = loop.values, loop.width()
            return {name.lower(): values[i::width] for i, name in enumerate(loop.tags)}
    return {}


def _coordinates(block: Any, sites: dict[str, list[str]], notes: list[str]) -> list[tuple[str, ...]]:
    """Texts of x, y, z per row. Old files print zero as "." where they print one half as ".5"."""
    tags = next(tags for tags in COORDINATES if any(len(block.find_values(tag)) for tag in tags))
    axes = [list(map(_text, _raw(block, sites, tag))) for tag in tags]
    if len({len(axis) for axis in axes}) > 1:
        raise StructureError(
            "S106", "the atoms have no complete coordinates: one of _atom_site_fract_x, y, z is missing"
        )
    if any("." in axis for axis in axes) and any(re.match(r"-?\.\d", text) for axis in axes for text in axis):
        notes.append("coordinates given as '.' are read as 0, as the file writes .5 for 0.5")
        axes = [["0" if text == "." else text for text in axis] for axis in axes]
    return list(zip(*axes, strict=True))


def _shares(kind: str) -> list[tuple[str, float]]:
    """The atoms of a mixture such as "0.8Nb + 0.2Zr" with their shares; anything else is one atom."""
    matches = [_SHARE.fullmatch(part) for part in kind.split("+")] if kind[:1].isdigit() else []
    if not matches or not all(matches):
        return [(kind, 1.0)]
    return [(match.group(2), float(gemmi.cif.as_number(match.group(1)))) for match in matches if match]


def _atom(text: str, is_symbol: bool, known: Known) -> Atom:
    """What an atom is; where the file states oxidation states at all, an atom without one has 0."""
    if not is_symbol or implied_hydrogens(text):
        atom = read_label(text, known.formula)
    else:
        atom = read_symbol(text, known.formula)
    if not known.charges:
        return Atom(atom.symbol)
    return Atom(atom.symbol, known.charges.get(text, known.charges.get(atom.symbol, 0.0)))


def _charges(block: Any) -> dict[str, float]:
    """Oxidation states of _atom_type, by the symbol as written and by the bare element; empty unless all are
    numbers.
    """
    symbols = [gemmi.cif.as_string(value) for value in block.find_values("_atom_type_symbol")]
    numbers = [gemmi.cif.as_number(value) for value in block.find_values("_atom_type_oxidation_number")]
    if len(symbols) != len(numbers) or not all(map(isfinite, numbers)):
        return {}
    charges = dict(zip(symbols, numbers, strict=True))
    return {re.sub(r"[\d.]*[+-]?[\d.]*$", "", symbol): number for symbol, number in charges.items()} | charges


def _formula(block: Any) -> frozenset[str]:
    """The elements of the stated formula."""
    for tag in ("_chemical_formula_sum", "_chemical_formula.sum", "_chemical_formula_structural"):
        values = block.find_values(tag)
        if len(values):
            return _elements(gemmi.cif.as_string(values[0]))
    return frozenset()


@lru_cache(maxsize=1024)
def _elements(formula: str) -> frozenset[str]:
    return frozenset(filter(is_element, re.findall(r"[A-Z][a-z]?", formula)))


def _occupancy(text: str, label: str) -> float:
    value = float(gemmi.cif.as_number(text)) if text else 1.0
    if not 0 <= value <= FULL:
        raise StructureError(
            "S108", f"the occupancy of atom {label} is '{text}'; it must lie between 0 and 1"
        )
    return min(value, 1.0)


def _place(texts: tuple[str, ...], label: str) -> tuple[float, float, float]:
    x, y, z = map(gemmi.cif.as_number, texts)
    if not (isfinite(x) and isfinite(y) and isfinite(z)):
        written = ", ".join(map(gemmi.cif.as_string, texts))
        raise StructureError(
            "S106",
            f"atom {label} has no complete coordinates ({written})",
            "the composition would be wrong without it",
        )
    return x, y, z


def _column(block: Any, sites: dict[str, list[str]], name: str) -> list[str]:
    for tag in (f"_atom_site_{name}", f"_atom_site.{name}"):
        values = _raw(block, sites, tag)
        if values:
            return [_text(value).strip() for value in values]
    return []


def _raw(block: Any, sites: dict[str, list[str]], tag: str) -> list[str]:
    return sites[tag] if tag in sites else list(block.find_values(tag))


def _text(value: str) -> str:
    """The value without its quotes; "." and "?" stay."""
    return gemmi.cif.as_string(value) if value[:1] in "'\";" else value


def _at(column: list[str], i: int) -> str:
    """The entry of row i; "" where it is not given."""
    return column[i] if i < len(column) and column[i] not in UNKNOWN else ""


def _count(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 4 else 0
