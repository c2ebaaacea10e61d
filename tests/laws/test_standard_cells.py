"""The idealized cell, its axes and origin and the exact positions fit the standard operations of the space group."""

import numpy as np
import pytest
from numpy.typing import NDArray
from perturb import noise
from synthetic import all_positions, coordinates, make_crystal, operations, random_setting

from cloudkit import _native
from cloudkit.structure import Crystal
from cloudkit.tables import CENTERING_POINTS, SPACE_GROUPS

SEED = 24
SYMPREC = 1e-3
SAMPLE = list(all_positions())[::7]


def solve(crystal: Crystal, symprec: float) -> dict:
    status, found = _native.find_symmetry(
        crystal.lattice, crystal.positions, crystal.labels, None, symprec, 0
    )
    assert status == "ok"
    return found


def wrapped(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    return gaps - np.round(gaps)


def standard_positions(found: dict) -> NDArray[np.float64]:
    """The exact positions in the standard cell."""
    return (found["ideal"] - found["origin"]) @ np.linalg.inv(found["axes"]).T


def standard_crystal(crystal: Crystal, found: dict) -> Crystal:
    """The idealized conventional cell with all its atoms."""
    rotations, translations = operations(found["space_group"])
    centring = translations[(rotations == np.eye(3)).all(axis=(1, 2))]
    positions, labels = np.zeros((0, 3)), []
    for place, label in zip(standard_positions(found), crystal.labels, strict=True):
        for image in place + centring:
            if not len(positions) or np.abs(wrapped(positions - image)).max(axis=1).min() > 1e-6:
                positions = np.concatenate([positions, image[None]])
                labels.append(label)
    return Crystal(found["lattice"], positions, np.array(labels, np.int32), crystal.species)


@pytest.fixture(scope="module", params=[0.0, 1e-4], ids=["exact", "noise of 1e-4 Å"])
def solved(request: pytest.FixtureRequest) -> list[tuple[int, Crystal, dict]]:
    cases = []
    for number, letter in SAMPLE:
        rng = np.random.default_rng([SEED, number, ord(letter)])
        crystal, _ = make_crystal(number, letter, rng)
        moved = random_setting(noise(request.param)(crystal, rng) if request.param else crystal, rng)
        cases.append((number, moved, solve(moved, SYMPREC)))
    return cases


def test_exact_positions_are_near_the_given_ones(solved: list[tuple[int, Crystal, dict]]) -> None:
    for number, crystal, found in solved:
        moves = wrapped(found["ideal"] - crystal.positions) @ crystal.lattice
        assert np.linalg.norm(moves, axis=1).max() < SYMPREC, number


def test_the_axes_span_the_idealized_cell(solved: list[tuple[int, Crystal, dict]]) -> None:
    """Right-handed, of the centring's volume, and with the metric of the given cell but for its errors."""
    for number, crystal, found in solved:
        points = CENTERING_POINTS[SPACE_GROUPS[number - 1].centering]
        handed = np.sign(np.linalg.det(crystal.lattice))
        volume = np.linalg.det(found["axes"]) * found["lattice_points"] * handed
        assert volume == pytest.approx(points), number
        axes = found["axes"].T @ crystal.lattice
        assert np.abs(axes @ axes.T - found["lattice"] @ found["lattice"].T).max() < 0.1, number
        a, b, _ = found["lattice"]
        assert a[1] == a[2] == b[2] == 0, number


def test_standard_rotations_keep_the_metric_of_the_idealized_cell(
    solved: list[tuple[int, Crystal, dict]],
) -> None:
    for number, _, found in solved:
        metric = found["lattice"] @ found["lattice"].T
        rotations, _ = operations(number)
        images = np.swapaxes(rotations, 1, 2) @ metric @ rotations
        assert np.abs(images - metric).max() < 1e-9 * metric.max(), number


def test_standard_operations_map_the_exact_positions_onto_each_other(
    solved: list[tuple[int, Crystal, dict]],
) -> None:
    for number, crystal, found in solved:
        standard = standard_crystal(crystal, found)
        rotations, translations = operations(number)
        for label in range(3):
            places = standard.positions[standard.labels == label]
            images = places[:1] @ np.swapaxes(rotations, 1, 2) + translations[:, None]
            gaps = wrapped(images.reshape(-1, 1, 3) - places)
            assert np.abs(gaps).max(axis=2).min(axis=1).max() < 1e-7, number
            assert len(set(np.abs(gaps).max(axis=2).argmin(axis=1))) == len(places), number


def distance_to_locus(number: int, letter: str, points: NDArray[np.float64]) -> float:
    """How far the nearest point is, in cell edges, from the first locus of a position or its translates by whole cells."""
    linear, constants = coordinates(number, letter)
    shifts = np.array(np.meshgrid(*[range(-2, 3)] * 3)).reshape(3, -1).T
    gaps = np.mod(points - constants, 1)[:, None] + shifts
    across = np.eye(3) - linear @ np.linalg.pinv(linear)
    return float(np.abs(gaps @ across.T).max(axis=2).min())


def test_an_atom_of_each_orbit_lies_on_its_letter(solved: list[tuple[int, Crystal, dict]]) -> None:
    for number, _, found in solved:
        rotations, translations = operations(number)
        places = standard_positions(found)
        for head in set(found["orbits"]):
            images = rotations @ places[head] + translations
            assert distance_to_locus(number, found["letters"][head], images) < 1e-6, number


def test_the_standard_cell_is_found_again_exactly(solved: list[tuple[int, Crystal, dict]]) -> None:
    """Idempotent: at a thousandth of symprec, with the same letters up to the normalizer."""
    for number, crystal, found in solved:
        standard = standard_crystal(crystal, found)
        again = solve(standard, SYMPREC / 1000)
        assert again["space_group"] == number
        assert again["distance"] < 1e-7, number
        metric, before = (f["lattice"] @ f["lattice"].T for f in (again, found))
        assert np.sort(np.diag(metric)) == pytest.approx(np.sort(np.diag(before)), rel=1e-7), number


def test_the_idealized_cell_is_the_same_in_every_description() -> None:
    for number in range(1, 231):
        rng = np.random.default_rng([SEED, number])
        crystal, _ = make_crystal(number, "a", rng)
        metrics = []
        for _ in range(4):
            lattice = solve(random_setting(crystal, rng), SYMPREC)["lattice"]
            metrics.append(lattice @ lattice.T)
        assert np.abs(np.array(metrics) - metrics[0]).max() < 1e-6, number
