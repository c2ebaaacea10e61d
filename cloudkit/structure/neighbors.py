"""Pairs of atoms close to each other in a periodic crystal: a cell list in numpy, bounded for any input."""

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

try:
    from cloudkit.structure.contacts import has_contact as has_contact
except ModuleNotFoundError as error:  # built without a C compiler
    if error.name != "cloudkit.structure.contacts":
        raise

    def has_contact(lattice: NDArray[np.float64], positions: NDArray[np.float64], cutoff: float) -> bool:
        """False only if it is certain that no two atoms (images included) are within `cutoff` Å."""
        return len(close_pairs(lattice, positions, cutoff)[0]) > 0


# candidates looked at per direction; only crystals with heaps of coinciding atoms have more
MAX_PAIRS = 200_000
THIN = 0.5  # Å
MAX_ALL_PAIRS = 100  # atoms up to which trying all pairs is faster than sorting them into bins

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def compact_cell(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same lattice (3, 3) in a cell that is not too thin: unchanged where its planes are THIN Å apart,
    else reduced.

    In a cell as it is, no lattice vector is shorter than THIN.
    """
    return lattice if plane_distances(lattice).min() >= THIN else reduce_cell(lattice)


def plane_distances(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distance in Å between opposite faces of the cell, (3,)."""
    inverse: NDArray[np.float64] = np.linalg.inv(lattice).astype(np.float64)
    distances: NDArray[np.float64] = 1 / np.sqrt((inverse * inverse).sum(axis=0))
    return distances


def reduce_cell(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Short, nearly orthogonal vectors of the same lattice: rows (3, 3), shortest first.

    Each step shortens the longest vector by the nearest combination of the two others (Lagrange's method in
    three dimensions).
    """
    rows = lattice.copy()
    for _ in range(1000):
        rows = rows[np.argsort(np.einsum("ij,ij->i", rows, rows), kind="stable")]
        if rows[0] @ rows[0] <= 0:
            return rows
        rows[1] -= np.round(rows[1] @ rows[0] / (rows[0] @ rows[0])) * rows[0]
        base = np.linalg.lstsq(rows[:2].T, rows[2], rcond=None)[0]
        steps = np.floor(base) + np.array(list(product((0.0, 1.0), repeat=2)))
        candidates = rows[2] - steps @ rows[:2]
        best = candidates[np.argmin(np.einsum("ij,ij->i", candidates, candidates))]
        if best @ best >= rows[2] @ rows[2] * (1 - 1e-9) and rows[1] @ rows[1] >= rows[0] @ rows[0]:
            return rows
        if best @ best < rows[2] @ rows[2]:
            rows[2] = best
    return rows


def close_pairs(lattice: NDArray[np.float64], positions: NDArray[np.float64], cutoff: float) -> Pairs:
    """All pairs i < j of atoms, periodic images included, with a distance of at most `cutoff` Å.

    lattice (3, 3) of non-zero volume; positions (n, 3), fractional.
    Returns i, j and the distance in Å of each pair.
    A crystal with more than MAX_PAIRS candidates yields only a part of its pairs.
    """
    cell = compact_cell(lattice)
    thickness = plane_distances(cell)
    places = np.mod(positions if cell is lattice else positions @ lattice @ np.linalg.inv(cell), 1.0)
    if len(places) <= MAX_ALL_PAIRS:
        first, second = _all_pairs(len(places))
    else:
        first, second = _candidates(places, np.clip(thickness // cutoff, 1, 2**20).astype(np.int64))
    distance = _distances(
        places[second] - places[first], cell, np.floor(cutoff / thickness + 0.5).astype(np.int64)
    )
    near = distance <= cutoff
    return first[near], second[near], distance[near]


@lru_cache(maxsize=MAX_ALL_PAIRS)
def _all_pairs(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.triu_indices(n, 1)


def _candidates(
    places: NDArray[np.float64], bins: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs i < j in the same or neighbouring bins; bins (3,): how many there are along each cell vector."""
    index = np.minimum((places * bins).astype(np.int64), bins - 1)
    weights = np.array([bins[1] * bins[2], bins[2], 1])
    keys = index @ weights
    order = np.argsort(keys, kind="stable")
    ranges = [(-1, 0, 1) if n > 2 else tuple(range(n)) for n in bins]
    found = [
        _pairs_towards(np.array(step), index, bins, weights, keys[order], order) for step in product(*ranges)
    ]
    first, second = zip(*found, strict=True)
    return np.concatenate(first), np.concatenate(second)


def _pairs_towards(
    step: NDArray[np.int64],
    index: NDArray[np.int64],
    bins: NDArray[np.int64],
    weights: NDArray[np.int64],
    sorted_keys: NDArray[np.int64],
    order: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs i < j whose bins differ by `step`."""
    wanted = np.mod(index + step, bins) @ weights
    start = np.searchsorted(sorted_keys, wanted, "left")
    count = np.searchsorted(sorted_keys, wanted, "right") - start
    count[np.cumsum(count) > MAX_PAIRS] = 0
    first = np.repeat(np.arange(len(index)), count)
    within = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
    second = order[np.repeat(start, count) + within]
    keep = first < second
    return first[keep], second[keep]


def _distances(
    difference: NDArray[np.float64], lattice: NDArray[np.float64], reach: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Shortest distance over periodic images; `reach`: images to look at beyond the nearest, per axis (0 in
    all but thin cells).
    """
    nearest = difference - np.round(difference)
    shortest = np.full(len(difference), np.inf)
    for shift in product(*(range(-min(n, 2), min(n, 2) + 1) for n in reach)):
        shortest = np.minimum(shortest, np.linalg.norm((nearest + shift) @ lattice, axis=1))
    return shortest
