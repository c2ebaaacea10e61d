"""Symmetry operations: triplets as files list them ("-x,y+1/2,z"), whether they form a group, and the atoms of the whole cell that
they make of those listed.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError

# Å; images of one atom closer than this are one atom on a special position (0.33 for 1/3 in a 10 Å cell)
SPECIAL_DISTANCE: Final = 0.1
MAX_ENTRY: Final = 4  # entries of crystallographic rotations are -1, 0, 1 in most settings, at most ±4 in all
# fractional; images that coincide after the atom was moved onto its special position
SAME_POSITION: Final = 1e-5
TWENTY_FOURTHS: Final = 24  # all translations of space groups are multiples of 1/24
MAX_OPERATIONS: Final = 384  # the largest group has 192; magnetic lists can hold each operation twice
MAX_DENOMINATOR: Final = 100
MAX_TERM: Final = 1_000  # in a triplet
MAX_UNIT: Final = 2_700  # common denominators beyond it would not fit form_group's keys
# nine entries of the rotation, three of the translation in 1/unit
_Op = tuple[tuple[int, ...], tuple[int, ...]]
_TERM: Final = re.compile(r"([+-]?)(?:(\d+)/(\d+)|(\d*\.\d+|\d+\.?))?\*?([xyz])?")


class Operations(NamedTuple):
    """Symmetry operations x -> R x + t: rotations (k, 3, 3), translations (k, 3)."""

    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]


@lru_cache(maxsize=256)
def parse_operations(triplets: tuple[str, ...], centering: tuple[str, ...]) -> Operations:
    """The operations of triplets such as "-x,y+1/2,z", times the translations of the centring.

    Raises StructureError S109 where one cannot be understood, S110 where they form no group.
    """
    if len(triplets) * max(len(centering), 1) > MAX_OPERATIONS:
        raise StructureError(
            "S109", f"the file lists {len(triplets)} symmetry operations; no space group has that many"
        )
    unit = _unit((*triplets, *centering))
    ops = [_parse(text, unit) for text in triplets]
    if centering:
        shifts = [_parse(text, unit) for text in centering]
        ops = [_product(op, shift, unit) for shift in shifts for op in ops]
    distinct = list(dict.fromkeys((turn, tuple(x % unit for x in shift)) for turn, shift in ops))
    rotations = [[list(turn[at : at + 3]) for at in (0, 3, 6)] for turn, _ in distinct]
    if not form_group(rotations, [list(shift) for _, shift in distinct], unit):
        raise StructureError(
            "S110",
            f"the {len(distinct)} symmetry operations listed in the file do not form a group",
            "one is missing or misprinted",
        )
    return Operations(
        np.array(rotations, dtype=np.float64),
        np.array([shift for _, shift in distinct], dtype=np.float64) / unit,
    )


def _unit(texts: Sequence[str]) -> int:
    """A common denominator of all fractions in some triplets, a multiple of 24: pymatgen writes 5/17, others 0.3333."""
    unit = TWENTY_FOURTHS
    for bottom in {int(b) for text in texts for b in re.findall(r"/\s*(\d{1,4})", text)}:
        if 0 < bottom <= MAX_DENOMINATOR:
            unit = int(np.lcm(unit, bottom))
    return unit if unit <= MAX_UNIT else TWENTY_FOURTHS


def _product(first: _Op, second: _Op, unit: int) -> _Op:
    """first after second, as operations x -> R x + t."""
    a, b = (np.array(turn).reshape(3, 3) for turn in (first[0], second[0]))
    shift = a @ np.array(second[1]) + np.array(first[1])
    return tuple((a @ b).reshape(9).tolist()), tuple(int(x) % unit for x in shift)


@lru_cache(maxsize=8192)
def _parse(text: str, unit: int) -> _Op:
    """One triplet; a magnetic one carries a fourth entry, the time reversal, which moves no atom."""
    plain = re.sub(r"\s+", "", text.lower().strip("'\" ").replace("−", "-").replace("–", "-"))
    parts = plain.split(",")
    if len(parts) == 4 and re.fullmatch(r"[+-]?1|m|", parts[3]):
        parts = parts[:3]
    if len(parts) != 3:
        raise _not_understood(text, "three terms, such as -x,y+1/2,z, are expected")
    turn: list[int] = []
    shift: list[int] = []
    for part in parts:
        row, constant = _parse_row(part, text, unit)
        turn += row
        shift.append(constant)
    return tuple(turn), tuple(shift)


def _parse_row(part: str, text: str, unit: int) -> tuple[list[int], int]:
    """One coordinate of a triplet: three factors and a constant in 1/unit."""
    row, constant, at = [0, 0, 0], 0.0, 0
    while at < len(part):
        match = _TERM.match(part, at)
        if (
            match is None
            or match.end() == at
            or not (match[2] or match[4] or match[5])
            or (at and not match[1])
        ):
            raise _not_understood(text, f"unexpected '{part[at:]}'")
        if match[2] and int(match[3]) == 0:
            raise _not_understood(text, "a denominator is 0")
        size = int(match[2]) / int(match[3]) if match[2] else float(match[4] or 1)
        if size > MAX_TERM:
            raise _not_understood(text, f"{size:g} is not a number that a triplet may hold")
        value = -size if match[1] == "-" else size
        if match[5]:
            if value != round(value):
                raise StructureError("S109", "a symmetry operation in the file has fractional factors")
            row["xyz".index(match[5])] += int(value)
        else:
            constant += value
        at = match.end()
    whole = round(constant * unit)
    if not part or abs(constant * unit - whole) > 0.01 * unit:
        raise _not_understood(text, f"{constant:g} is not a translation that a group may have")
    return row, whole


def _not_understood(text: str, why: str) -> StructureError:
    return StructureError("S109", f"the symmetry operation '{text}' cannot be understood: {why}")


def form_group(
    rotations: Sequence[Sequence[Sequence[int]]], translations: Sequence[Sequence[int]], unit: int
) -> bool:
    """True if the operations, modulo lattice translations, can be undone and are closed under multiplication.

    Translations in 1/unit.
    """
    turn, shift = np.array(rotations, dtype=np.int64), np.mod(np.array(translations, dtype=np.int64), unit)
    if (np.abs(turn) > MAX_ENTRY).any() or not np.isclose(np.abs(np.linalg.det(turn)), 1).all():
        return False
    own = np.sort(_keys(turn, shift, unit))
    own = own[np.append(True, own[1:] != own[:-1])]  # as np.unique, which imports numpy.ma
    products = np.einsum("aij,bjk->abik", turn, turn).reshape(-1, 3, 3)
    moved = np.mod(np.einsum("aij,bj->abi", turn, shift) + shift[:, None], unit).reshape(-1, 3)
    return bool(len(own) == len(turn) and np.isin(_keys(products, moved, unit), own).all())


def _keys(turn: NDArray[np.int64], shift: NDArray[np.int64], unit: int) -> NDArray[np.int64]:
    """One integer per operation."""
    digits = (turn.reshape(-1, 9) + MAX_ENTRY) @ ((2 * MAX_ENTRY + 1) ** np.arange(9))
    places: NDArray[np.int64] = digits * unit**3 + shift @ np.array([unit**2, unit, 1])
    return places


class Expanded(NamedTuple):
    """counts: how many sites each listed atom stands for; positions (N, 3) within the cell, atom by atom."""

    counts: list[int]
    positions: NDArray[np.float64]


def expand(lattice: NDArray[np.float64], operations: Operations, positions: NDArray[np.float64]) -> Expanded:
    """All sites of the cell, row by row, in the order of the operations.

    An atom near a symmetry element is moved onto it: it takes the mean of its images within SPECIAL_DISTANCE of it.
    """
    if len(operations.rotations) == 1:  # the identity
        return Expanded([1] * len(positions), np.mod(positions, 1.0))
    placed, stabilizer = _move_to_special_positions(lattice, operations, positions)
    images = _images(operations, placed)
    sites = [
        images[row] if count == 1 else images[row][_first_of_each(images[row])]
        for row, count in enumerate(stabilizer.tolist())
    ]
    return Expanded(list(map(len, sites)), np.mod(np.concatenate(sites), 1.0))


def _images(operations: Operations, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    images: NDArray[np.float64] = (
        np.einsum("kij,mj->mki", operations.rotations, positions) + operations.translations
    )
    return images


def _move_to_special_positions(
    lattice: NDArray[np.float64], operations: Operations, positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Positions (m, 3) moved onto their special positions, and how many operations leave each in place
    (m,).
    """
    stabilizer = np.zeros(len(positions), dtype=np.int64)
    for _ in range(5):
        difference = _images(operations, positions) - positions[:, None]
        difference -= np.round(difference)
        near = np.linalg.norm(difference @ lattice, axis=2) < SPECIAL_DISTANCE
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
    same = np.abs(difference).max(axis=2) < SAME_POSITION
    first: NDArray[np.bool_] = same.argmax(axis=1) == np.arange(len(images))
    return first
