"""The list of atom sites in one CIF block: what each atom is, how much of it, and where."""

import re
from collections.abc import Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, Final, NamedTuple

import gemmi
import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.io.cif_text import CARTESIAN, COORDINATES
from cloudkit.structure.elements import (
    Atom,
    Parts,
    implied_hydrogens,
    is_element,
    read_label,
    read_type_symbol,
)
from cloudkit.structure.guards import FULL
from cloudkit.tables import ELEMENT

UNKNOWN: Final = ("?", ".", "")
COLUMNS: Final = ("label", "type_symbol", "occupancy", "calc_flag", "attached_hydrogens")
MULTIPLICITY: Final = ("symmetry_multiplicity", "site_symmetry_multiplicity")
SPECIAL_TAGS: Final = (  # what gives a row another meaning than its symbol and occupancy
    "_atom_site_calc_flag",
    "_atom_site.calc_flag",
    "_atom_site_attached_hydrogens",
    "_atom_site.attached_hydrogens",
    "_atom_site.occupancy",
    "_atom_type_oxidation_number",
    "_cell_modulation_dimension",
    "_atom_site_disorder_group",
)
FULL_SITES: Final[dict[str, Parts]] = {symbol: ((Atom(symbol), 1.0),) for symbol in ELEMENT}
_SHARE = re.compile(r"\s*([\d.]+)(?:\(\d+\))?\s*([A-Z]\S*)\s*")  # one part of "0.8Nb + 0.2Zr"
_PARTS = re.compile(r"([A-Z][a-z]?)[:\s]*(0?\.\d+)")  # one part of "Nb0.5Ta0.5"


MAX_NAMED: Final = 3  # atoms in a note


class Rows(NamedTuple):
    """The listed atoms: labels; kinds: the distinct atoms with their occupancies (one, but for mixtures); kind (n,): which
    of them each row is; places (n, 3); multiplicities (n,): as stated, 0 where they are not; disorder (n,): the group of
    alternatives that a row belongs to, if any; hydrogens (n,): how many a row implies at each of its places without listing them.
    """

    labels: list[str]
    kinds: list[Parts]
    kind: list[int]
    places: NDArray[np.float64]
    multiplicities: list[int]
    disorder: list[str]
    hydrogens: list[float]


class BlockFacts(NamedTuple):
    """What the block says about atoms in general: (symbol, oxidation state) pairs (none if it states none),
    elements of the formula.
    """

    charges: tuple[tuple[str, float], ...]
    formula: frozenset[str]


# What a row says about its atom: type symbol, label (only where there is no type symbol), occupancy, calc_flag,
# attached_hydrogens, each "" where it is not given. Equal rows are read once.
RowText = tuple[str, str, str, str, str]


class Atoms(NamedTuple):
    """A row's meaning: its atoms, none for one that is left out, and the hydrogens that it implies without places, times its
    occupancy.
    """

    parts: Parts
    hydrogens: float


def read_rows(block: Any, lattice: NDArray[np.float64], notes: list[str]) -> Rows:
    """The listed atoms that are part of the structure; adds to `notes` what was left out or assumed.

    Raises StructureError.
    """
    sites = _site_loop(block)
    axes = _coordinates(block, sites, lattice, notes)
    multiplicities = _multiplicities(block, sites, len(axes[0]))
    complete = isfinite(sum(map(sum, axes)))
    symbols = _plain_symbols(block, sites) if complete else None
    if symbols:
        distinct = {symbol: i for i, symbol in enumerate(dict.fromkeys(symbols))}
        kind = [distinct[symbol] for symbol in symbols]
        return Rows(
            sites.get("_atom_site_label", symbols),
            [FULL_SITES[x] for x in distinct],
            kind,
            _join(axes),
            multiplicities,
            [""] * len(kind),
            [0.0] * len(kind),
        )
    n = len(axes[0])
    disorder = _column(block, sites, "disorder_group", n)
    labels, kinds, *others = (_column(block, sites, name, n) for name in COLUMNS)
    names = labels if "" in kinds else [""] * n
    given = list(zip(kinds, names, *others, strict=True))
    labels = [
        label or kind or f"number {i}" for i, (label, kind) in enumerate(zip(labels, kinds, strict=True), 1)
    ]
    known = BlockFacts(_charges(block), _formula(block))
    meaning = {row: _read_atoms(row, labels[given.index(row)], known) for row in dict.fromkeys(given)}
    atoms = [meaning[row] for row in given]
    kept: Sequence[int] = range(n)
    if not all(parts for parts, _ in meaning.values()):
        kept = [i for i in kept if _is_kept(given[i], atoms[i], labels[i], notes)]
        atoms = [atoms[i] for i in kept]
    places = _join(axes)
    if not complete:
        kept = _with_places(places, kept, atoms, labels, notes, block, sites)
        atoms = [meaning[given[i]] for i in kept]
    number = {parts: i for i, parts in enumerate(dict.fromkeys([parts for parts, _ in atoms]))}
    kind = [number[parts] for parts, _ in atoms]
    return Rows(
        [labels[i] for i in kept],
        list(number),
        kind,
        places[list(kept)],
        [multiplicities[i] for i in kept],
        [disorder[i] for i in kept],
        _unlisted_hydrogens(atoms),
    )


