"""Elements with amounts, as structures and strings both have them: sorted, summed and reduced in one way."""

from collections.abc import Iterable, Mapping
from math import gcd

from cloudkit.tables import ELEMENT

Species = tuple[tuple[str, float], ...]  # ((element, occupancy), ...) of one site; the sum is at most 1


def sort_species(species: Species) -> Species:
    """The same species with its elements by electronegativity, then symbol."""
    if len(species) == 1:
        return species
    return tuple(sorted(species, key=lambda item: ELEMENT[item[0]].order))


def sum_left_to_right(numbers: Iterable[float]) -> float:
    """The plain floating-point sum. sum() of Python 3.12 and later rounds differently, and no string may depend on that."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def whole_numbers(amounts: Mapping[str, float]) -> dict[str, int] | None:
    """The same ratios as the smallest whole numbers; None unless all amounts are whole numbers above 0 (within 1e-6)."""
    counts = {element: round(amount) for element, amount in amounts.items()}
    if any(
        abs(counts[element] - amount) > 1e-6 or not counts[element] for element, amount in amounts.items()
    ):
        return None
    divisor = gcd(*counts.values())
    return {element: count // divisor for element, count in counts.items()}


def round_fraction(value: float) -> float:
    """NumPy's rounding to two decimals: scale, round half to even, unscale (Python's own rounds the exact decimal)."""
    return round(value * 100.0) / 100.0
