"""Units of every labelled quantity: strings such as ``J/mol_cell/K`` and conversion to numbers per atom and back.

Inside cloudkit a heat capacity or entropy is in J/mol_atom/K, an energy in J/mol_atom, a Debye temperature in K, a phonon
frequency in THz and a density of states in modes per THz and atom (its integral is 3).
"""

import math
from typing import Final, Literal, NamedTuple, get_args

from cloudkit.errors import CloudkitError, suggest

GAS_CONSTANT: Final = 8.31446261815324  # J mol⁻¹ K⁻¹, exact (SI 2019)
JOULE_PER_CALORIE: Final = 4.184  # thermochemical calorie, exact
JOULE_PER_MOL_PER_EV: Final = 96485.33212331001  # elementary charge x Avogadro constant, exact (SI 2019)
DULONG_PETIT: Final = 3 * GAS_CONSTANT  # J mol⁻¹ K⁻¹ per mole of atoms
KELVIN_PER_THZ: Final = 6.62607015e-34 * 1e12 / 1.380649e-23  # h nu / k, exact (SI 2019)


Per = Literal["atom", "formula", "cell"]
PER: Final[tuple[Per, ...]] = get_args(Per)
Kind = Literal["molar_per_kelvin", "molar", "quantum", "density"]

QUANTITIES: Final[dict[str, Kind]] = {
    "heat_capacity": "molar_per_kelvin",
    "internal_energy": "molar",
    "entropy": "molar_per_kelvin",
    "free_energy": "molar",
    "heat_capacity_p": "molar_per_kelvin",
    "enthalpy_increment": "molar",
    "debye_temperature": "quantum",
    "highest_frequency": "quantum",
    "phonon_density": "density",
}
MOLAR_QUANTITIES: Final[dict[str, bool]] = {  # quantity -> is it per kelvin?
    name: kind == "molar_per_kelvin" for name, kind in QUANTITIES.items() if kind.startswith("molar")
}
_JOULES: Final = {"J": 1.0, "kJ": 1e3, "cal": JOULE_PER_CALORIE, "kcal": 1e3 * JOULE_PER_CALORIE}
QUANTA: Final = {  # one quantum of a vibration, as a temperature, frequency, wavenumber or energy: in K
    "K": 1.0,
    "THz": KELVIN_PER_THZ,
    "1/cm": KELVIN_PER_THZ * 0.0299792458,
    "cm-1": KELVIN_PER_THZ * 0.0299792458,
    "meV": 1.602176634e-22 / 1.380649e-23,
    "eV": 1.602176634e-19 / 1.380649e-23,
    "J": 1 / 1.380649e-23,
}
_CANONICAL: Final = {"debye_temperature": "K", "highest_frequency": "THz", "phonon_density": "modes/THz/atom"}


class UnitError(CloudkitError, ValueError):
    """A unit that does not exist or does not fit its quantity.

    Examples
    --------
    >>> parse_unit("kJ/mol_atoms")
    Traceback (most recent call last):
    cloudkit.units.UnitError: unknown unit 'kJ/mol_atoms'; did you mean 'kJ/mol_atom'?
    """


class Unit(NamedTuple):
    """A unit of a molar quantity.

    Attributes
    ----------
    factor : float
        Number of J/mol, or J/mol/K if `per_kelvin`, in one of this unit.
    per : "atom", "formula" or "cell"
        What a mole counts.
    per_kelvin : bool
        Whether the unit is one of heat capacity and entropy.

    Examples
    --------
    >>> parse_unit("kJ/mol_cell").factor
    1000.0
    """

    factor: float
    per: Per
    per_kelvin: bool


def units_of(quantity: str) -> list[str]:
    """List the unit strings that a quantity accepts.

    Parameters
    ----------
    quantity
        A name of QUANTITIES.

    Returns
    -------
    list of str
        Empty for an unknown quantity.

    Examples
    --------
    >>> units_of("debye_temperature")
    ['K', 'THz', '1/cm', 'cm-1', 'meV', 'eV', 'J']
    """
    if QUANTITIES.get(quantity) == "quantum":
        return list(QUANTA)
    if QUANTITIES.get(quantity) == "density":
        return [f"modes/{unit}/{per}" for unit in QUANTA if unit != "1/cm" for per in PER]
    if quantity not in MOLAR_QUANTITIES:
        return []
    kelvin = "/K" if MOLAR_QUANTITIES[quantity] else ""
    molar = [f"{energy}/mol_{per}{kelvin}" for energy in _JOULES for per in PER]
    return molar + [f"{energy}/{per}{kelvin}" for energy in ("eV", "meV") for per in PER]


