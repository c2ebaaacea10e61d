"""Whatever people have becomes the same Crystal, or fails with a code."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cloudkit
from cloudkit.errors import StructureError
from cloudkit.io import as_crystal
from cloudkit.structure import find_symmetry

from ..structure.structure_examples import CUBIC_POSCAR, caesium_chloride, cif


def _assert_caesium_chloride(crystal: Any) -> None:
    np.testing.assert_allclose(crystal.lattice, np.eye(3) * 4.12, atol=1e-12)
    np.testing.assert_allclose(crystal.positions, [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert [crystal.species[label] for label in crystal.labels] == [(("Cs", 1.0),), (("Cl", 1.0),)]


def test_arrays_of_numbers_and_of_symbols_give_the_same_crystal() -> None:
    lattice, positions, numbers = caesium_chloride()
    _assert_caesium_chloride(as_crystal((lattice, positions, numbers)))
    _assert_caesium_chloride(as_crystal([lattice.tolist(), positions.tolist(), ["Cs", "Cl"]]))


def test_a_crystal_is_returned_as_it_is() -> None:
    crystal = as_crystal(caesium_chloride())
    assert as_crystal(crystal) is crystal


def test_a_path_of_one_structure_is_read(tmp_path: Path) -> None:
    path = tmp_path / "POSCAR"
    path.write_text(CUBIC_POSCAR)
    _assert_caesium_chloride(as_crystal(path))
    _assert_caesium_chloride(as_crystal(str(path)))


def test_the_shared_data_form_is_read() -> None:
    lattice, positions, _ = caesium_chloride()
    data = {"lattice": lattice.tolist(), "frac": positions.tolist(), "species": ["Cs", "Cl"]}
    _assert_caesium_chloride(as_crystal(data))
    _assert_caesium_chloride(as_crystal({"id": "x", "structure": data}))


def test_pymatgen_structures_and_their_dictionaries_are_read() -> None:
    core = pytest.importorskip("pymatgen.core")
    lattice, positions, _ = caesium_chloride()
    structure = core.Structure(lattice, ["Cs+", {"Cl-": 0.75, "Br-": 0.25}], positions)
    for given in (structure, structure.as_dict(), json.loads(json.dumps(structure.as_dict()))):
        crystal = as_crystal(given)
        assert crystal.species == ((("Cs", 1.0),), (("Cl", 0.75), ("Br", 0.25)))
        assert crystal.species_texts == tuple(site.species_string for site in structure)


def test_ase_atoms_are_read() -> None:
    ase = pytest.importorskip("ase")
    lattice, positions, numbers = caesium_chloride()
    _assert_caesium_chloride(
        as_crystal(ase.Atoms(numbers=numbers, cell=lattice, scaled_positions=positions, pbc=True))
    )


def test_occupancies_that_ase_keeps_aside_are_not_passed_over_in_silence(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    read = pytest.importorskip("ase.io").read
    for number, (occupancy, count) in enumerate((("1", 0), ("0.5", 1))):
        path = tmp_path / f"{number}.cif"
        path.write_text(
            cif(
                f"Cs1 0 0 0 {occupancy}\nCl1 .5 .5 .5 1",
                columns="label fract_x fract_y fract_z occupancy",
                more="_symmetry_space_group_name_H-M 'P 1'",
            )
        )
        as_crystal(read(path))
        assert caplog.text.count("occupancies in atoms.info are not read") == count


def test_optimade_entries_are_read_with_vacancies() -> None:
    entry = {
        "id": "odbx/1",
        "type": "structures",
        "attributes": {
            "lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, 0, 8]],
            "cartesian_site_positions": [[0, 0, 0], [2, 2, 4]],
            "species_at_sites": ["mix", "Cl"],
            "species": [
                {"name": "mix", "chemical_symbols": ["Na", "vacancy"], "concentration": [0.8, 0.2]},
                {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
            ],
        },
    }
    crystal = as_crystal(entry)
    np.testing.assert_allclose(crystal.positions[1], [0.5, 0.5, 0.5])
    assert crystal.species == ((("Na", 0.8),), (("Cl", 1.0),))


def test_oxidation_states_are_kept_beside_the_elements_and_tell_labels_apart() -> None:
    lattice = np.diag([4.0, 4.0, 8.0])
    crystal = as_crystal((lattice, [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.25]], ["Fe2+", "Fe3+", "O2-"]))
    assert crystal.species_texts == ("Fe2+", "Fe3+", "O2-")
    assert crystal.species[0] == crystal.species[1] == (("Fe", 1.0),)
    assert crystal.element_labels().tolist() == [0, 0, 2]
    assert len(find_symmetry(crystal, by_written=True).orbits) == 3


def test_deuterium_is_hydrogen_but_stays_written() -> None:
    crystal = as_crystal((np.eye(3) * 4, [[0, 0, 0], [0.5, 0.5, 0.5]], ["D", "Li"]))
    assert crystal.species[0] == (("H", 1.0),)
    assert crystal.species_texts == ("D", "Li")


@pytest.mark.parametrize("place", [np.inf, np.nan])
def test_numbers_that_are_not_finite_are_refused_without_a_warning_of_numpy(
    place: float, tmp_path: Path
) -> None:
    cell, places = (np.eye(3) * 4).tolist(), [[0, 0, 0], [0, place, 2]]
    optimade = {"lattice_vectors": cell, "cartesian_site_positions": places, "species_at_sites": ["Na", "Cl"]}
    frame = f'2\nLattice="4 0 0 0 4 0 0 0 4"\nNa 0 0 0\nCl 0 {place} 2\n'
    (tmp_path / "x.extxyz").write_text(frame)
    given = [optimade, {"numbers": [11, 17], "positions": places, "cell": cell}, tmp_path / "x.extxyz"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cloudkit.encode_batch(given)
    assert [error and error.code for error in found.errors] == ["S202"] * 3


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (42, "S112"),
        ({}, "S112"),
        ({"lattice": [[1]], "frac": [], "species": []}, "S112"),
        ({"lattice": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "frac": [[0, 0]], "species": ["Na"]}, "S112"),
        ((np.eye(3), [[0, 0, "a"]], [1]), "S112"),
        ((np.eye(3), [[0, 0, 0]], [119]), "S107"),
        ((np.eye(3), [[0, 0, 0]], [0]), "S107"),
        ((np.eye(3), [[0, 0, 0]], ["Xx"]), "S107"),
        ((np.eye(3), [[0, 0, 0]], [[1]]), "S112"),
        ({"lattice": {"matrix": [[1, 0, 0]]}, "sites": [{}]}, "S112"),
        ({"lattice_vectors": [[0, 0, 0]] * 3, "species_at_sites": []}, "S203"),
        ("no/such/file.cif", "S101"),
        ("x" * 300, "S101"),
        ("data_x\n_cell_length_a 5\n" * 300, "S112"),
        ({"lattice": {"matrix": np.eye(3)}, "sites": [{"species": [{"element": "Na", "occu": "x"}], "abc": [0, 0, 0]}]}, "S112"),
        ({"lattice": {"matrix": [[1, 0], [0]]}, "sites": [{"species": [{"element": "Na", "occu": 1}], "abc": [0, 0, 0]}]}, "S112"),
        ({"numbers": [11], "positions": [[0, 0, 0]], "cell": np.eye(3), "pbc": [True, True]}, "S112"),
        ({"lattice": np.eye(3), "frac": [[0, 0, 10**400]], "species": ["Na"]}, "S112"),
    ],
)  # fmt: skip
def test_what_is_no_structure_fails_with_a_code(given: Any, code: str) -> None:
    with pytest.raises(StructureError) as caught:
        as_crystal(given)
    assert caught.value.code == code
    assert cloudkit.encode_batch([given, caesium_chloride()]).errors[1] is None
