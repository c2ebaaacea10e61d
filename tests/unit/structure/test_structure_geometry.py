"""What a structure looks like from its orbits: known crystals, and independence of how they are written."""

import math

import numpy as np
import pytest

from cloudkit.io import as_crystal
from cloudkit.structure import OF_ORBITS, Crystal, describe, find_symmetry
from cloudkit.tables import ELEMENT

FCC = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]


def salt(a: float = 5.64) -> Crystal:
    return as_crystal((np.array(FCC) * a, [[0, 0, 0], [0.5, 0.5, 0.5]], ["Na", "Cl"]))


def perovskite() -> Crystal:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return as_crystal((np.eye(3) * 3.905, places, ["Sr", "Ti", "O", "O", "O"]))


def column(crystal: Crystal, name: str) -> list[float]:
    found = describe(crystal, find_symmetry(crystal)).orbits[:, list(OF_ORBITS).index(name)]
    return [float(value) for value in found]


def test_an_ion_of_rock_salt_has_six_neighbours_of_the_other_kind_at_half_the_edge() -> None:
    assert np.exp(column(salt(), "log_nearest_distance")) == pytest.approx([2.82, 2.82])
    assert np.exp(column(salt(), "log_coordination")) == pytest.approx([6, 6], rel=0.01)
    assert column(salt(), "like_neighbours") == pytest.approx([0, 0], abs=0.01)
    seen = column(salt(), "neighbour_electronegativity")
    assert seen == pytest.approx([ELEMENT["Cl"].electronegativity, ELEMENT["Na"].electronegativity], abs=0.02)


def test_copper_has_twelve_like_neighbours() -> None:
    copper = as_crystal((np.array(FCC) * 3.61, [[0, 0, 0]], ["Cu"]))
    assert np.exp(column(copper, "log_coordination")) == pytest.approx([12], rel=0.01)
    assert column(copper, "like_neighbours") == pytest.approx([1])
    assert column(copper, "log_inverse_reduced_mass") == pytest.approx([math.log(2 / ELEMENT["Cu"].mass)])


def test_titanium_of_a_perovskite_is_closer_to_oxygen_than_strontium_is() -> None:
    crystal = perovskite()
    symmetry = find_symmetry(crystal)
    nearest = dict(
        zip([o.species[0][0] for o in symmetry.orbits], column(crystal, "log_nearest_distance"), strict=True)
    )
    assert math.exp(nearest["Ti"]) == pytest.approx(3.905 / 2)
    assert math.exp(nearest["Sr"]) == pytest.approx(3.905 / math.sqrt(2))


def test_volume_and_shortest_distance_are_those_of_the_cell() -> None:
    found = describe(salt(), find_symmetry(salt())).crystal
    assert np.exp(found[:2]) == pytest.approx([5.64**3 / 8, 2.82])


@pytest.mark.parametrize("make", [salt, perovskite])
def test_another_cell_of_the_same_crystal_has_the_same_geometry(make) -> None:  # type: ignore[no-untyped-def]
    crystal = make()
    skew = np.array([[2, 1, 0], [0, 1, 0], [1, 0, 1]])  # determinant 2: twice the cell, with other axes
    lattice = skew @ crystal.lattice
    shifts = list(np.ndindex(4, 4, 4))
    places = np.array([np.linalg.solve(skew.T, p + np.array(s)) for p in crystal.positions for s in shifts])
    numbers = np.repeat(crystal.labels, len(shifts))
    wrapped = np.round(np.mod(places, 1), 8) % 1
    unique, first = np.unique(np.column_stack([wrapped, numbers]), axis=0, return_index=True)
    names = [crystal.species[label][0][0] for label in numbers[first]]
    again = as_crystal((lattice, unique[:, :3] + 0.13, names))
    assert len(again) == 2 * len(crystal)
    mine, other = (describe(one, find_symmetry(one)) for one in (crystal, again))
    assert np.sort(mine.orbits, axis=0) == pytest.approx(np.sort(other.orbits, axis=0), abs=1e-6)
    assert mine.crystal == pytest.approx(other.crystal, abs=1e-9)


def test_a_larger_crystal_of_the_same_form_is_softer_and_otherwise_the_same() -> None:
    small, large = (describe(salt(a), find_symmetry(salt(a))) for a in (5.0, 6.0))
    assert large.orbits[:, 1:] == pytest.approx(small.orbits[:, 1:], abs=1e-9)
    assert small.crystal[2] - large.crystal[2] == pytest.approx(1.5 * math.log(6 / 5))
