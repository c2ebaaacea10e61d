"""CIF files of all kinds become the crystal a crystallographer would read in them, or one clear failure."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from cloudkit.errors import StructureError
from cloudkit.io.cif import read_cif
from cloudkit.structure import Crystal, find_symmetry

from ..structure.structure_examples import ROCK_SALT, cif


def _read(text: str) -> Crystal:
    ((_, crystal, *_),) = read_cif(text)
    assert isinstance(crystal, Crystal), crystal
    return crystal


def _notes(text: str) -> str:
    ((_, _, _, notes, *_),) = read_cif(text)
    return "; ".join(notes)


def _code(text: str) -> str:
    try:
        ((_, _, error, *_),) = read_cif(text)
    except StructureError as raised:
        error = raised
    assert isinstance(error, StructureError), error
    return error.code


def _contents(crystal: Crystal) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for label in crystal.labels:
        for element, occupancy in crystal.species[label]:
            counts[element] += occupancy
    return {element: round(count, 6) for element, count in counts.items()}


def test_a_space_group_name_expands_the_asymmetric_unit() -> None:
    crystal = _read(ROCK_SALT)
    assert _contents(crystal) == {"Na": 4, "Cl": 4}
    assert find_symmetry(crystal).space_group == 225


def test_hall_symbol_and_number_serve_where_there_is_no_name() -> None:
    for line in ("_symmetry_space_group_name_Hall '-F 4 2 3'", "_space_group_IT_number 225"):
        assert _contents(_read(ROCK_SALT.replace("_symmetry_space_group_name_H-M 'F m -3 m'", line))) == {
            "Na": 4,
            "Cl": 4,
        }


def test_listed_operations_win_over_a_name_that_contradicts_them() -> None:
    text = cif(
        "Na1 0.1 0.2 0.3", operations="x,y,z -x,-y,-z", more="_symmetry_space_group_name_H-M 'F m -3 m'"
    )
    assert _contents(_read(text)) == {"Na": 2}


def test_atoms_near_a_special_position_are_moved_onto_it() -> None:
    text = """\
