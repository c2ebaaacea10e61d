"""Hard cells of hard_cells.py: the native engine finds their group, the same in every description."""

import gzip
import json
from pathlib import Path

import moyopy
import numpy as np
import pytest
from synthetic import random_setting

from cloudkit import encode
from cloudkit.errors import StructureError
from cloudkit.io import as_crystal
from cloudkit.scope import parse
from cloudkit.structure import Crystal, find_symmetry

from .hard_cells import (
    AT_A_THRESHOLD,
    TWELVE,
    TWENTY,
    HardCell,
    experimental,
    rattled,
    rock_salt,
    silicon,
    slab,
    without_first,
)

SETTINGS = 10
SUBGROUPS_OF_C2M = {1, 2, 5, 8, 12}


def text_of(crystal: Crystal, symprec: float) -> str:
    return encode(crystal, engine="native", symprec=symprec)


def texts(crystal: Crystal, symprec: float, settings: int = SETTINGS) -> set[str]:
    """The string as given and in random settings."""
    rng = np.random.default_rng(7)
    return {text_of(crystal, symprec)} | {
        text_of(random_setting(crystal, rng), symprec) for _ in range(settings)
    }


@pytest.mark.parametrize("case", [*TWENTY, *TWELVE], ids=lambda case: case.name)
def test_a_hard_cell_has_one_string_in_its_group(case: HardCell) -> None:
    crystal = case.make()
    for symprec, group in case.groups.items():
        assert {parse(text).space_group for text in texts(crystal, symprec)} == {group}, symprec
        assert len(texts(crystal, symprec)) == 1, symprec


def test_graphene_is_one_orbit_whatever_its_noise() -> None:
    (case,) = (case for case in TWENTY if "graphene" in case.name)
    assert {tuple(find_symmetry(case.make(), engine="native", symprec=s).orbits) for s in case.groups} == {
        (("c", 2, (("C", 1.0),)),)
    }


def test_orbits_of_a_supercell_are_those_of_the_primitive_cell() -> None:
    (case,) = (case for case in TWENTY if "breaks the point group" in case.name)
    orbits = find_symmetry(case.make(), engine="native").orbits
    assert {(orbit.letter, orbit.multiplicity) for orbit in orbits} == {("a", 4), ("b", 4)}


def test_multiplicities_of_a_thin_cell_add_up_to_its_atoms() -> None:
    (case,) = (case for case in TWENTY if "13 atoms" in case.name)
    assert sum(orbit.multiplicity for orbit in find_symmetry(case.make(), engine="native").orbits) == 13


@pytest.mark.parametrize("symprec", np.geomspace(1e-6, 0.5, 24))
def test_a_layer_has_an_answer_at_every_tolerance(symprec: float) -> None:
    """spglib#147, moyo#337: a ladder of tolerances."""
    assert len(texts(slab(117.0), float(symprec), 3)) == 1


@pytest.mark.parametrize("symprec", np.geomspace(1e-6, 0.5, 12))
def test_measured_coordinates_have_a_subgroup_of_their_group_at_every_tolerance(symprec: float) -> None:
    """spglib#445, #100."""
    found = {parse(text).space_group for text in texts(experimental(), float(symprec), 2)}
    assert len(found) == 1
    assert found <= SUBGROUPS_OF_C2M


@pytest.mark.parametrize("length", [0.005, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("symprec", [1e-4, 1e-2, 1e-1])
def test_a_rattled_supercell_has_one_answer(length: float, symprec: float) -> None:
    """moyo#89."""
    crystal = rattled(silicon(2), length)
    assert len(texts(crystal, symprec, 3)) == 1


@pytest.mark.parametrize("case", TWELVE[-3:] + TWENTY[:1], ids=lambda case: case.name)
def test_standard_cells_of_moyo_have_the_string_of_the_input(case: HardCell) -> None:
    """moyo#206: its own primitive cell could not be solved again."""
    crystal = case.make()
    labels = crystal.element_labels().tolist()
    dataset = moyopy.MoyoDataset(
        moyopy.Cell(crystal.lattice.tolist(), crystal.positions.tolist(), labels), symprec=1e-5
    )
    for cell in (dataset.prim_std_cell, dataset.std_cell):
        elements = [crystal.species[label][0][0] for label in cell.numbers]
        standard = as_crystal((np.array(cell.basis), np.array(cell.positions), elements))
        assert text_of(standard, 1e-5) == text_of(crystal, 1e-5)


def test_atoms_on_one_place_are_refused() -> None:
    """spglib#193, pyiron_atomistics#812, moyo#203."""
    positions = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5 + 1e-4]]
    crystal = as_crystal((4 * np.eye(3), np.array(positions), ["Cs", "Cl", "Cl"]))
    with pytest.raises(StructureError) as caught:
        find_symmetry(crystal, engine="native")
    assert caught.value.code == "S206"


LARGE = {
    "a vacancy in 1,728 atoms": (lambda: without_first(silicon(6)), 215),
    "a vacancy in 8,000 atoms": (lambda: without_first(silicon(10)), 215),
    "noise of 0.003 Å in 1,000 atoms": (lambda: rattled(silicon(5), 0.003), 227),
    "noise of 0.02 Å in 4,096 atoms": (lambda: rattled(silicon(8), 0.02), 1),
}


@pytest.mark.parametrize("name", LARGE)
def test_thousands_of_atoms_have_one_answer(name: str) -> None:
    """spglib#43: quadratic and cubic time."""
    make, group = LARGE[name]
    found = texts(make(), 1e-2, 1)
    assert len(found) == 1
    assert parse(found.pop()).space_group == group


@pytest.mark.parametrize(("name", "id", "symprec", "group"), AT_A_THRESHOLD)
def test_a_crystal_at_a_threshold_has_one_string(
    shared: Path, name: str, id: str | int, symprec: float, group: int
) -> None:
    with gzip.open(shared / f"data/{name}.jsonl.gz", "rt") as file:
        record = next(
            record
            for line in file
            if f"{json.dumps(id)}," in line[:40] and (record := json.loads(line))["id"] == id
        )
    found = texts(as_crystal(record["structure"]), symprec, 100)
    assert len(found) == 1
    assert parse(found.pop()).space_group == group


def test_rock_salt_is_rock_salt() -> None:
    assert text_of(rock_salt(), 1e-2).endswith("| Na 4a Cl 4b")
