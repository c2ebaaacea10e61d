"""Numbers and names as the report and the card write them."""

from typing import Final

from cloudkit.tables import SPACE_GROUP_BY_GENERATORS

QUANTITIES: Final = {
    "heat_capacity": "heat capacity Cv",
    "internal_energy": "internal energy U",
    "entropy": "entropy S",
    "free_energy": "free energy F",
}
MODELS: Final = {
    "mean": "mean of labels",
    "ridge": "ridge",
    "extra_trees": "extra trees",
    "boosted_trees": "boosted trees",
}


def quantity_name(quantity: str) -> str:
    """A quantity in words; names that are not thermodynamic stay as they are."""
    return QUANTITIES.get(quantity, quantity.replace("_", " "))


def model_name(name: str) -> str:
    """A baseline in words."""
    return MODELS.get(name, name.replace("_", " "))


def number(value: float | None) -> str:
    """Three significant digits without an exponent where that is readable; a dash for None."""
    if value is None or value != value:
        return "–"
    if value and abs(value) < 1e-4:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    text = f"{value:,.{digits}f}" if abs(value) >= 0.1 else f"{value:.3g}"
    return text.replace("-", "−")


def short_scope(text: str) -> str:
    """A SCOPE string with its generators replaced by the symbol of the space group: "Fm-3m | Na 4a Cl 4b"."""
    generators, bar, rest = text.partition("|")
    group = SPACE_GROUP_BY_GENERATORS.get(generators.strip())
    return f"{group.symbol} | {rest.strip()}" if bar and group else text