data_x
_cell_length_a 4
_cell_length_b 4
_cell_length_c 6
_cell_angle_gamma 120
_space_group_name_H-M_alt 'P 63/m m c'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mg1 0.333 0.667 0.25
"""
    crystal = _read(text)
    assert len(crystal) == 2
    np.testing.assert_allclose(np.sort(crystal.positions[:, 0]), [1 / 3, 2 / 3], atol=1e-12)


def test_rows_at_one_place_become_one_mixed_site_even_through_symmetry() -> None:
    columns = "label type_symbol fract_x fract_y fract_z occupancy"
    text = cif(
        "Fe1 Fe 0.1 0.2 0.3 0.75\nNi1 Ni -0.1 -0.2 -0.3 0.25", columns=columns, operations="x,y,z -x,-y,-z"
    )
    crystal = _read(text)
    assert len(crystal) == 2
    assert crystal.species == ((("Fe", 0.75), ("Ni", 0.25)),)
    assert crystal.species_texts == ("Fe:0.75, Ni:0.25",)


def test_the_halves_of_a_split_atom_stay_apart() -> None:
    columns = "label fract_x fract_y fract_z occupancy"
    crystal = _read(cif("Li1 0.52 0.1 0.1 0.5", columns=columns, operations="x,y,z -x,y,z"))
    assert len(crystal) == 2
    assert find_symmetry(crystal).orbits


def test_an_atom_listed_twice_counts_once_and_is_noted() -> None:
    text = cif("Na1 0.1 0.2 0.3\nNa2 -0.1 -0.2 -0.3", operations="x,y,z -x,-y,-z")
    assert _contents(_read(text)) == {"Na": 2}
    assert "counted once" in _notes(text)


def test_sums_of_occupancies_just_over_one_are_scaled_and_larger_ones_refused() -> None:
    columns = "label fract_x fract_y fract_z occupancy"
    assert _contents(_read(cif("Fe1 0 0 0 0.505\nNi1 0 0 0 0.5", columns=columns))) == pytest.approx(
        {"Fe": 0.505 / 1.005, "Ni": 0.5 / 1.005}, abs=1e-6
    )
    assert _code(cif("Fe1 0 0 0 0.6\nNi1 0 0 0 0.5", columns=columns)) == "S108"


def test_mixtures_in_one_row_are_split_into_their_elements() -> None:
    columns = "label type_symbol fract_x fract_y fract_z occupancy"
    crystal = _read(cif("M1 '0.75(2)Si + 0.25Al' 0 0 0 1\nM2 '0.7OH + 0.3F' .5 .5 .5 1", columns=columns))
    assert {frozenset(species) for species in crystal.species} == {
        frozenset({("Si", 0.75), ("Al", 0.25)}),
        frozenset({("O", 0.7), ("F", 0.3)}),
    }


def test_what_has_no_share_of_a_mixture_is_not_there() -> None:
    columns = "label type_symbol fract_x fract_y fract_z"
    crystal = _read(cif("M '0.0Nb + 1.0Zr' 0 0 0", columns=columns))
    assert crystal.species == ((("Zr", 1.0),),)


def test_oxidation_states_and_isotopes_go_into_the_written_species_only() -> None:
    types = "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nNa1+ 1\nD1+ 1\nO2- -2\n"
    columns = "label type_symbol fract_x fract_y fract_z"
    crystal = _read(cif("Na1 Na1+ 0 0 0\nD1 D1+ .5 .5 .5\nO1 O2- 0 .5 .5", columns=columns, more=types))
    assert dict(zip(crystal.species_texts, crystal.species, strict=True)) == {
        "Na+": (("Na", 1.0),),
        "D+": (("H", 1.0),),
        "O2-": (("O", 1.0),),
    }


def test_magnetic_operations_expand_as_their_space_parts() -> None:
    text = cif("Fe1 0.1 0.2 0.3").replace(
        "_space_group_symop_operation_xyz", "_space_group_symop_magn_operation.xyz"
    )
    text = text.replace("'x,y,z'", "'x,y,z,+1'\n'-x,-y,-z,-1'")
    assert _contents(_read(text)) == {"Fe": 2}


@pytest.mark.parametrize(
    ("label", "formula", "element"),
    [
        ("Na1", "", "Na"),
        ("NA1", "", "Na"),
        ("SiT1", "", "Si"),
        ("OA2", "", "O"),
        ("KA", "", "K"),
        ("O-H(1)", "", "O"),
        ("Wat", "", "O"),
        ("Ow3", "", "O"),
        ("HW1", "", "H"),
        ("Dw1", "", "H"),
        ("CO1", "C6 H5 O2", "C"),
        ("CO1", "Co O", "Co"),
        ("NH1", "", "N"),
        ("HO1", "H2 O", "H"),
        ("FE1", "Fe O", "Fe"),
        ("fe1", "", "Fe"),
        ("C12A", "", "C"),
    ],
)
def test_labels_tell_the_element(label: str, formula: str, element: str) -> None:
    more = f"_chemical_formula_sum '{formula}'" if formula else ""
    assert list(_contents(_read(cif(f"{label} 0.1 0.2 0.3", more=more)))) == [element]


def test_what_is_left_out_is_noted() -> None:
    columns = "label fract_x fract_y fract_z occupancy calc_flag attached_hydrogens"
    text = cif("Na1 0 0 0 1 d ?\nQ1 .1 .1 .1 1 dum ?\nK1 .5 .5 .5 0 d ?\nN1 .5 0 0 1 d 4", columns=columns)
    assert _contents(_read(text)) == {"Na": 1, "N": 1}
    assert all(part in _notes(text) for part in ("dummy atom Q1", "K1 left out", "4 hydrogen atoms"))


def test_hydrogens_without_coordinates_are_left_out_with_a_note() -> None:
    text = cif("Na1 0 0 0\nO1 0.5 0 0\nH1 ? ? ?\nD2 . . .")
    assert _contents(_read(text)) == {"Na": 1, "O": 1}
    assert "hydrogens without coordinates are left out: H1, D2" in _notes(text)


def test_a_point_for_zero_is_read_where_the_file_writes_half_without_a_zero() -> None:
    assert _contents(_read(cif("Mn1 . . .\nF1 .5 . ."))) == {"Mn": 1, "F": 1}
    assert _code(cif("Mn1 . . .\nF1 0.5 . .")) == "S106"


def test_no_symmetry_stated_means_p1_and_is_noted() -> None:
    text = cif("Na1 0.1 0.2 0.3").replace("loop_\n_space_group_symop_operation_xyz\n'x,y,z'\n", "")
    assert _contents(_read(text)) == {"Na": 1}
    assert "P1" in _notes(text)


def test_every_block_with_atoms_is_a_structure_of_its_own() -> None:
    text = ROCK_SALT + "data_notes\n_journal_year 1999\n" + cif("K1 0 0 0") + ROCK_SALT
    assert [record.id for record in read_cif(text)] == ["rock_salt", "test", "rock_salt.2"]


def test_a_broken_block_without_atoms_does_not_spoil_the_others() -> None:
    text = ROCK_SALT + "data_powder\nloop_\n_x\n_y\n1 2 3\n"
    ((name, crystal, *_),) = read_cif(text)
    assert name == "rock_salt"
    assert len(crystal) == 8  # type: ignore[arg-type]


def test_a_broken_block_with_atoms_is_a_failure_that_names_the_line() -> None:
    found = list(read_cif(ROCK_SALT + "data_bad\nloop_\n_atom_site_fract_x\n_y\n1 2 3\n"))
    assert [record.id for record in found] == ["rock_salt", "bad"]
    error: Any = found[1].error
    assert error.code == "S103"
    assert "line 14" in error.message


def test_a_quoted_text_over_several_lines_is_read() -> None:
    several_lines = "_comment 'one\n\n two\n'\n"
    assert _contents(_read(ROCK_SALT + several_lines)) == {"Na": 4, "Cl": 4}
    above = ROCK_SALT + several_lines
    with pytest.raises(StructureError, match=f"at line {above.count(chr(10)) + 1}: "):
        list(read_cif(above + "loop_\n_x\n_y\n1 2 3\n"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("data_x\n_cell_length_a 5\n", "S104"),
        ("data_x\nloop_\n_atom_site_label\nNa1\n", "S106"),
        ("no cif at all", "S103"),
        (ROCK_SALT.replace("_cell_length_b 5.64\n", ""), "S105"),
        (ROCK_SALT.replace("_cell_length_b 5.64", "_cell_length_b ?"), "S105"),
        (ROCK_SALT.replace("_cell_length_b 5.64", "_cell_length_b -5.64"), "S105"),
        (ROCK_SALT + "_cell_angle_alpha 20\n_cell_angle_beta 20\n", "S105"),
        (ROCK_SALT.replace("Cl1 0.5", "Cl1 ?"), "S106"),
        (ROCK_SALT.replace("Cl1", "Zz1"), "S107"),
        (ROCK_SALT.replace("F m -3 m", "Q 7"), "S109"),
        (cif("Na1 0 0 0", operations="x,y,z 2x,y,z"), "S110"),
        (cif("Na1 0 0 0", operations="x,y,z -x,-y,z -x,y,-z"), "S110"),
        (cif("Na1 0 0 0", operations="x,1,z"), "S110"),
        (cif("Na1 0 0 0", operations="x,y,z+99999999999999999999"), "S109"),
        (cif("Na1 0 0 0", operations="x,y,z x,y,1/0+z"), "S109"),
        (cif("Na1 0 0 0", operations="x,x,z"), "S110"),
        (cif("Na1 0 0 0", operations="x,y,9*x+z"), "S110"),
        (cif("M1 NH3 0 0 0", columns="label type_symbol fract_x fract_y fract_z"), "S107"),
        (cif("Na1 0 0 0 1.3", columns="label fract_x fract_y fract_z occupancy"), "S108"),
        (cif("Na1 0 0 0 0", columns="label fract_x fract_y fract_z occupancy"), "S104"),
        (cif("Na1 0 0", columns="label fract_x fract_y"), "S106"),
        (cif("M 0Na 0 0 0", columns="label type_symbol fract_x fract_y fract_z"), "S104"),
        (ROCK_SALT.replace("loop_\n", "").replace("Na1 0 0 0\nCl1 0.5", "data_1 0 0 0\nCl1 0.5"), "S106"),
    ],
)
def test_a_cif_without_a_readable_structure_fails_with_a_code(text: str, code: str) -> None:
    assert _code(text) == code


def test_occupancies_in_a_loop_of_their_own_count() -> None:
    text = cif(
        "Fe1 Fe 0 0 0\nO1 O 0.5 0.5 0.5",
        columns="label type_symbol fract_x fract_y fract_z",
        more="loop_\n_atom_site_occupancy\n0.5\n1\n",
    )
    assert _read(text).species == ((("Fe", 0.5),), (("O", 1.0),))
