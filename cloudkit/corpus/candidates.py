"""Candidates: a prototype with other elements on its sites, each crystal once, as orbit strings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import prod
from typing import Final, NamedTuple

from cloudkit.data import read_builtin
from cloudkit.errors import CloudkitError, ScopeError, nearest
from cloudkit.scope import Scope, canonical_scope, formula_amounts, from_aflow, parse
from cloudkit.tables import ELEMENT

MAX_ASSIGNMENTS: Final = 50_000_000  # more are almost certainly a typo


class Candidate(NamedTuple):
    """One candidate.

    Attributes
    ----------
    id : str
        Formula in the order of the prototype's elements, so CaTiO3 and TiCaO3 are two candidates.
    scope, space_group : str, int
        Canonical orbit string, and number of its space group.
    prototype : str
        Name of the prototype.

    Examples
    --------
    >>> next(iter(enumerate_candidates("rock salt", ["Na=K", "Cl=F,Br"])))[0]
    'KF'
    """

    id: str
    scope: str
    space_group: int
    prototype: str


@dataclass(slots=True)
class Enumeration:
    """The candidates of a prototype, an iterable.

    Candidates that are not charge-neutral are left out, unless none is neutral, as in alloys. slots: the prototype's elements,
    each with those that may replace it. After an iteration the counts are set: assignments tried, those with a charge, and
    those that repeat a crystal.
    """

    prototype: Scope
    name: str
    slots: Mapping[str, tuple[str, ...]]
    keep_charged: bool = False
    assignments: int = 0
    charged: int = 0
    repeated: int = 0

    def __iter__(self) -> Iterator[Candidate]:
        yield from self._take(not self.keep_charged)
        if self.charged and self.charged == self.assignments:
            yield from self._take(False)
            self.charged = self.assignments

    def _take(self, neutral: bool) -> Iterator[Candidate]:
        self.assignments = self.charged = self.repeated = 0
        seen: set[str] = set()
        counts = [int(count) for count in formula_amounts(self.prototype).values()]
        for chosen in product(*self.slots.values()):
            if len(set(chosen)) < len(chosen):
                continue
            self.assignments += 1
            formula = list(zip(chosen, counts, strict=True))
            if neutral and not is_neutral(dict(formula)):
                self.charged += 1
                continue
            scope = _exchange(self.prototype, dict(zip(self.slots, chosen, strict=True)))
            text = str(scope)
            if text in seen:
                self.repeated += 1
                continue
            seen.add(text)
            name = "".join(f"{element}{count if count > 1 else ''}" for element, count in formula)
            yield Candidate(name, text, scope.space_group, self.name)


def enumerate_candidates(prototype: str, elements: Sequence[str], keep_charged: bool = False) -> Enumeration:
    """Enumerate the charge-neutral crystals that a prototype becomes when its elements are exchanged.

    Parameters
    ----------
    prototype
        An AFLOW label, an orbit string, or a name such as perovskite.
    elements
        Symbols separated by commas or spaces, for any element of the prototype ("Sr,Ba") or for one of them ("O=F,Cl").
        An assignment replaces different elements by different ones.
    keep_charged
        Also keep crystals that no choice of oxidation states makes neutral (`is_neutral`).

    Returns
    -------
    Enumeration
        Iterable of `Candidate`; assignments that give the same crystal count once.

    Raises
    ------
    CloudkitError
        If the prototype or an element is unknown, or an element of the prototype has no replacement.

    Examples
    --------
    >>> [candidate.id for candidate in enumerate_candidates("perovskite", ["Ca=Sr,Ba", "Ti=Ti", "O=O,F"])]
    ['SrTiO3', 'BaTiO3']
    """
    name, scope = find_prototype(prototype)
    places = list(scope.composition)
    if any(len(orbit.species or ()) != 1 for orbit in scope.orbits):
        raise CloudkitError(f"{name} has mixed sites; a prototype is an ordered crystal")
    slots = _slots(places, elements)
    count = prod(len(choice) for choice in slots.values())
    if count > MAX_ASSIGNMENTS:
        raise CloudkitError(
            f"{count:,} assignments are too many; give fewer elements, or some for one place (O=F,Cl)"
        )
    if not any(len(set(chosen)) == len(chosen) for chosen in product(*slots.values())):
        given = "; ".join(f"{place}: {', '.join(choice)}" for place, choice in slots.items())
        raise CloudkitError(
            f"{name} needs a different element in each of {len(slots)} places; these elements do not allow that: {given}"
        )
    return Enumeration(scope, name, slots, keep_charged)


def _slots(places: Sequence[str], elements: Sequence[str]) -> dict[str, tuple[str, ...]]:
    anywhere: list[str] = []
    only: dict[str, list[str]] = {}
    for given in elements:
        place, sign, symbols = given.rpartition("=")
        if sign and place not in places:
            raise CloudkitError(f"'{given}': the prototype has no {place}; it has {', '.join(places)}")
        chosen = symbols.replace(",", " ").split()
        unknown = [symbol for symbol in chosen if symbol not in ELEMENT]
        if unknown:
            raise CloudkitError(f"unknown element '{unknown[0]}'; give symbols such as Sr,Ti,O")
        (only.setdefault(place, []) if sign else anywhere).extend(chosen)
    slots = {place: tuple(dict.fromkeys(only.get(place, anywhere))) for place in places}
    bare = [place for place, choice in slots.items() if not choice]
    if bare:
        raise CloudkitError(
            f"no elements are given for {', '.join(bare)}: --elements Sr,Ba or --elements {bare[0]}=Sr,Ba; {bare[0]}={bare[0]} keeps it"
        )
    return slots


def find_prototype(prototype: str) -> tuple[str, Scope]:
    """Find a prototype.

    Parameters
    ----------
    prototype
        A name such as perovskite, a formula or an AFLOW label of a built-in prototype, an AFLOW label with elements, or an orbit string.

    Returns
    -------
    str, Scope
        Label, and parsed string.

    Raises
    ------
    CloudkitError
        With the nearest names for an unknown one, and with all labels for a formula of several.

    Examples
    --------
    >>> label, scope = find_prototype("perovskite")
    >>> label, str(scope)
    ('AB3C_cP5_221_a_c_b', '1 4 b O O O c O O O d O O O e O O O 0 | Ca 1a Ti 1b O 3c')
    """
    if "|" in prototype:
        scope = parse(prototype)
        if scope.dialect != "orbit":
            raise ScopeError(f"a prototype is an orbit string; this one is {scope.dialect}")
        return "orbit string", scope
    if ":" in prototype:
        return prototype, parse(from_aflow(prototype))
    known = _read_prototypes()
    found = known.get(prototype.casefold())
    same = [row.label for row in list_prototypes() if row.formula == prototype]
    if found is None and len(same) == 1:
        found = known[same[0].casefold()]
    elif found is None and same:
        raise CloudkitError(
            f"{len(same)} prototypes have the formula {prototype}; choose one: {', '.join(same)}"
        )
    if found is None:
        near = nearest(prototype.casefold(), known, count=3, cutoff=0.5)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise CloudkitError(
            f"unknown prototype '{prototype}'{hint}; give a name, label or formula of the built-in prototypes "
            "(--list shows them), an AFLOW label with elements, or an orbit string"
        )
    label, text = found
    return label, parse(text)


class Prototype(NamedTuple):
    """A built-in prototype.

    Attributes
    ----------
    label, names, formula : str
        AFLOW label, common names (perhaps none), and formula of the crystal that it is named after.
    space_group : int
        Number of its space group.

    Examples
    --------
    >>> next(one for one in list_prototypes() if one.formula == "MgB4").names
    'Magnesium tetraboride'
    """

    label: str
    names: str
    formula: str
    space_group: int


def list_prototypes() -> list[Prototype]:
    """List the built-in prototypes.

    Returns
    -------
    list of Prototype
        In the order of their labels.

    Examples
    --------
    >>> [one.label for one in list_prototypes() if "spinel" in one.names.casefold()]
    ['A2BC4_cF56_227_d_a_e']
    """
    table = read_builtin("prototypes")
    columns = [map(str, table.column(name)) for name in ("id", "name", "formula", "space_group")]
    return [
        Prototype(label, name, formula, int(group))
        for label, name, formula, group in zip(*columns, strict=True)
    ]


@cache
def _read_prototypes() -> dict[str, tuple[str, str]]:
    """Return label and string by label and by each common name: "(Cubic) Perovskite, E2_1" has four."""
    table = read_builtin("prototypes")
    known: dict[str, tuple[str, str]] = {}
    for label, names, text in zip(table.text("id"), table.column("name"), table.text("scope"), strict=True):
        for name in str(names or "").split(","):
            short = name.partition(")")[2] if name.strip().startswith("(") else ""
            for alias in (name.replace("(", "").replace(")", ""), short):
                if alias.strip():
                    known.setdefault(alias.strip().casefold(), (label, text))
    return known | {
        label.casefold(): (label, text)
        for label, text in zip(table.text("id"), table.text("scope"), strict=True)
    }


def _exchange(prototype: Scope, chosen: Mapping[str, str]) -> Scope:
    orbits = tuple(
        orbit._replace(species=((chosen[(orbit.species or ())[0][0]], 1.0),)) for orbit in prototype.orbits
    )
    return canonical_scope(replace(prototype, orbits=orbits))


def is_neutral(composition: Mapping[str, float]) -> bool:
    """Return whether the charges can add up to zero with one oxidation state of each element.

    The states are those of the ICSD (`cloudkit.tables.Element.oxidation_states`); elements with positive states must be less
    electronegative than those with negative ones.

    Parameters
    ----------
    composition
        Symbol -> number of atoms, whole numbers.

    Returns
    -------
    bool
        False for a single element.

    Examples
    --------
    >>> is_neutral({"Sr": 1, "Ti": 1, "O": 3}), is_neutral({"Sr": 1, "Zr": 1, "Ba": 3})
    (True, False)
    """
    elements = sorted(composition, key=lambda symbol: ELEMENT[symbol].order)
    for cations in range(1, len(elements)):
        positive = _charges(elements[:cations], composition, 1)
        negative = _charges(elements[cations:], composition, -1)
        if any(-charge in positive for charge in negative):
            return True
    return False


def _charges(elements: Sequence[str], composition: Mapping[str, float], sign: int) -> set[int]:
    """Return all charges that elements can have together, each in one state with the given sign."""
    sums = {0}
    for element in elements:
        states = [state for state in ELEMENT[element].oxidation_states if state * sign > 0]
        sums = {charge + round(composition[element]) * state for charge in sums for state in states}
    return sums
