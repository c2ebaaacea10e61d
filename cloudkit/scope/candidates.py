"""Reduced text back to orbits: all ordered crystals with a given reduced string, smallest cell first.

The reduced dialect keeps the set of letters and rounded fractions. A candidate puts at least one orbit on every letter
(one at most where the letter has no free parameter, so one element) so that whole numbers of atoms round to the fractions;
the remaining atoms are split over the other letters, each element separately. Only candidates that are their own canonical
form count.
"""

from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import product
from math import ceil, floor, prod
from typing import Final, NamedTuple

from cloudkit.errors import ScopeError
from cloudkit.scope.canonical import renamings
from cloudkit.scope.tree import Orbit, Scope, parse
from cloudkit.tables import ELEMENT, LETTERS, SPACE_GROUPS, generator_text
from cloudkit.tables.composition import round_fraction

Counts = tuple[int, ...]  # one number per element, per orbit size, or per letter
# elements on one letter, as indices in order, then the number of elements as the end mark
Content = tuple[int, ...]


class Assignments:
    """One walk over all assignments; afterwards `nodes` and `complete` say how far it got."""

    def __init__(
        self, fixed: list[int], free: list[int], elements: int, max_atoms: int, max_nodes: int
    ) -> None:
        self.fixed, self.free, self.max_atoms, self.max_nodes = (
            tuple(fixed),
            tuple(free),
            max_atoms,
            max_nodes,
        )
        self.nodes, self.complete = 0, True
        self.ways = count_sums(self.free, max_atoms)
        self.sums = cache(lambda total: list(sums(total, self.free)))
        self.content = cache(self._content)
        self.end: Content = (elements,)
        self.nothing: Counts = (0,) * elements
        self.alone = [(element, elements) for element in range(elements)]

    def walk(self, fractions: list[float]) -> Iterator[tuple[int, list[Content]]]:
        """(atoms, contents of the fixed letters, of the free ones, and of no letter), smaller cells first."""
        least = sum(self.fixed) + sum(self.free)
        for atoms in range(least, self.max_atoms + 1):
            if not self.ways[atoms - least]:
                continue
            for counts in integer_counts(atoms, fractions):
                for taken, left in assign_fixed(self.fixed, counts):
                    size = prod(self.ways[n] for n in left)
                    if self.nodes + max(1, size) > self.max_nodes:
                        self.complete = False
                        return
                    self.nodes += max(1, size)
                    if size:
                        start = [self.alone[element] for element in taken]
                        for contents in self._shares(left):
                            yield atoms, start + contents

    def _shares(self, left: Counts) -> Iterator[list[Content]]:
        """Every way to split the remaining atoms of each element over the free letters, leaving none empty."""
        for shares in product(*map(self.sums, left)):
            rows = list(zip(*shares, strict=True))
            if self.nothing not in rows:
                yield [*map(self.content, rows), self.end]

    def _content(self, counts: Counts) -> Content:
        return tuple(element for element, n in enumerate(counts) for _ in range(n)) + self.end


def integer_counts(atoms: int, fractions: list[float]) -> Iterator[Counts]:
    """Atoms of each element, `atoms` together, that round to the fractions."""
    return _summing_to(atoms, [_rounding_to(fraction, atoms) for fraction in fractions])


def _summing_to(total: int, options: list[Counts]) -> Iterator[Counts]:
    """One of each options (runs of whole numbers) so that they add up to `total`."""
    if not options:
        if total == 0:
            yield ()
        return
    if not all(options) or not sum(map(min, options)) <= total <= sum(map(max, options)):
        return
    for n in options[0]:
        for rest in _summing_to(total - n, options[1:]):
            yield (n, *rest)


@lru_cache(maxsize=65536)
def _rounding_to(fraction: float, atoms: int) -> Counts:
    near = range(max(1, floor((fraction - 0.006) * atoms)), ceil((fraction + 0.006) * atoms) + 1)
    return tuple(n for n in near if round_fraction(n / atoms) == fraction)


def assign_fixed(sizes: Counts, left: Counts) -> Iterator[tuple[Counts, Counts]]:
    """Give each orbit size to one element that has as many atoms left: (element of each size, atoms left)."""
    if not sizes:
        yield (), left
        return
    for element, n in enumerate(left):
        if n >= sizes[0]:
            for taken, rest in assign_fixed(sizes[1:], (*left[:element], n - sizes[0], *left[element + 1 :])):
                yield (element, *taken), rest


def count_sums(sizes: Counts, total: int) -> list[int]:
    """For 0 to `total` atoms, the number of multisets of orbit sizes that add up to them."""
    ways = [1] + [0] * total
    for size in sizes:
        for n in range(size, total + 1):
            ways[n] += ways[n - size]
    return ways


def sums(total: int, sizes: Counts) -> Iterator[Counts]:
    """How many orbits of each size add up to `total` atoms."""
    if not sizes:
        if total == 0:
            yield ()
        return
    if len(sizes) == 1:
        if total % sizes[0] == 0:
            yield (total // sizes[0],)
        return
    for n in range(total // sizes[0] + 1):
        for rest in sums(total - n * sizes[0], sizes[1:]):
            yield (n, *rest)


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

    Examples
    --------
    >>> from cloudkit.scope import candidates
    >>> candidates("1 0 0 | 1a 1b | Na 0.5 Cl 0.5").complete
    True
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
