"""Reduced text back to orbits: all ordered crystals with a given reduced string, smallest cell first.

The reduced dialect keeps the set of letters and rounded fractions. A candidate puts at least one orbit on every letter
(one at most where the letter has no free parameter) so that whole numbers of atoms round to the fractions
(assignments.py). Only candidates that are their own canonical form count.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final, NamedTuple

from cloudkit.errors import ScopeError
from cloudkit.scope.assignments import Assignments, Content, Counts
from cloudkit.scope.canonical import renamings
from cloudkit.scope.tree import Orbit, Scope, parse
from cloudkit.tables import ELEMENT, LETTERS, SPACE_GROUPS, generator_text

MAX_ATOMS: Final = 80  # the largest conventional cell of 20 primitive sites (F centring)
MAX_NODES: Final = 100_000
EMPTY: Final = -1  # index of the empty content, after those of the letters


class Candidates(NamedTuple):
    """The result of a search.

    Attributes
    ----------
    texts
        Canonical orbit strings, sorted by (atoms of the conventional cell, canonical order).
    complete
        Whether all candidates of at most `max_atoms` atoms were found.
    nodes
        Number of assignments examined.
    """

    texts: list[str]
    complete: bool
    nodes: int


class Rivals(NamedTuple):
    """Other choices of letters, as a tree: the content of the first letter where they differ from ours.

    own: index of the content there; branches: (index of a rival's content there, the choices that share it).
    """

    own: int
    branches: tuple[tuple[int, "Rivals | None"], ...]


def candidates(reduced: str | Scope, *, max_atoms: int = MAX_ATOMS, max_nodes: int = MAX_NODES) -> Candidates:
    """All ordered crystals, as canonical orbit strings, whose reduced projection is the given string.

    Parameters
    ----------
    reduced
        A reduced string, or a parsed one.
    max_atoms
        Largest number of atoms in the conventional cell.
    max_nodes
        The search stops, incomplete, before it examines more than this many assignments; all smaller cells are complete.

    Returns
    -------
    Candidates
        Strings, and whether they are complete.

    Raises
    ------
    ScopeError
        If the text is invalid or of another dialect.

    Examples
    --------
    >>> from cloudkit.scope import candidates
    >>> candidates("1 0 0 | 1a 1b | Na 0.5 Cl 0.5").texts
    ['1 0 0 | Na 1a Cl 1b']
    """
    scope = parse(reduced) if isinstance(reduced, str) else reduced
    if scope.dialect != "reduced":
        raise ScopeError(f"candidates need a reduced string, found the {scope.dialect} dialect")
    fixed, free = _split_letters(scope)
    letters = tuple(LETTERS.index(orbit.letter) for orbit in fixed + free)
    fractions = sorted(scope.fractions, key=lambda item: ELEMENT[item[0]].order)
    rivals = find_rivals(scope.space_group, letters)
    in_order = sorted(range(len(letters)), key=letters.__getitem__)
    search = Assignments(
        [o.multiplicity for o in fixed], [o.multiplicity for o in free], len(fractions), max_atoms, max_nodes
    )
    found = []
    for atoms, contents in search.walk([fraction for _, fraction in fractions]):
        if rivals is None or is_smallest(rivals, contents):
            found.append((atoms, tuple(contents[i] for i in in_order)))
    found.sort()
    head = f"{generator_text(scope.space_group)} | "
    symbols = [str((fixed + free)[i]) for i in in_order]
    words = _words_of([element for element, _ in fractions])
    texts = [head + " ".join(map(words, symbols, contents)) for _, contents in found]
    return Candidates(texts, search.complete, search.nodes)


def _words_of(elements: list[str]) -> Callable[[str, Content], str]:
    """A function that writes the orbits of one letter."""
    return cache(
        lambda symbol, content: " ".join(f"{elements[element]} {symbol}" for element in content[:-1])
    )


def _split_letters(scope: Scope) -> tuple[list[Orbit], list[Orbit]]:
    """Letters without and with free parameters, large ones first: they fail, or fit, soonest."""
    group = SPACE_GROUPS[scope.space_group - 1]
    orbits = sorted(scope.orbits, key=lambda orbit: -orbit.multiplicity)
    freedom = [group.position(orbit.letter).degrees_of_freedom for orbit in orbits]
    fixed = [orbit for orbit, f in zip(orbits, freedom, strict=True) if not f]
    return fixed, [orbit for orbit, f in zip(orbits, freedom, strict=True) if f]


@lru_cache(maxsize=4096)
def find_rivals(space_group: int, letters: Counts) -> Rivals | None:
    """The choices equivalent to `letters` under the normalizer; None if there are no others."""
    positions = range(len(SPACE_GROUPS[space_group - 1].wyckoff))
    rows = [
        tuple(image.index(position) if position in image else EMPTY for position in positions)
        for image in renamings(space_group, letters)
    ]
    own = tuple(letters.index(position) if position in letters else EMPTY for position in positions)
    return _branch(own, rows, 0)


def _branch(own: Counts, rows: list[Counts], position: int) -> Rivals | None:
    while position < len(own) and all(row[position] == own[position] for row in rows):
        position += 1
    if position == len(own):
        return None
    groups: dict[int, list[Counts]] = {}
    for row in rows:
        groups.setdefault(row[position], []).append(row)
    branches = ((source, _branch(own, group, position + 1)) for source, group in groups.items())
    return Rivals(own[position], tuple(b for b in branches if b != (own[position], None)))


def is_smallest(rivals: Rivals, contents: list[Content]) -> bool:
    """Whether no equivalent choice sorts first. The end mark sorts last, so a longer list precedes its own beginning."""
    mine = contents[rivals.own]
    for source, below in rivals.branches:
        theirs = contents[source]
        if theirs < mine or (theirs == mine and below is not None and not is_smallest(below, contents)):
            return False
    return True
