"""The chemical formula of a string: elements by electronegativity, smallest whole numbers; and a string in a notebook."""

from collections.abc import Mapping
from math import gcd
from typing import TYPE_CHECKING

from cloudkit.tables import ELEMENT, SPACE_GROUPS
from cloudkit.tables.composition import WHOLE_TOLERANCE, round_fraction, whole_numbers

if TYPE_CHECKING:
    from cloudkit.scope.tree import Scope

MAX_FORMULA_ATOMS = 400  # the largest formula unit looked for behind two-decimal fractions


def reduced_formula(scope: "Scope") -> str:
    """The formula with the smallest whole numbers, such as SrTiO3; with up to four decimals for mixed sites (AlFe0.7Co0.3).

    A `reduced` string has fractions of two decimals. Its formula is the smallest unit that rounds to them, which may
    differ from the crystal's if the unit cell has many atoms.

    Parameters
    ----------
    scope
        A parsed string.

    Returns
    -------
    str
        Elements by electronegativity.

    Examples
    --------
    >>> from cloudkit.scope import parse, reduced_formula
    >>> reduced_formula(parse("1 0 0 | 1a 1b 2i | Na 0.25 Cl 0.75"))
    'NaCl3'
    """
    return formula_text(formula_amounts(scope))


def formula_amounts(scope: "Scope") -> Mapping[str, float]:
    """Count the atoms of each element in one formula unit.

    Parameters
    ----------
    scope : Scope
        A parsed string.

    Returns
    -------
    mapping
        Element to count; with partly filled sites, the whole numbers among them have no common divisor.

    Examples
    --------
    >>> from cloudkit.scope import formula_amounts, parse
    >>> formula_amounts(parse("1 0 0 | Ca 1a F 2i"))
    {'Ca': 1, 'F': 2}
    """
    amounts = scope.composition
    if scope.dialect == "reduced":
        return _smallest_unit(amounts)
    whole = [round(amount) for amount in amounts.values() if abs(round(amount) - amount) < WHOLE_TOLERANCE]
    divisor = gcd(*whole) or 1
    return whole_numbers(amounts) or {element: amount / divisor for element, amount in amounts.items()}


def _smallest_unit(fractions: Mapping[str, float]) -> dict[str, float]:
    for atoms in range(len(fractions), MAX_FORMULA_ATOMS + 1):
        counts = [max(1, round(fraction * atoms)) for fraction in fractions.values()]
        if sum(counts) == atoms and all(
            round_fraction(count / atoms) == fraction
            for count, fraction in zip(counts, fractions.values(), strict=True)
        ):
            return dict(zip(fractions, counts, strict=True))
    return dict(fractions)


def formula_text(amounts: Mapping[str, float]) -> str:
    """Write a formula from amounts.

    Parameters
    ----------
    amounts : mapping
        Element to count.

    Returns
    -------
    str
        Elements by electronegativity, counts with up to four decimals; 1 is not written.

    Examples
    --------
    >>> from cloudkit.scope import formula_text
    >>> formula_text({"F": 2, "Ca": 1})
    'CaF2'
    """
    ordered = sorted(amounts, key=lambda element: ELEMENT[element].order)
    return "".join(
        element + ("" if amounts[element] == 1 else f"{amounts[element]:.4f}".rstrip("0").rstrip("."))
        for element in ordered
    )


def scope_html(scope: "Scope") -> str:
    """Formula, space group, a row for each orbit or site, and the text."""
    from cloudkit.html import paragraph, table, titled

    group = SPACE_GROUPS[scope.space_group - 1] if scope.space_group else None
    place = f"{group.symbol} ({group.number}), {group.crystal_system}" if group else "unknown space group"
    sites = "site symmetry" if group else ""
    rows = [
        (o.symbol, o.site_text, group.position(o.letter).site_symmetry if group else "") for o in scope.orbits
    ]
    shares = "".join(f"{element} {share:g} " for element, share in scope.fractions)
    return titled(
        f"{reduced_formula(scope)} · {place} · {scope.dialect}",
        table(("position", "species", sites), rows),
        paragraph(f"fractions: {shares}") if shares else "",
        paragraph(str(scope)),
    )
