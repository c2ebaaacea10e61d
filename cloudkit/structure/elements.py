"""Names of atoms, as files and programs write them, to element symbols, and species back to text."""

import re
from typing import Final, NamedTuple

from cloudkit.errors import StructureError, nearest
from cloudkit.tables import ELEMENT

HYDROGEN_ISOTOPES: Final = ("D", "T")
WATER_LABELS: Final = {"OW": "O", "HW": "H", "WA": "O"}  # oxygen and hydrogen of water molecules
LAST_COMMON: Final = 96  # NH3 and NO3 in capitals are not nihonium and nobelium

_SYMBOL = re.compile(r"([A-Za-z]{1,2})(?![A-Za-z])\d*\.?\d*([+-]?)")
_CHARGE = re.compile(r"^[A-Za-z]+(?:(\d*\.?\d*)([+-])|([+-])(\d+\.?\d*))$")
_IMPLIED = (("Wat", 2), ("wat", 2), ("H2O", 2), ("D2O", 2), ("OH2", 2), ("O-H", 1), ("OH", 1))
# what may follow a symbol in a type symbol: a number of the site, a charge, or both
_TAIL = re.compile(r"\(?[\dA-D']{0,4}\)?(\d*\.?\d*[+-]|[+-]\d*\.?\d*)?")
_SEVERAL = re.compile(r"[A-Z][a-z]?[\d.]*[\s/,;&+-]*[A-Z][a-z]?")


class Atom(NamedTuple):
    """One chemical species: the symbol as written (D stays D) and the oxidation state, None where none is
    given.
    """

    symbol: str
    charge: float | None = None

    @property
    def element(self) -> str:
        """The element: deuterium and tritium are hydrogen."""
        return "H" if self.symbol in HYDROGEN_ISOTOPES else self.symbol

    def __str__(self) -> str:
        if self.charge is None:
            return self.symbol
        size = round(abs(self.charge), 4)
        digits = "" if size == 1 else f"{size:g}"
        return f"{self.symbol}{digits}{'-' if self.charge < 0 else '+'}"

    @property
    def rank(self) -> tuple[int, str, float]:
        """Sort key: electronegativity, then symbol, then oxidation state."""
        return ELEMENT[self.element].order, self.symbol, self.charge or 0.0


# one site: the atoms on it with their occupancies, in the order of the source
Parts = tuple[tuple[Atom, float], ...]


def is_element(symbol: str) -> bool:
    """True for the 118 symbols and for D and T."""
    return symbol in ELEMENT or symbol in HYDROGEN_ISOTOPES


def _near_elements(text: str) -> str:
    near = nearest(text, ELEMENT, count=3, cutoff=0.5)
    return (
        f"did you mean {' or '.join(near)}?" if near else "write the symbol of one element, such as Na or Cl"
    )


def read_symbol(text: str, known: frozenset[str] = frozenset()) -> Atom:
    """An exact symbol, with or without a charge: "Fe", "FE1", "Fe3+", "O2-", "D".

    known: elements of the formula, if stated: "PO4" is polonium only where that occurs.
    Raises StructureError S107.
    """
    match = _SYMBOL.match(text.strip())
    if match:
        written = match.group(1)
        symbol = written.capitalize()
        if is_element(symbol) and (
            written[1:].islower()
            or len(written) == 1
            or symbol in known
            or (not known and _is_common(symbol))
        ):
            return Atom(symbol, _charge(text.strip()))
        if symbol.upper() in WATER_LABELS:
            return Atom(WATER_LABELS[symbol.upper()], _charge(text.strip()))
    raise StructureError("S107", f"'{text}' is not a chemical element", _near_elements(text))


def read_type_symbol(text: str, known: frozenset[str] = frozenset()) -> Atom:
    """The element of a type symbol, of which all must be understood: "Fe3+" and "O1", but not "Fe/Mn" or "FeXx".

    known: as in read_symbol. Raises StructureError S107.
    """
    atom = read_symbol(text, known)
    plain = text.strip()
    rest = plain[len(atom.symbol) :] if plain[: len(atom.symbol)].lower() == atom.symbol.lower() else ""
    if not _TAIL.fullmatch(rest):
        several = _SEVERAL.match(plain)
        raise StructureError(
            "S107",
            f"'{text}' names {'several atoms' if several else 'more than an element'}",
            "list the atoms that share a site in rows of their own, with their occupancies"
            if several
            else "write the symbol of one element, such as Na or Fe3+",
        )
    return atom


def read_label(label: str, known: frozenset[str] = frozenset()) -> Atom:
    """The element in the label of an atom site, such as "Fe1", "OA2" or "SiT1".

    known: elements of the file's formula, which decide between cobalt and carbon in "CO1".
    Raises StructureError S107.
    """
    letters = re.sub(r"[^A-Za-z].*", "", label.strip(), flags=re.DOTALL)
    two, one = letters[:2].capitalize(), letters[:1].upper()
    if two.upper() in WATER_LABELS and two not in known:
        return Atom(WATER_LABELS[two.upper()])
    if (
        len(two) == 2
        and is_element(two)
        and (len(letters) == 2 or not known or known & {two, one})  # "Cation" is not calcium
        and (letters[1].islower() or two in known or (one not in known and _is_common(two)))
    ):
        return Atom(two)
    if len(letters) > 1 and known and one not in known and one != "H":
        raise StructureError(
            "S107",
            f"the atom label '{label}' names no element of the stated formula, {', '.join(sorted(known))}",
            "give the element in _atom_site_type_symbol",
        )
    if is_element(one):
        return Atom(one)
    raise StructureError(
        "S107",
        f"the atom label '{label}' does not begin with a chemical element",
        "give the element in _atom_site_type_symbol",
    )


def implied_hydrogens(label: str) -> int:
    """Hydrogen atoms that a label such as "Wat" or "O-H" implies without giving their positions."""
    return next((count for start, count in _IMPLIED if label.startswith(start)), 0)


def write_species(parts: Parts) -> str:
    """One site as the published full dialect writes it: "Na+", or "Fe:0.5, Ni:0.5" where mixed or partly
    filled.
    """
    ordered = sorted(parts, key=lambda part: part[0].rank)
    if len(ordered) == 1 and abs(ordered[0][1] - 1) < 1e-8:
        return str(ordered[0][0])
    return ", ".join(f"{atom}:{occupancy:.3}" for atom, occupancy in ordered)


def _is_common(symbol: str) -> bool:
    return ELEMENT[symbol].number <= LAST_COMMON


def _charge(text: str) -> float | None:
    match = _CHARGE.match(text)
    if not match:
        return None
    size, sign = match.group(1) or match.group(4) or "1", match.group(2) or match.group(3)
    return float(size) * (-1 if sign == "-" else 1) if size != "." else None
