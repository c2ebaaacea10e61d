"""Projections from one dialect to another with less information: orbit to full or reduced, full to reduced."""

from collections.abc import Iterable
from typing import Final

from cloudkit.errors import ScopeError
from cloudkit.scope.tree import Orbit, Scope, parse
from cloudkit.tables import CENTERING_POINTS, ELEMENT, LETTERS, SPACE_GROUPS
from cloudkit.tables.composition import Species, round_fraction, sum_left_to_right

PROJECTIONS: Final = {"orbit": ("full", "reduced"), "full": ("reduced",), "reduced": ()}


def project(text: str, dialect: str) -> str:
    """The same crystal in a dialect with less information.

    Parameters
    ----------
    text
        A valid string.
    dialect
        "orbit", "full" or "reduced"; the string's own dialect returns it unchanged.

    Returns
    -------
    str
        The projected string.

    Raises
    ------
    ScopeError
        If the text is invalid, or its dialect lacks the information.

    Examples
    --------
    >>> from cloudkit.scope import project
    >>> project("1 0 0 | Na 1a Cl 1b", "reduced")
    '1 0 0 | 1a 1b | Na 0.5 Cl 0.5'
    """
    scope = parse(text)
    return text if scope.dialect == dialect else str(project_scope(scope, dialect))


def project_scope(scope: Scope, dialect: str) -> Scope:
    """Do the same as `project` for a parsed string.

    Parameters
    ----------
    scope : Scope
        Of the same or a richer dialect.
    dialect : "orbit", "reduced" or "full"
        Form of the result.

    Returns
    -------
    Scope
        The string in that dialect.

    Examples
    --------
    >>> from cloudkit.scope import parse, project_scope
    >>> str(project_scope(parse("1 0 0 | Na 1a Cl 1b"), "full"))
    '1 0 0 | 1a 1b | Na Cl'
    """
    if scope.dialect == dialect:
        return scope
    if dialect not in PROJECTIONS[scope.dialect]:
        known = " and ".join(PROJECTIONS[scope.dialect])
        raise ScopeError(
            f"a {scope.dialect} string cannot be projected to '{dialect}'; "
            + (f"possible: {known}" if known else "it has the least information of all dialects")
        )
    if dialect == "full":
        return Scope("full", scope.space_group, tuple(_list_sites(scope)))
    symbols = sorted({(LETTERS.index(o.letter), o.multiplicity) for o in scope.orbits})
    orbits = tuple(Orbit(LETTERS[letter], multiplicity, None) for letter, multiplicity in symbols)
    return Scope("reduced", scope.space_group, orbits, reduced_fractions(scope.composition.items()))


def _list_sites(scope: Scope) -> Iterable[Orbit]:
    """The sites of the primitive cell, orbit by orbit."""
    points = CENTERING_POINTS[SPACE_GROUPS[scope.space_group - 1].centering]
    return (orbit for orbit in scope.orbits for _ in range(orbit.multiplicity // points))


def reduced_fractions(counts: Iterable[tuple[str, float]]) -> Species:
    """Atomic fractions, rounded to two decimals as NumPy does, with elements by electronegativity."""
    totals = dict(counts)
    whole = sum_left_to_right(totals.values())
    ordered = sorted(totals, key=lambda element: ELEMENT[element].order)
    return tuple((element, round_fraction(totals[element] / whole)) for element in ordered)