def _multiplicities(block: Any, sites: dict[str, list[str]], n: int) -> list[int]:
    """The stated multiplicity of each row, 0 where there is none."""
    for name in MULTIPLICITY:
        texts = _column(block, sites, name, n)
        if any(texts):
            return [_count(text) for text in texts]
    return [0] * n


def _plain_symbols(block: Any, sites: dict[str, list[str]]) -> list[str] | None:
    """The type symbols of a list in which every row is one whole atom of an element, as in most files; else None."""
    symbols = sites.get("_atom_site_type_symbol")
    if symbols is None or not FULL_SITES.keys() >= set(symbols):
        return None
    if not {*_raw(block, sites, "_atom_site_occupancy")} <= {"1", "1.0", "1.00", "1.000", "1.0000"}:
        return None
    return None if any(len(block.find_values(tag)) for tag in SPECIAL_TAGS) else symbols


def _join(axes: list[list[float]]) -> NDArray[np.float64]:
    """Columns x, y, z as (n, 3)."""
    return np.array(axes).T.copy()


def _read_atoms(row: RowText, label: str, known: BlockFacts) -> Atoms:
    kind, name, share, flag, attached = row
    occupancy = _occupancy(share, label)
    if flag == "dum" or occupancy == 0:
        return Atoms((), 0.0)
    parts, hydrogens = _mixture(kind or name or label, bool(kind), known)
    return Atoms(
        tuple([(atom, occupancy * x) for atom, x in parts]), occupancy * (hydrogens or _count(attached))
    )


@lru_cache(maxsize=4096)
def _mixture(text: str, is_symbol: bool, known: BlockFacts) -> Atoms:
    """The atoms that a type symbol or label names, with their shares; those whose share is 0 are not there."""
    shares = _shares(text)
    parts = tuple((_atom(part, is_symbol, known), x) for part, x in shares if x)
    return Atoms(parts, sum(x * implied_hydrogens(part) for part, x in shares))


def _is_kept(row: RowText, atoms: Atoms, label: str, notes: list[str]) -> bool:
    if row[3] == "dum":
        notes.append(f"dummy atom {label} left out")
    elif not atoms.parts:
        notes.append(f"atom {label} left out: its occupancy is 0")
    return bool(atoms.parts)


def _unlisted_hydrogens(rows: list[Atoms]) -> list[float]:
    """The hydrogens that each row implies; none where the file lists hydrogen atoms, which may be the same ones."""
    if any(atom.element == "H" for parts, _ in rows for atom, _ in parts):
        return [0.0] * len(rows)
    return [hydrogens for _, hydrogens in rows]


def _with_places(
    places: NDArray[np.float64],
    kept: Sequence[int],
    atoms: list[Atoms],
    labels: list[str],
    notes: list[str],
    block: Any,
    sites: dict[str, list[str]],
) -> list[int]:
    """The kept atoms but for hydrogens without a place; raises StructureError for the first other atom without one."""
    bad = {i: one for i, one in zip(kept, atoms, strict=True) if not np.isfinite(places[i]).all()}
    for i, one in bad.items():
        if any(atom.element != "H" for atom, _ in one.parts):
            texts = [_raw(block, sites, tag)[i] for tag in _tags(block)]
            is_letter = any(re.search(r"[Oo]\.?\d|\d[Oo]", text) for text in texts)
            hint = (
                "is the letter O there for the digit 0?"
                if is_letter
                else "the composition would be wrong without it"
            )
            message = f"atom {labels[i]} has no complete coordinates ({', '.join(texts)})"
            raise StructureError("S106", message, hint)
    if bad:
        named = [labels[i] for i in bad]
        more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        notes.append(f"hydrogens without coordinates are left out: {', '.join(named[:MAX_NAMED])}{more}")
    return [i for i in kept if i not in bad]


def _site_loop(block: Any) -> dict[str, list[str]]:
    """The raw values of the loop that holds the coordinates, by tag in small letters."""
    for tag, _, _ in (*COORDINATES, *CARTESIAN):
        loop = block.find_loop(tag).get_loop()
        if loop is not None:
            values, width = loop.values, loop.width()
            return {name.lower(): values[i::width] for i, name in enumerate(loop.tags)}
    return {}


def _coordinates(
    block: Any, sites: dict[str, list[str]], lattice: NDArray[np.float64], notes: list[str]
) -> list[list[float]]:
    """Columns x, y, z; NaN where there is no number. Old files print zero as "." where they print one half as ".5"."""
    axes = [_raw(block, sites, tag) for tag in _tags(block)]
    if len({len(axis) for axis in axes}) > 1:
        raise StructureError(
            "S106", "the atoms have no complete coordinates: one of _atom_site_fract_x, y, z is missing"
        )
    if any("." in axis for axis in axes) and any(re.match(r"-?\.\d", text) for axis in axes for text in axis):
        notes.append("coordinates given as '.' are read as 0, as the file writes .5 for 0.5")
        axes = [["0" if text == "." else text for text in axis] for axis in axes]
    if any("/" in text for axis in axes for text in axis):
        notes.append("coordinates given as fractions (1/3) are read as numbers")
        axes = [list(map(_decimal, axis)) for axis in axes]
    columns = [list(map(gemmi.cif.as_number, axis)) for axis in axes]
    if _tags(block) not in CARTESIAN:
        return columns
    notes.append("the file gives Cartesian coordinates only: read with a along x and b in the xy plane")
    fractional: list[list[float]] = (np.array(columns).T @ np.linalg.inv(lattice)).T.tolist()
    return fractional


