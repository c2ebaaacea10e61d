"""Elements with amounts, as structures and strings both have them: sorted, summed and reduced in one way."""

from collections.abc import Iterable, Mapping
from math import gcd

from cloudkit.tables import ELEMENT

WHOLE_TOLERANCE = 1e-6  # of amounts that count as whole numbers
Species = tuple[tuple[str, float], ...]  # ((element, occupancy), ...) of one site; the sum is at most 1


def sort_species(species: Species) -> Species:
    """Sort the elements of a site by electronegativity, then symbol."""
    if len(species) == 1:
        return species
    return tuple(sorted(species, key=lambda item: ELEMENT[item[0]].order))


def sum_left_to_right(numbers: Iterable[float]) -> float:
    """Add floats one after the other. Python 3.12 changed how sum() rounds, and strings must not depend on that."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def whole_numbers(amounts: Mapping[str, float]) -> dict[str, int] | None:
    """Reduce amounts to the smallest whole numbers; None unless all are whole numbers above 0 (within WHOLE_TOLERANCE)."""
    counts = {element: round(amount) for element, amount in amounts.items()}
    if any(
        abs(counts[element] - amount) > WHOLE_TOLERANCE or not counts[element]
        for element, amount in amounts.items()
    ):
        return None
    divisor = gcd(*counts.values())
    return {element: count // divisor for element, count in counts.items()}


def round_fraction(value: float) -> float:
    """Round to two decimals as NumPy does: scale, round half to even, unscale (Python rounds the exact decimal)."""
    return round(value * 100.0) / 100.0
