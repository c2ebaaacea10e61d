"""Strings and labels: checked, brought to one dialect, per mole of atoms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloudkit.data import Crystals, Target, join_crystals, read_crystals
from cloudkit.errors import DataError
from cloudkit.io import Table
from cloudkit.tables import generator_text

SALT = f"{generator_text(225)} | Na 4a Cl 4b"
REDUCED = f"{generator_text(225)} | 4a 4b | Na 0.5 Cl 0.5"
IRON = f"{generator_text(229)} | Fe 2a"
CV = Target("cv", "heat_capacity", "t", "J/mol_cell/K")


def table(**columns: list[object]) -> Table:
    given = {
        "scope": [SALT, IRON, SALT],
        "cv": ["80", "50", "160"],
        "t": ["100", "300", "300"],
        "n": ["8", "2", "8"],
    }
    return Table("cv.csv", {**given, **columns})


def test_a_string_with_several_labels_is_kept_once_and_labels_are_per_atom() -> None:
    crystals = read_crystals(table(), n_atoms="n", targets=[CV])
    assert crystals.texts == [SALT, IRON]
    assert crystals.ids == ["1", "2"]
    assert crystals.crystal.tolist() == [0, 0, 1]
    assert crystals.temperature.tolist() == [100, 300, 300]
    assert crystals.value.tolist() == [10, 20, 25]


def test_two_columns_of_labels_become_two_quantities_of_the_same_crystals() -> None:
    targets = [
        Target("cv", "heat_capacity", 300, "cal/mol_atom/K"),
        Target("u", "internal_energy", 300, "kJ/mol_atom"),
    ]
    crystals = read_crystals(table(u=["1", "2", "3"]), targets=targets)
    assert crystals.quantities == ("heat_capacity", "internal_energy")
    assert crystals.value[crystals.quantity == 1].tolist() == [1000, 3000, 2000]
    assert crystals.value[crystals.quantity == 0].tolist() == pytest.approx(
        [80 * 4.184, 160 * 4.184, 50 * 4.184]
    )
    swapped = crystals.renumbered(["internal_energy", "entropy", "heat_capacity"])
    assert swapped.quantity.tolist() == [{0: 2, 1: 0}[q] for q in crystals.quantity.tolist()]


def test_orbit_strings_are_projected_to_reduced_and_the_notes_say_how_many() -> None:
    crystals = read_crystals(table(scope=[SALT, REDUCED, IRON]), dialect="reduced")
    assert crystals.texts == [REDUCED, f"{generator_text(229)} | 2a | Fe 1.0"]
    assert crystals.notes == ("cv.csv: 2 strings projected to the reduced dialect",)


@pytest.mark.parametrize("any_text", [True, False])
def test_a_reduced_string_cannot_become_an_orbit_string(any_text: bool) -> None:
    with pytest.raises(DataError, match=r"cv.csv: row 2, column 'scope'"):
        read_crystals(table(scope=[SALT, REDUCED, IRON]), any_text=any_text)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("hello world", "E103: unexpected token 'hello' at offset 0"),
        ("", "expected text, found ''"),
        (5, "expected text, found 5"),
    ],
)
def test_a_row_without_a_valid_string_is_left_out_with_a_note(value: object, reason: str) -> None:
    target = Target("cv", "heat_capacity", 300, "J/mol_atom/K")
    crystals = read_crystals(table(scope=[SALT, value, IRON]), targets=[target])
    assert (crystals.ids, crystals.value.tolist()) == (["1", "3"], [80, 160])
    what = "cv.csv: 1 of 3 strings are not valid and are left out; the first: row 2, column 'scope'"
    assert crystals.notes == (f"{what}: {reason}",)


def test_a_table_without_a_valid_string_is_refused_with_the_first_reason() -> None:
    with pytest.raises(
        DataError, match=r"cv.csv: row 1, column 'scope': E104: .* \(3 of 3 strings are not valid\)"
    ):
        read_crystals(table(scope=["a", "b", ""]))


def test_text_that_is_not_scope_is_kept_where_any_text_is_allowed() -> None:
    odd = table(scope=[SALT, "hello world", IRON])
    crystals = read_crystals(odd, any_text=True)
    assert crystals.texts[1] == "hello world"
    assert crystals.notes == ("cv.csv: 1 strings are not valid SCOPE and are taken as plain text",)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cv": ["1", "nan", "2"]}, r"row 2, column 'cv': expected a finite number, found 'nan'"),
        ({"t": ["1", "-3", "2"]}, r"row 2, column 't': expected a temperature in K, 0 or above, found '-3'"),
        ({"n": ["1", "0", "2"]}, r"row 2, column 'n': expected a number above 0, found '0'"),
    ],
)
def test_a_wrong_value_is_named_with_file_row_and_column(
    columns: dict[str, list[object]], message: str
) -> None:
    with pytest.raises(DataError, match=f"cv.csv: {message}"):
        read_crystals(table(**columns), n_atoms="n", targets=[CV])


def test_rows_are_numbered_as_in_the_file_where_some_are_left_out() -> None:
    skipping = replace(CV, missing="skip")
    with pytest.raises(DataError, match=r"row 3, column 'n': expected a number above 0, found '0'"):
        read_crystals(table(cv=["", "80", "90"], n=["1", "1", "0"]), n_atoms="n", targets=[skipping])
    part = table().where([False, True, True])
    (note,) = read_crystals(replace(part, columns={**part.columns, "scope": ["", IRON]})).notes
    assert "row 2, column 'scope'" in note
    assert read_crystals(part).ids == ["2", "3"]


def test_a_label_per_cell_without_numbers_of_atoms_is_refused() -> None:
    with pytest.raises(DataError, match="needs the number of atoms"):
        read_crystals(table(), targets=[CV])


def test_numbers_of_atoms_are_not_read_where_no_label_needs_them() -> None:
    target = Target("cv", "heat_capacity", 300, "J/mol_atom/K")
    assert read_crystals(table(), n_atoms="absent", targets=[target]).value.tolist() == [80, 160, 50]


def test_crystals_read_back_as_they_were_saved(tmp_path: Path) -> None:
    crystals = read_crystals(table(), n_atoms="n", targets=[CV], id="cv")
    crystals.save(tmp_path)
    again = Crystals.load(tmp_path)
    assert (again.texts, again.ids, again.quantities) == (crystals.texts, crystals.ids, crystals.quantities)
    for name in ("crystal", "quantity", "temperature", "value"):
        assert np.array_equal(getattr(again, name), getattr(crystals, name))


def test_a_heat_capacity_above_what_harmonic_modes_can_have_is_refused_with_its_row() -> None:
    limited = replace(CV, most=26.2)
    with pytest.raises(
        DataError, match=r"cv.csv: row 2, column 'cv': heat_capacity is 30 J/mol_atom/K.*heat_capacity_p"
    ):
        read_crystals(table(cv=["80", "60", "160"]), n_atoms="n", targets=[limited])
    assert len(read_crystals(table(), n_atoms="n", targets=[limited])) == 2


def test_a_heat_capacity_below_zero_is_refused_with_its_row_but_for_noise() -> None:
    limited = replace(CV, most=26.2)
    with pytest.raises(DataError, match=r"row 2, column 'cv': heat_capacity is -30 .* check the sign"):
        read_crystals(table(cv=["80", "-60", "160"]), n_atoms="n", targets=[limited])
    assert (
        read_crystals(table(cv=["80", "-0.02", "160"]), n_atoms="n", targets=[limited]).value.min() == -0.01
    )


def test_labels_of_a_spectrum_have_a_frequency_instead_of_a_temperature() -> None:
    density = Target("g", "phonon_density", frequency="nu", frequency_unit="meV", unit="modes/THz/cell")
    crystals = read_crystals(table(g=["8", "4", "16"], nu=["10", "20", "30"]), n_atoms="n", targets=[density])
    assert crystals.temperature.tolist() == pytest.approx([116.0452, 348.1355, 232.0904], rel=1e-6)
    assert crystals.value.tolist() == [1.0, 2.0, 2.0]
    with pytest.raises(DataError, match=r"row 3, column 'nu': expected a frequency, 0 or above, found '-1'"):
        read_crystals(table(g=["8", "4", "16"], nu=["10", "20", "-1"]), n_atoms="n", targets=[density])


def test_joined_sets_share_the_crystals_that_stand_in_both() -> None:
    first = read_crystals(table(), n_atoms="n", targets=[CV])
    other = Table("s.csv", {"scope": [IRON], "s": ["27"], "id": ["iron"]})
    second = read_crystals(other, id="id", targets=[Target("s", "entropy", 298.15, "J/mol_atom/K")])
    both = join_crystals([first, second])
    assert both.texts == [SALT, IRON] and both.ids == ["1", "2"]
    assert both.quantities == ("heat_capacity", "entropy")
    assert both.crystal.tolist() == [0, 0, 1, 1] and both.quantity.tolist() == [0, 0, 0, 1]
    assert both.value.tolist() == [10.0, 20.0, 25.0, 27.0]
