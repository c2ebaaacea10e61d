"""The chemical formula of a string: elements by electronegativity, least whole numbers."""

from collections.abc import Mapping
from math import gcd

from cloudkit.scope.project import round_fraction
from cloudkit.scope.tree import Scope
from cloudkit.tables import ELEMENT

MOST_ATOMS = 400  # of a formula unit that two-decimal fractions may stand for


def reduced_formula(scope: Scope) -> str:
    """Such as SrTiO3; amounts of partly filled sites keep up to four decimals: Fe0.5Ni0.5.

    `reduced` strings give fractions to two decimals: theirs is the smallest formula unit that rounds to these, which
    need not be the crystal's where that has many atoms.
    """
    return formula_text(whole_numbers(scope.composition, rounded=scope.dialect == "reduced"))


def whole_numbers(amounts: Mapping[str, float], rounded: bool = False) -> dict[str, float]:
    """The same ratios as least whole numbers; rounded: the amounts are fractions of 1 to two decimals.

    As given where there are no such numbers.
    """
    if rounded:
        return _smallest_unit(amounts)
    counts = [round(amount) for amount in amounts.values()]
    if any(
        abs(count - amount) > 1e-6 or not count
        for count, amount in zip(counts, amounts.values(), strict=True)
    ):
        return dict(amounts)
    divisor = gcd(*counts)
    return {element: count // divisor for element, count in zip(amounts, counts, strict=True)}


def _smallest_unit(fractions: Mapping[str, float]) -> dict[str, float]:
    for atoms in range(len(fractions), MOST_ATOMS + 1):
        counts = [max(1, round(fraction * atoms)) for fraction in fractions.values()]
        if sum(counts) == atoms and all(
            round_fraction(count / atoms) == fraction
            for count, fraction in zip(counts, fractions.values(), strict=True)
        ):
            return dict(zip(fractions, counts, strict=True))
    return dict(fractions)


def formula_text(amounts: Mapping[str, float]) -> str:
    """Elements by electronegativity, each with its amount; 1 is not written."""
    ordered = sorted(amounts, key=lambda element: ELEMENT[element].order)
    return "".join(
        element + ("" if amounts[element] == 1 else f"{amounts[element]:.4f}".rstrip("0").rstrip("."))
        for element in ordered
    )
