"""Crystals of a known space group with atoms on a known Wyckoff position, in random settings."""

from collections.abc import Iterator
from functools import cache

import moyopy
import numpy as np
from numpy.typing import NDArray
from perturb import change_basis, permute_atoms, rotate_in_space, shift_origin

from cloudkit.scope import Orbit
from cloudkit.structure import Crystal
from cloudkit.tables import SPACE_GROUPS

ELEMENTS = ("Na", "Cl", "O")
VOLUME_PER_ATOM = 15.0  # Å³
SHORTEST_CONTACT = 0.4  # Å


@cache
def operations(number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rotations (n, 3, 3) and translations (n, 3) of the standard setting, centring included."""
    found = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
    return np.array(found.rotations), np.array(found.translations)


@cache
def coordinates(number: int, letter: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Linear part (3, 3) and constants (3,) of the first point of a position."""
    linear, constants = np.zeros((3, 3)), np.zeros(3)
    for row, part in enumerate(SPACE_GROUPS[number - 1].position(letter).representative.split(",")):
        for term in part.replace("-", "+-").split("+"):
            sign, size = (-1, term[1:]) if term.startswith("-") else (1, term)
            if size and size[-1] in "xyz":
                linear[row, "xyz".index(size[-1])] += sign * int(size[:-1] or 1)
            elif size:
                numerator, _, denominator = size.partition("/")
                constants[row] += sign * int(numerator) / int(denominator or 1)
    return linear, constants


def random_lattice(number: int, volume: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Rows (3, 3) in Å of a cell with no more symmetry than the crystal system asks for."""
    a, b, c = rng.uniform(0.7, 1.3, 3)
    alpha, beta, gamma = 90.0, 90.0, 90.0
    if number <= 2:
        alpha, beta, gamma = rng.uniform(70, 110, 3)
    elif number <= 15:
        beta = rng.uniform(95, 115)
    elif number > 194:
        b = c = a
    elif number > 74:
        b, gamma = a, (120.0 if number > 142 else 90.0)
    cos_a, cos_b, cos_g = np.cos(np.radians([alpha, beta, gamma]))
    sin_g = np.sin(np.radians(gamma))
    x, y = c * cos_b, c * (cos_a - cos_b * cos_g) / sin_g
    lattice = np.array([[a, 0, 0], [b * cos_g, b * sin_g, 0], [x, y, np.sqrt(c * c - x * x - y * y)]])
    return lattice * (volume / np.linalg.det(lattice)) ** (1 / 3)


def random_orbit(number: int, letter: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """The points (n, 3) of a position with random parameters."""
    linear, constants = coordinates(number, letter)
    rotations, translations = operations(number)
    images = rotations @ (linear @ rng.uniform(0.03, 0.47, 3) + constants) + translations
    return np.unique(np.mod(np.round(images % 1, 9), 1), axis=0)


def shortest_contact(lattice: NDArray[np.float64], orbits: list[NDArray[np.float64]]) -> float:
    """The shortest distance, Å, from the first atom of each orbit to another atom; the cell is nearly rectangular."""
    everything = np.concatenate(orbits)
    shortest = np.inf
    for orbit in orbits:
        gaps = everything - orbit[0]
        lengths = np.linalg.norm((gaps - np.round(gaps)) @ lattice, axis=1)
        shortest = min(shortest, lengths[lengths > 1e-6].min())
    return float(shortest)


def make_crystal(number: int, letter: str, rng: np.random.Generator) -> tuple[Crystal, tuple[Orbit, ...]]:
    """Two general orbits, which leave no other symmetry, and one orbit on the position; with the orbits."""
    group = SPACE_GROUPS[number - 1]
    positions = (group.wyckoff[-1], group.wyckoff[-1], group.position(letter))
    volume = VOLUME_PER_ATOM * sum(position.multiplicity for position in positions)
    while True:
        lattice = random_lattice(number, volume, rng)
        points = [random_orbit(number, position.letter, rng) for position in positions]
        full = [len(p) == position.multiplicity for p, position in zip(points, positions, strict=True)]
        if all(full) and shortest_contact(lattice, points) > SHORTEST_CONTACT:
            break
    labels = np.repeat(np.arange(3), [len(p) for p in points]).astype(np.int32)
    species = tuple(((element, 1.0),) for element in ELEMENTS)
    orbits = tuple(
        Orbit(position.letter, position.multiplicity, kind)
        for position, kind in zip(positions, species, strict=True)
    )
    return Crystal(lattice, np.concatenate(points), labels, species), orbits


def random_basis(rng: np.random.Generator, steps: int = 6, largest: int = 1) -> NDArray[np.int64]:
    """A unimodular matrix, left-handed half of the time."""
    matrix = np.eye(3, dtype=np.int64)
    for _ in range(steps):
        i, j = rng.choice(3, 2, replace=False)
        matrix[i] += rng.integers(-largest, largest + 1) * matrix[j]
    if rng.random() < 0.5:
        matrix[0] *= -1
    return matrix


def random_setting(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The same crystal with another orientation, origin, basis, hand and order of atoms."""
    moved = shift_origin(rotate_in_space(crystal, rng), rng)
    return permute_atoms(change_basis(moved, random_basis(rng)), rng)


def all_positions() -> Iterator[tuple[int, str]]:
    """Space group and letter of each of the 1,731 positions."""
    for group in SPACE_GROUPS:
        for position in group.wyckoff:
            yield group.number, position.letter