def canonical_unit(quantity: str, per: Per = "atom") -> str:
    """Return the unit in which cloudkit reports a quantity.

    Parameters
    ----------
    quantity
        A name of QUANTITIES.
    per
        What molar quantities are counted per.

    Returns
    -------
    str
        Empty for an unknown quantity.

    Examples
    --------
    >>> canonical_unit("entropy", per="cell"), canonical_unit("highest_frequency")
    ('J/mol_cell/K', 'THz')
    """
    if quantity not in MOLAR_QUANTITIES:
        return _CANONICAL.get(quantity, "").replace("/atom", f"/{per}")
    return f"J/mol_{per}" + ("/K" if MOLAR_QUANTITIES[quantity] else "")


def parse_unit(text: str) -> Unit:
    """Parse the unit of a molar quantity.

    Parameters
    ----------
    text
        Such as ``J/mol_cell/K``, ``kJ/mol_atom`` or ``meV/atom``.

    Returns
    -------
    Unit
        Its factor to J/mol or J/mol/K.

    Raises
    ------
    UnitError
        With the nearest known unit.

    Examples
    --------
    >>> parse_unit("kJ/mol_cell")
    Unit(factor=1000.0, per='cell', per_kelvin=False)
    """
    for quantity in ("heat_capacity", "internal_energy"):
        if text in units_of(quantity):
            energy, per, *_ = text.split("/")
            name = per.removeprefix("mol_")
            factor = _JOULES.get(energy) or JOULE_PER_MOL_PER_EV * (1e-3 if energy == "meV" else 1.0)
            return Unit(factor, next(p for p in PER if p == name), MOLAR_QUANTITIES[quantity])
    known = units_of("heat_capacity") + units_of("internal_energy")
    raise UnitError(f"unknown unit '{text}'" + suggest(text, known, cutoff=0.4))


def per_of(unit: str) -> Per:
    """Return what a unit counts per.

    Parameters
    ----------
    unit
        A unit string; need not be a known one.

    Returns
    -------
    "atom", "formula" or "cell"
        "atom" for units that do not count per anything, such as K.

    Examples
    --------
    >>> per_of("J/mol_cell/K"), per_of("modes/THz/formula"), per_of("K")
    ('cell', 'formula', 'atom')
    """
    return next(
        (per for per in PER if unit.endswith((f"_{per}", f"_{per}/K", f"/{per}", f"/{per}/K"))), "atom"
    )


def to_per_atom(value: float, unit: str, quantity: str, n_atoms: float | None = None) -> float:
    """Convert a label to its canonical unit per atom.

    Parameters
    ----------
    value, unit
        The label and its unit.
    quantity
        A name of QUANTITIES; labels of other quantities are returned unchanged.
    n_atoms
        Atoms in the cell or formula unit of the label; required unless the unit is per atom.

    Returns
    -------
    float
        The label in ``canonical_unit(quantity)``.

    Raises
    ------
    UnitError
        If the unit does not fit the quantity or `n_atoms` is missing.

    Examples
    --------
    >>> to_per_atom(100.0, "J/mol_cell/K", "heat_capacity", n_atoms=4)
    25.0
    """
    if quantity not in QUANTITIES:
        return value
    factor, per = _factor(unit, quantity), per_of(unit)
    if per == "atom":
        return value * factor
    if n_atoms is None or not (math.isfinite(n_atoms) and n_atoms > 0):
        raise UnitError(f"a label in '{unit}' needs the number of atoms per {per} (> 0), found {n_atoms}")
    return value * factor / n_atoms


def to_kelvin(value: float, unit: str) -> float:
    """Convert a frequency to a temperature, h nu / k.

    Parameters
    ----------
    value, unit
        The frequency and its unit, one of QUANTA.

    Returns
    -------
    float
        In K.

    Raises
    ------
    UnitError
        If the unit is unknown.

    Examples
    --------
    >>> round(to_kelvin(10, "THz"), 1)
    479.9
    """
    if unit not in QUANTA:
        raise UnitError(f"unknown unit of frequency '{unit}'; known: {', '.join(QUANTA)}")
    return value * QUANTA[unit]


def _factor(unit: str, quantity: str) -> float:
    """The factor from `unit` to the canonical unit, both per the same amount."""
    kind = QUANTITIES[quantity]
    if kind in ("molar", "molar_per_kelvin"):
        parsed = parse_unit(unit)
        if parsed.per_kelvin == MOLAR_QUANTITIES[quantity]:
            return parsed.factor
    elif unit in units_of(quantity):
        if kind == "quantum":
            return QUANTA[unit] / QUANTA[_CANONICAL[quantity]]
        return KELVIN_PER_THZ / QUANTA[unit.split("/")[1]]
    near = canonical_unit(quantity, per_of(unit))
    raise UnitError(f"unit '{unit}' does not fit {quantity}; use e.g. '{near}'")
