"""What a file states of its crystal besides cell and atoms, held against what was read from it.

Every reader that finds such facts makes a StatedFacts of them; here alone it is decided what contradicts. Hydrogen does not count:
many files list none, or only some.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from cloudkit.structure.elements import HYDROGEN_ISOTOPES, is_element
from cloudkit.tables import ELEMENT, SPACE_GROUPS

COUNT_RTOL: Final = 0.02  # of a count: what rounding of occupancies and formulas explains
COUNT_ATOL: Final = 0.08  # of a cell: the same for small counts
DENSITY_RTOL: Final = 0.06  # relative; files give two digits, and some leave hydrogen out
VOLUME_RTOL: Final = 0.01  # relative
MAX_VOLUME_PER_ATOM: Final = 300.0  # Å³ per atom; sheets in a box of vacuum have up to 200
MIN_VOLUME_PER_ATOM: Final = 2.0  # Å³ per atom; diamond has 5.7, metallic hydrogen 2
GRAMS: Final = 1.66053907  # g/cm³ of one u per Å³
HYDROGEN: Final = frozenset(("H", *HYDROGEN_ISOTOPES))
_PART: Final = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)")


class StatedGroup(NamedTuple):
    """The space group that a file states. operations: how many it has in the cell of the file, centring included."""

    number: int
    name: str
    operations: int


class StatedFacts(NamedTuple):
    """formula: as stated; formula_units: Z; density in g/cm³; volume of the cell in Å³; 0 and "" where the file says nothing."""

    formula: str = ""
    formula_units: float = 0.0
    density: float = 0.0
    volume: float = 0.0


def contradictions(facts: StatedFacts, counts: Mapping[str, float], volume: float) -> list[str]:
    """What contradicts the atoms of the cell that were read (element -> how many), a sentence for each fact."""
    found = []
    if fault := _formula_fault(facts, counts):
        found.append(fault)
    mass = sum(ELEMENT[element].mass * count for element, count in counts.items())
    density = GRAMS * mass / volume
    if facts.density > 0 and _differ(density, facts.density, DENSITY_RTOL):
        expected = _hydrogen_mass(facts, counts)
        if not expected or _differ(density + GRAMS * expected / volume, facts.density, DENSITY_RTOL):
            found.append(
                f"the file states a density of {facts.density:g} g/cm³, the crystal read has {density:.3g}"
            )
    return found


def volume_fault(facts: StatedFacts, volume: float) -> str:
    """How the stated volume of the cell contradicts its lengths and angles; else empty."""
    if facts.volume > 0 and _differ(volume, facts.volume, VOLUME_RTOL):
        return (
            f"the file states a cell volume of {facts.volume:g} Å³, its lengths and angles give {volume:.6g}"
        )
    return ""


def implausible(atoms: float, volume: float) -> str:
    """What is wrong with the volume per atom of a crystal, if it is out of all bounds; else empty."""
    room = volume / atoms
    if room > MAX_VOLUME_PER_ATOM:
        return f"there are {room:,.0f} Å³ for each atom, which no crystal has; are the lengths in pm?"
    if room < MIN_VOLUME_PER_ATOM:
        return f"there are {room:.2g} Å³ for each atom, which no crystal has; are the lengths in nm, or Bohr?"
    return ""


def count_atoms(species: Iterable[tuple[tuple[tuple[str, float], ...], float]]) -> dict[str, float]:
    """Atoms of each element in the cell, from pairs (species of a site, how many such sites); D and T are H."""
    counts: dict[str, float] = {}
    for site, number in species:
        for element, occupancy in site:
            counts[element] = counts.get(element, 0.0) + occupancy * number
    return counts


@lru_cache(maxsize=4096)
def read_formula(text: str) -> dict[str, tuple[float, float]]:
    """Element -> (count, half of its last digit) of a formula such as "Al2 Mg O4"; empty where it is anything else."""
    plain = text.strip().strip("()")
    counts: dict[str, tuple[float, float]] = {}
    for word in plain.split():
        parts = _PART.findall(word)
        if "".join(a + b for a, b in parts) != word or not all(is_element(symbol) for symbol, _ in parts):
            return {}
        for symbol, number in parts:
            if number == ".":
                return {}
            digits = len(number.partition(".")[2])
            old, error = counts.get(symbol, (0.0, 0.0))
            counts[symbol] = (old + float(number or 1), error + (0.5 * 10.0**-digits if digits else 0.0))
    return counts


def formula_text(counts: Mapping[str, float]) -> str:
    """Counts as a formula: "Al16 Mg8 O32"."""
    return " ".join(
        f"{element}{count:.4g}" if f"{count:.4g}" != "1" else element
        for element, count in sorted(counts.items())
    )


def _formula_fault(facts: StatedFacts, counts: Mapping[str, float]) -> str:
    stated = {e: n for e, n in read_formula(facts.formula).items() if e not in HYDROGEN and n[0] > 0}
    read = {e: n for e, n in counts.items() if e not in HYDROGEN}
    if not stated or not read:
        return ""
    of_cell = facts.formula_units and all(n % facts.formula_units == 0 for n, _ in stated.values())
    if facts.formula_units:
        # pymatgen states the formula of the cell
        tried = (facts.formula_units, 1.0) if of_cell else (facts.formula_units,)
    else:
        tried = (sum(read.values()) / sum(n for n, _ in stated.values()),)
    if stated.keys() == read.keys() and any(_fits(stated, read, units) for units in tried):
        return ""
    times = f" and Z = {facts.formula_units:g}" if facts.formula_units else ""
    return f"the file states the formula {facts.formula}{times}, the atoms read are {formula_text(counts)} in the cell"


def _fits(stated: Mapping[str, tuple[float, float]], read: Mapping[str, float], units: float) -> bool:
    return all(
        abs(read[element] - units * n) <= COUNT_RTOL * units * n + COUNT_ATOL + units * error
        for element, (n, error) in stated.items()
    )


def _hydrogen_mass(facts: StatedFacts, counts: Mapping[str, float]) -> float:
    """The mass of the hydrogen atoms that the formula has and the list has not, in u per cell."""
    stated = (
        sum(n for e, (n, _) in read_formula(facts.formula).items() if e in HYDROGEN) * facts.formula_units
    )
    return max(0.0, stated - counts.get("H", 0.0)) * ELEMENT["H"].mass


def _differ(found: float, stated: float, share: float) -> bool:
    return abs(found - stated) > share * stated


def contradicts_group(stated: StatedGroup, number: int, atoms: float, orbit_atoms: float) -> bool:
    """Whether a group that was found contradicts the stated one: another, and no richer in operations.

    atoms: sites in the cell of the file; orbit_atoms: in the conventional cell of the group found. A richer group is no
    contradiction: files may be written in any subgroup of it, most of all P1.
    """
    general = SPACE_GROUPS[number - 1].wyckoff[-1].multiplicity
    return number != stated.number and general * atoms / orbit_atoms <= stated.operations * (1 + 1e-6)


def group_note(stated: StatedGroup, number: int, symprec: float, wider: float | None) -> str:
    """The note on a group found that contradicts the stated one; wider: the tolerance from which that one is found, if any."""
    found = f"{SPACE_GROUPS[number - 1].symbol} ({number})"
    note = f"the file states {stated.name} ({stated.number}), found {found} at symprec {symprec:g}"
    return note if wider is None else f"{note}; from {wider:g} it is found"
