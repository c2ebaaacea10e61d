"""Units of molar thermodynamic quantities: strings such as ``J/mol_cell/K`` to numbers per atom and back.

Inside cloudkit a heat capacity or entropy is in J/mol_atom/K, an energy in J/mol_atom. All conversions happen here.
"""

import math
from difflib import get_close_matches
from typing import Final, Literal, NamedTuple, get_args

from cloudkit.errors import CloudkitError

GAS_CONSTANT: Final = 8.31446261815324  # J mol⁻¹ K⁻¹, exact (SI 2019)
JOULE_PER_CALORIE: Final = 4.184  # thermochemical calorie, exact
JOULE_PER_MOL_PER_EV: Final = 96485.33212331001  # elementary charge x Avogadro constant, exact (SI 2019)
DULONG_PETIT: Final = 3 * GAS_CONSTANT  # J mol⁻¹ K⁻¹ per mole of atoms

Per = Literal["atom", "formula", "cell"]
PER: Final[tuple[Per, ...]] = get_args(Per)

MOLAR_QUANTITIES: Final[dict[str, bool]] = {  # quantity -> is it per kelvin?
    "heat_capacity": True,
    "internal_energy": False,
    "entropy": True,
    "free_energy": False,
}
_JOULES: Final = {"J": 1.0, "kJ": 1e3, "cal": JOULE_PER_CALORIE, "kcal": 1e3 * JOULE_PER_CALORIE}


class UnitError(CloudkitError, ValueError):
    """A unit that does not exist or does not fit its quantity."""


class Unit(NamedTuple):
    """`factor` turns a number in this unit into J/mol (per kelvin where `per_kelvin`) of `per`."""

    factor: float
    per: Per
    per_kelvin: bool


def units_of(quantity: str) -> list[str]:
    """All unit strings that a molar quantity accepts; empty for any other quantity."""
    if quantity not in MOLAR_QUANTITIES:
        return []
    kelvin = "/K" if MOLAR_QUANTITIES[quantity] else ""
    molar = [f"{energy}/mol_{per}{kelvin}" for energy in _JOULES for per in PER]
    return molar + [f"{energy}/{per}{kelvin}" for energy in ("eV", "meV") for per in PER]


def canonical_unit(quantity: str, per: Per = "atom") -> str:
    """The unit in which cloudkit reports a molar quantity; "" for a plain number."""
    if quantity not in MOLAR_QUANTITIES:
        return ""
    return f"J/mol_{per}" + ("/K" if MOLAR_QUANTITIES[quantity] else "")


def parse_unit(text: str) -> Unit:
    """Read a unit string such as ``J/mol_cell/K``, ``kJ/mol_atom`` or ``meV/atom``.

    Raises UnitError with the nearest known unit.
    """
    for quantity in ("heat_capacity", "internal_energy"):
        if text in units_of(quantity):
            energy, per, *_ = text.split("/")
            name = per.removeprefix("mol_")
            factor = _JOULES.get(energy) or JOULE_PER_MOL_PER_EV * (1e-3 if energy == "meV" else 1.0)
            return Unit(factor, next(p for p in PER if p == name), MOLAR_QUANTITIES[quantity])
    known = units_of("heat_capacity") + units_of("internal_energy")
    near = get_close_matches(text, known, n=1, cutoff=0.4)
    raise UnitError(
        f"unknown unit '{text}'"
        + (f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}")
    )


def to_per_atom(value: float, unit: str, quantity: str, n_atoms: float | None = None) -> float:
    """Convert one label to J/mol_atom (J/mol_atom/K); quantities without a molar unit pass unchanged.

    n_atoms: atoms in the cell or formula unit that the label is given for; needed unless the unit is per atom.
    Raises UnitError if the unit does not fit the quantity or `n_atoms` is missing.
    """
    if quantity not in MOLAR_QUANTITIES:
        return value
    parsed = parse_unit(unit)
    if parsed.per_kelvin != MOLAR_QUANTITIES[quantity]:
        raise UnitError(
            f"unit '{unit}' does not fit {quantity}; use e.g. '{canonical_unit(quantity, parsed.per)}'"
        )
    if parsed.per == "atom":
        return value * parsed.factor
    if n_atoms is None or not (math.isfinite(n_atoms) and n_atoms > 0):
        raise UnitError(
            f"a label in '{unit}' needs the number of atoms of its {parsed.per} (> 0), found {n_atoms}"
        )
    return value * parsed.factor / n_atoms
