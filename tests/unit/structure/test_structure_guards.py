"""No crystal that would make an engine panic, hang or lie reaches one."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from cloudkit.errors import StructureError
from cloudkit.io import as_crystal
from cloudkit.structure import Crystal, check_crystal, find_symmetry
from cloudkit.structure.neighbors import close_pairs, reduce_cell


def _crystal(lattice: Any, positions: Any, species: tuple[Any, ...] = ((("Si", 1.0),),)) -> Crystal:
    places = np.array(positions, dtype=float).reshape(-1, 3)
    return Crystal(np.array(lattice, dtype=float), places, np.zeros(len(places), np.int32), species)


CUBE = np.eye(3) * 4


@pytest.mark.parametrize(
    ("crystal", "code"),
    [
        (_crystal(CUBE, []), "S201"),
        (_crystal(CUBE, [[0, 0, np.nan]]), "S202"),
        (_crystal(CUBE, [[0, 0, np.inf]]), "S202"),
        (_crystal(CUBE, [[0, 0, 1e9]]), "S202"),
        (_crystal(CUBE * np.nan, [[0, 0, 0]]), "S202"),
        (_crystal(CUBE * 1e9, [[0, 0, 0]]), "S202"),
        (_crystal(np.zeros((3, 3)), [[0, 0, 0]]), "S203"),
        (_crystal([[1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 0, 0]]), "S203"),
        (_crystal(CUBE, [[0, 0, 0]], ((("X", 1.0),),)), "S204"),
        (_crystal(CUBE, [[0, 0, 0]], ((("Si", 0.0),),)), "S205"),
        (_crystal(CUBE, [[0, 0, 0]], ((("Si", 0.7), ("Ge", 0.7)),)), "S205"),
        (_crystal(CUBE, [[0, 0, 0]], ((),)), "S205"),
        (_crystal(CUBE, [[0, 0, 0], [0.0001, 0, 1]]), "S206"),
        (_crystal(CUBE, [[0, 0, 0.01], [0, 0, 0.99]]), "S206"),
        (_crystal(np.diag([0.3, 9, 9]), [[0, 0, 0]]), "S206"),
        (_crystal(CUBE, np.zeros((10_000, 3))), "S206"),
        (_crystal(CUBE, np.zeros((20_001, 3))), "S207"),
        (Crystal(CUBE, np.zeros((2, 3)), np.zeros(1, np.int32), ((("Si", 1.0),),)), "S112"),
        (Crystal(CUBE, np.zeros((1, 3)), np.ones(1, np.int32), ((("Si", 1.0),),)), "S112"),
    ],
)
def test_an_impossible_crystal_is_refused_with_a_code(crystal: Crystal, code: str) -> None:
    with pytest.raises(StructureError) as caught:
        check_crystal(crystal)
    assert caught.value.code == code
    for engine in ("moyo", "spglib"):
        with pytest.raises(StructureError):
            find_symmetry(crystal, engine=engine)


def test_alternatives_may_be_close_to_each_other_but_not_at_one_place() -> None:
    half = ((("Li", 0.5),),)
    check_crystal(_crystal(CUBE, [[0, 0, 0], [0, 0, 0.02]], half))
    with pytest.raises(StructureError, match="mixed site"):
        check_crystal(_crystal(CUBE, [[0, 0, 0], [0, 0, 0.01]], half))


def test_the_two_atoms_that_are_too_close_are_named() -> None:
    crystal = as_crystal((CUBE, [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.501]], ["Na", "Cl", "K"]))
    with pytest.raises(StructureError, match=r"atoms 2 \(Cl\) and 3 \(K\) are 0\.0040 Å apart"):
        check_crystal(crystal)


@pytest.mark.parametrize("seed", range(40))
def test_close_pairs_are_those_found_by_trying_all_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    skewed = seed % 3 == 0
    n, cutoff = int(rng.integers(1, 30 if skewed else 180)), 0.4
    lattice = np.diag(rng.uniform(0.6, 6, 3)) + 0.1 * rng.normal(size=(3, 3))
    if skewed:
        lattice = np.array([[1, 2, 0], [0, 1, -2], [0, 0, 1]]) @ lattice
    positions = rng.random((n, 3)) * 3 - 1
    difference = positions[None] - positions[:, None]
    difference -= np.round(difference)
    reach = int(np.ceil(cutoff * np.linalg.norm(np.linalg.inv(lattice), axis=0).max() + 0.5))
    shortest = np.full((n, n), np.inf)
    for shift in product(range(-reach, reach + 1), repeat=3):
        shortest = np.minimum(shortest, np.linalg.norm((difference + shift) @ lattice, axis=2))
    first, second, distance = close_pairs(lattice, positions, cutoff)
    expected = {(i, j) for i, j in np.argwhere(shortest <= cutoff).tolist() if i < j}
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected
    np.testing.assert_allclose(distance, shortest[first, second], atol=1e-9)


def test_a_reduced_cell_spans_the_same_lattice_with_short_vectors() -> None:
    skewed = np.array([[1, 7, -3], [0, 1, 11], [0, 0, 1]]) @ np.diag([3.0, 4.0, 5.0])
    reduced = reduce_cell(skewed)
    change = skewed @ np.linalg.inv(reduced)
    np.testing.assert_allclose(change, np.round(change), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(reduced, axis=1), [3, 4, 5])