def _decimal(text: str) -> str:
    """A fraction such as 1/3, -1/3 or 1/3(2) as a decimal number; anything else as it is."""
    match = re.fullmatch(r"['\"]?([+-]?)(\d{1,4})/(\d{1,4})(?:\(\d+\))?['\"]?", text)
    if not match or int(match[3]) == 0:
        return text
    return f"{match[1]}{int(match[2]) / int(match[3]):.15f}"


def _tags(block: Any) -> tuple[str, str, str]:
    every = (*COORDINATES, *CARTESIAN)
    return next(tags for tags in every if any(len(block.find_values(tag)) for tag in tags))


def _shares(kind: str) -> list[tuple[str, float]]:
    """The atoms of a mixture such as "0.8Nb + 0.2Zr" or "Nb0.5Ta0.5" with their shares; anything else is one atom."""
    matches = [_SHARE.fullmatch(part) for part in kind.split("+")] if kind[:1].isdigit() else []
    if matches and all(matches):
        return [(match.group(2), float(gemmi.cif.as_number(match.group(1)))) for match in matches if match]
    parts = _PARTS.findall(kind)
    if len(parts) > 1 and re.sub(r"[\s,;:/+]", "", kind) == "".join(a + b for a, b in parts):
        shares = [(symbol, float(share)) for symbol, share in parts]
        if all(is_element(symbol) for symbol, _ in shares) and sum(x for _, x in shares) <= FULL:
            return shares
    return [(kind, 1.0)]


def _atom(text: str, is_symbol: bool, known: BlockFacts) -> Atom:
    """What an atom is; where the file states oxidation states at all, an atom without one has 0."""
    if is_symbol and text.startswith(("H2O", "D2O")):
        atom = Atom("O")
    elif not is_symbol or implied_hydrogens(text):
        atom = read_label(text, known.formula)
    else:
        atom = read_type_symbol(text, known.formula)
    if not known.charges:
        return Atom(atom.symbol)
    charges = dict(known.charges)
    return Atom(atom.symbol, charges.get(text, charges.get(atom.symbol, 0.0)))


def _charges(block: Any) -> tuple[tuple[str, float], ...]:
    """Oxidation states of _atom_type, by the symbol as written and by the bare element; none unless all are
    numbers.
    """
    states = block.find_values("_atom_type_oxidation_number")
    if not len(states):
        return ()
    numbers = list(map(gemmi.cif.as_number, states))
    symbols = [gemmi.cif.as_string(value) for value in block.find_values("_atom_type_symbol")]
    if len(symbols) != len(numbers) or not all(map(isfinite, numbers)):
        return ()
    charges = dict(zip(symbols, numbers, strict=True))
    bare = {re.sub(r"[\d.]*[+-]?[\d.]*$", "", symbol): number for symbol, number in charges.items()}
    return tuple((bare | charges).items())


def _formula(block: Any) -> frozenset[str]:
    """The elements of the stated formula."""
    for tag in ("_chemical_formula_sum", "_chemical_formula.sum", "_chemical_formula_structural"):
        value = block.find_value(tag)
        if value is not None:
            return frozenset(filter(is_element, re.findall(r"[A-Z][a-z]?", gemmi.cif.as_string(value))))
    return frozenset()


@lru_cache(maxsize=1024)
def _occupancy(text: str, label: str) -> float:
    value = float(gemmi.cif.as_number(text)) if text else 1.0
    if not 0 <= value <= FULL:
        raise StructureError(
            "S108", f"the occupancy of atom {label} is '{text}'; it must lie between 0 and 1"
        )
    return min(value, 1.0)


def _column(block: Any, sites: dict[str, list[str]], name: str, n: int) -> list[str]:
    """One text per row; "" where the file gives none."""
    for tag in (f"_atom_site_{name}", f"_atom_site.{name}"):
        values = _raw(block, sites, tag)
        if values:
            meaning = {value: _text(value) for value in set(values)}
            texts = [meaning[value] for value in values[:n]]
            return texts if len(texts) == n else texts + [""] * (n - len(texts))
    return [""] * n


def _raw(block: Any, sites: dict[str, list[str]], tag: str) -> list[str]:
    if tag in sites:
        return sites[tag]
    column = block.find_values(tag)
    # the end of an iteration is a C++ exception, which takes its time
    return list(column) if len(column) else []


def _text(value: str) -> str:
    """The value without quotes, "" where it says that it is not known."""
    text = gemmi.cif.as_string(value).strip() if value.startswith(("'", '"', ";")) else value
    return "" if text in UNKNOWN else text


def _count(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else 0
