"""Write spec/tables/normalizer.csv: how the affine normalizer of each space group permutes its Wyckoff letters.

    pip install moyopy numpy
    python spec/tools/build_normalizer.py

An element (P, t) of the normalizer carries the group onto itself: for every operation (W, w) the image
(P W P⁻¹, P w + (I − P W P⁻¹) t) is an operation again. Linear parts are unimodular matrices that keep the centring
lattice and the point group; t is looked for on a grid of 1/24 (a direction along which t is free needs no search).
One t for every P, and every t for P = I, generate the group. Each acts on a generic point of every Wyckoff position;
the letter of the image is read from the table of representatives. The permutations are closed under composition.
"""

import csv
import itertools
from pathlib import Path

import numpy as np
from operations import operations, read_coordinates

TABLES = Path(__file__).resolve().parents[1] / "tables"
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
GENERIC = np.array([0.1371, 0.2293, 0.3917])  # x, y, z of a point on no special position
GRID = np.array(list(itertools.product(range(24), repeat=3))) / 24.0
SMALL = 1e-6


def is_integer(values: np.ndarray) -> np.ndarray:
    return np.all(np.abs(values - np.round(values)) < SMALL, axis=-1)


class Position:
    """A Wyckoff position: its first representative as B u + c, and rows N with N B = 0."""

    def __init__(self, row: dict[str, str]) -> None:
        self.letter = row["letter"]
        self.multiplicity = int(row["multiplicity"])
        self.freedom = int(row["degrees_of_freedom"])
        self.linear, self.constant = read_coordinates(row["representative"])
        self.point = self.linear @ GENERIC + self.constant
        self.normals = normals(self.linear)

    def contains(self, points: np.ndarray) -> bool:
        """Is one of the points (n, 3), modulo the lattice, on the representative's subspace?"""
        return bool(np.any(is_integer((points - self.constant) @ self.normals.T)))


def normals(linear: np.ndarray) -> np.ndarray:
    """Primitive integer rows that span what is orthogonal to the columns of `linear`, as a lattice basis."""
    small = [
        np.array(v)
        for v in itertools.product(range(-2, 3), repeat=3)
        if any(v) and not np.any(np.array(v) @ linear)
    ]
    small.sort(key=lambda v: int(v @ v))
    chosen: list[np.ndarray] = []
    size = 3 - np.linalg.matrix_rank(linear)
    for vector in small:
        if len(chosen) < size and np.linalg.matrix_rank(np.array([*chosen, vector])) > len(chosen):
            chosen.append(vector)
    return np.array(chosen).reshape(size, 3)


def linear_parts(number: int) -> list[np.ndarray]:
    """Candidate linear parts in the conventional basis, by crystal system."""
    if number <= 2:  # generators of GL(3, Z)
        return [np.array(m) for m in ([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]], [[1, 1, 0], [0, 1, 0], [0, 0, 1]], [[-1, 0, 0], [0, 1, 0], [0, 0, 1]])]  # fmt: skip
    if number <= 15:
        blocks = itertools.product(range(-2, 3), repeat=4)
        found = [
            np.array([[a, 0, b], [0, s, 0], [c, 0, d]])
            for a, b, c, d in blocks
            if abs(a * d - b * c) == 1
            for s in (1, -1)
        ]
    else:
        matrices = np.array(list(itertools.product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
        found = list(matrices[np.abs(np.abs(np.linalg.det(matrices)) - 1) < SMALL])
    return found


def keeps_group(matrix: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> bool:
    inverse = np.round(np.linalg.inv(matrix)).astype(int)
    known = {rotation.tobytes() for rotation in rotations}
    if any((matrix @ rotation @ inverse).tobytes() not in known for rotation in rotations):
        return False
    centring = translations[np.all(rotations == np.eye(3, dtype=int), axis=(1, 2))]
    return all(np.any(is_integer(centring - matrix @ c)) for c in centring)


def shifts(matrix: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """All grid translations t that make (matrix, t) an element of the normalizer."""
    inverse = np.round(np.linalg.inv(matrix)).astype(int)
    left = GRID
    for rotation, translation in zip(rotations, translations, strict=True):
        image = matrix @ rotation @ inverse
        targets = translations[np.all(rotations == image, axis=(1, 2))]
        moved = matrix @ translation + left @ (np.eye(3) - image).T
        left = left[np.any([is_integer(moved - target) for target in targets], axis=0)]
        if not len(left):
            break
    return left


def permutation(
    matrix: np.ndarray,
    shift: np.ndarray,
    positions: list[Position],
    rotations: np.ndarray,
    translations: np.ndarray,
) -> tuple[int, ...]:
    images = []
    for position in positions:
        orbit = rotations @ (matrix @ position.point + shift) + translations
        images.append(next(
            i for i, other in enumerate(positions)
            if (other.multiplicity, other.freedom) == (position.multiplicity, position.freedom) and other.contains(orbit)
        ))  # fmt: skip
    if sorted(images) != list(range(len(positions))):
        raise ValueError(f"({matrix.tolist()}, {shift}) does not permute the letters: {images}")
    return tuple(images)


def close(generators: set[tuple[int, ...]], size: int) -> list[tuple[int, ...]]:
    """All products of the generators, identity first."""
    identity = tuple(range(size))
    known, fresh = {identity}, [identity]
    while fresh:
        fresh = [p for p in {tuple(g[i] for i in f) for f in fresh for g in generators} if p not in known]
        known.update(fresh)
    return sorted(known)


def letter_permutations(number: int, positions: list[Position]) -> tuple[list[str], list[str]]:
    """(all, those of origin shifts alone) as strings s: letter i of the group goes to letter s[i]; the identity first."""
    rotations, translations = operations(number)
    found: set[tuple[int, ...]] = set()
    for matrix in linear_parts(number):
        if not keeps_group(matrix, rotations, translations):
            continue
        moves = shifts(matrix, rotations, translations)
        found |= {permutation(matrix, t, positions, rotations, translations) for t in moves[:1]}
    shifted: set[tuple[int, ...]] = set()
    for t in shifts(np.eye(3, dtype=int), rotations, translations):
        free = np.all(rotations == np.eye(3, dtype=int), axis=(1, 2))
        if not np.any(is_integer(t - translations[free])) and not moved_freely(t, rotations):
            shifted.add(permutation(np.eye(3, dtype=int), t, positions, rotations, translations))
    return as_strings(found | shifted, len(positions)), as_strings(shifted, len(positions))


def as_strings(generators: set[tuple[int, ...]], size: int) -> list[str]:
    return ["".join(LETTERS[i] for i in p) for p in close(generators, size)]


def moved_freely(shift: np.ndarray, rotations: np.ndarray) -> bool:
    """Is t along a direction that every operation keeps? Such a shift moves no letter."""
    return bool(np.all(np.abs(rotations @ shift - shift) < SMALL))


def main() -> None:
    with (TABLES / "wyckoff.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (TABLES / "normalizer.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["space_group", "origin_shifts", "permutations"])
        for number in range(1, 231):
            positions = [Position(row) for row in rows if row["space_group"] == str(number)]
            permutations, origin_shifts = letter_permutations(number, positions)
            writer.writerow([number, " ".join(origin_shifts), " ".join(permutations)])


if __name__ == "__main__":
    main()
