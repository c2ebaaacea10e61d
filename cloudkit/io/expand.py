"""Symmetry expansion: the atoms a file lists, times its operations, to the atoms of the whole cell."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Å; images of one atom closer than this are one atom on a special position (0.33 for 1/3 in a 10 Å cell)
SPECIAL: Final = 0.1
LARGEST: Final = 4  # entries of crystallographic rotations are -1, 0, 1 in most settings, at most ±4 in all
EXACT: Final = 1e-5  # fractional; images that coincide after the atom was moved onto its special position


class Operations(NamedTuple):
    """Symmetry operations x -> R x + t: rotations (k, 3, 3), translations (k, 3)."""

    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]


class Expanded(NamedTuple):
    """counts: how many sites each listed atom stands for; positions (N, 3) within the cell, atom by atom."""

    counts: list[int]
    positions: NDArray[np.float64]


def expand(lattice: NDArray[np.float64], operations: Operations, positions: NDArray[np.float64]) -> Expanded:
    """All sites of the cell, row by row, in the order of the operations.

    An atom near a symmetry element is moved onto it: it takes the mean of its images within SPECIAL of it.
    """
    if len(operations.rotations) == 1:  # the identity
        return Expanded([1] * len(positions), np.mod(positions, 1.0))
    placed, stabilizer = _settle(lattice, operations, positions)
    images = _images(operations, placed)
    sites = [
        images[row] if count == 1 else images[row][_first_of_each(images[row])]
        for row, count in enumerate(stabilizer.tolist())
    ]
    return Expanded(list(map(len, sites)), np.mod(np.concatenate(sites), 1.0))


def form_group(
    rotations: Sequence[Sequence[Sequence[int]]], translations: Sequence[Sequence[int]], unit: int
) -> bool:
    """True if the operations, modulo lattice translations, can be undone and are closed under multiplication.

    Translations in 1/unit.
    """
    turn, shift = np.array(rotations, dtype=np.int64), np.mod(np.array(translations, dtype=np.int64), unit)
    if (np.abs(turn) > LARGEST).any() or not np.isclose(np.abs(np.linalg.det(turn)), 1).all():
        return False
    own = np.sort(_keys(turn, shift, unit))
    own = own[np.append(True, own[1:] != own[:-1])]  # as np.unique, which imports numpy.ma
    products = np.einsum("aij,bjk->abik", turn, turn).reshape(-1, 3, 3)
    moved = np.mod(np.einsum("aij,bj->abi", turn, shift) + shift[:, None], unit).reshape(-1, 3)
    return bool(len(own) == len(turn) and np.isin(_keys(products, moved, unit), own).all())


def _keys(turn: NDArray[np.int64], shift: NDArray[np.int64], unit: int) -> NDArray[np.int64]:
    """One integer per operation."""
    digits = (turn.reshape(-1, 9) + LARGEST) @ ((2 * LARGEST + 1) ** np.arange(9))
    places: NDArray[np.int64] = digits * unit**3 + shift @ np.array([unit**2, unit, 1])
    return places


def _images(operations: Operations, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    images: NDArray[np.float64] = (
        np.einsum("kij,mj->mki", operations.rotations, positions) + operations.translations
    )
    return images


def _settle(
    lattice: NDArray[np.float64], operations: Operations, positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Positions (m, 3) moved onto their special positions, and how many operations leave each in place
    (m,).
    """
    stabilizer = np.zeros(len(positions), dtype=np.int64)
    for _ in range(5):
        difference = _images(operations, positions) - positions[:, None]
        difference -= np.round(difference)
        near = np.linalg.norm(difference @ lattice, axis=2) < SPECIAL
        count = near.sum(axis=1)
        positions = positions + (difference * near[:, :, None]).sum(axis=1) / count[:, None]
        if (count == stabilizer).all():
            break
        stabilizer = count
    return positions, stabilizer


def _first_of_each(images: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True for the images (k, 3) that no earlier one coincides with."""
    difference = images[:, None] - images[None]
    difference -= np.round(difference)
    same = np.abs(difference).max(axis=2) < EXACT
    first: NDArray[np.bool_] = same.argmax(axis=1) == np.arange(len(images))
    return first
