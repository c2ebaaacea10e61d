"""Names of quantities and baselines, and short strings, as reports show them."""

from typing import Final

from cloudkit.errors import ScopeError
from cloudkit.scope import parse, reduced_formula
from cloudkit.tables import SPACE_GROUP_BY_GENERATORS

QUANTITIES: Final = {
    "heat_capacity": "heat capacity Cv",
    "internal_energy": "internal energy U",
    "entropy": "entropy S",
    "free_energy": "free energy F",
    "heat_capacity_p": "heat capacity Cp",
    "debye_temperature": "Debye temperature",
    "youngs_modulus": "Young's modulus",
    "poisson_ratio": "Poisson's ratio",
}
BASELINE_NAMES: Final = {
    "mean": "mean of labels",
    "ridge": "ridge",
    "extra_trees": "extra trees",
    "boosted_trees": "boosted trees",
}


def quantity_name(quantity: str) -> str:
    """The name of a quantity in reports: words for names such as band_gap; symbols such as K_VRH stay as they are.

    Examples
    --------
    >>> quantity_name("heat_capacity"), quantity_name("band_gap"), quantity_name("K_VRH")
    ('heat capacity Cv', 'band gap', 'K_VRH')
    """
    return QUANTITIES.get(quantity, quantity.replace("_", " ") if quantity.islower() else quantity)


def baseline_name(name: str) -> str:
    """The name of a baseline in reports."""
    return BASELINE_NAMES.get(name, name.replace("_", " "))


def short_scope(text: str) -> str:
    """A SCOPE string with the symbol of its space group in place of the generators.

    Examples
    --------
    >>> short_scope("0 0 0 | Si 1a")
    'P1 | Si 1a'
    """
    generators, bar, rest = text.partition("|")
    group = SPACE_GROUP_BY_GENERATORS.get(generators.strip())
    return f"{group.symbol} | {rest.strip()}" if bar and group else text


def formula_of(text: str) -> str:
    """The reduced formula of a SCOPE string; empty for other text.

    Examples
    --------
    >>> formula_of("0 0 0 | Si 1a"), formula_of("silicon")
    ('Si', '')
    """
    try:
        return reduced_formula(parse(text))
    except ScopeError:
        return ""
