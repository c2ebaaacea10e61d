"""Assignments of elements to Wyckoff letters whose whole numbers of atoms round to given fractions (see candidates.py).

A letter without a free parameter takes one orbit, so one element; the remaining atoms are split over the other letters,
each element separately.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product
from math import ceil, floor, prod

from cloudkit.tables.composition import round_fraction

Counts = tuple[int, ...]  # one number per element, per orbit size, or per letter
Content = tuple[
    int, ...
]  # elements on one letter, as indices in order, then the number of elements as the end mark


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
