"""Measured points are laid over the curves that they belong to, or refused with their file, row and column."""

import csv
from pathlib import Path

import pytest

from cloudkit.errors import CloudkitError, DataError
from cloudkit.predict import load
from cloudkit.report import CurvePlot, read_points

from ..predict.predict_examples import ROCK_SALT

HEADER = ("id", "temperature", "value", "quantity", "unit", "n_atoms")


def write(path: Path, *rows: tuple[object, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def test_points_of_another_unit_become_those_of_the_prediction(tmp_path: Path) -> None:
    given = write(
        tmp_path / "points.csv",
        ("1", 300, 50.0, "heat_capacity_p", "J/mol_formula/K", 2),
        ("1", 300, 20.0, "entropy", "J/mol_atom/K", ""),
    )
    assert read_points(given) == {
        ("1", "heat_capacity_p"): [(300.0, 25.0)],
        ("1", "entropy"): [(300.0, 20.0)],
    }


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ("1", 300, 5.0, "enthalpy_increment", "J/mol_atom", 2),
            "column 'quantity': no curve of 'enthalpy_incr",
        ),
        (("1", 300, 5.0, "entropy", "J/mol_cell/K", "two"), "column 'n_atoms': expected a number .* 'two'"),
        (("1", 300, 5.0, "entropy", "J/mol_cell/K", 0), "column 'unit': .* needs the number of atoms"),
        (("1", -1, 5.0, "entropy", "J/mol_atom/K", 2), "column 'temperature': expected a temperature"),
    ],
)
def test_a_point_that_cannot_be_drawn_is_named(tmp_path: Path, row: tuple[object, ...], message: str) -> None:
    good = ("1", 300, 50.0, "heat_capacity", "J/mol_atom/K", "")
    with pytest.raises(DataError, match=rf"points\.csv: row 2, {message}"):
        read_points(write(tmp_path / "points.csv", good, row))


def test_every_quantity_of_the_points_is_drawn_and_cp_over_cv_if_it_is_not_predicted(
    thermal_folder: Path, tmp_path: Path
) -> None:
    model = load(thermal_folder)
    names = ("heat_capacity", "heat_capacity_p", "entropy", "internal_energy", "free_energy")
    rows = [
        ("1", 200, 1.0, name, "J/mol_atom/K" if "energy" not in name else "J/mol_atom", "") for name in names
    ]
    plot = CurvePlot(3, read_points(write(tmp_path / "points.csv", *rows)))
    plot.add(model.predict([ROCK_SALT], [0, 200, 400]).assign(id="1"))
    plot.save(tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert text.count('id="axes_') == len(names) - 1
    assert "points: measured Cv and Cp" in text


def test_points_are_in_the_panel_of_their_quantity_and_open_no_other(tmp_path: Path) -> None:
    points = read_points(write(tmp_path / "p.csv", ("1", 200, 20.0, "heat_capacity_p", "J/mol_atom/K", "")))
    table = load("materials").predict([ROCK_SALT], [0, 200, 400]).dropna(subset="temperature").assign(id="1")
    for chosen, panels in (([], 1), (["heat_capacity", "heat_capacity_p"], 2)):
        plot = CurvePlot(3, points, chosen)
        plot.add(table)
        plot.save(tmp_path / "curves.svg")
        text = (tmp_path / "curves.svg").read_text()
        assert text.count('id="axes_') == panels
        assert text.count("points: measured Cp") == 1 and "measured Cv" not in text
    plot = CurvePlot(3, points, ["heat_capacity"])
    plot.add(table)
    with pytest.raises(CloudkitError, match="points are heat_capacity_p, and the plot shows heat_capacity"):
        plot.save(tmp_path / "curves.svg")


def test_two_crystals_of_one_id_are_two_curves(thermal_folder: Path, tmp_path: Path) -> None:
    model = load(thermal_folder)
    plot = CurvePlot(3)
    plot.add(model.predict([ROCK_SALT, ROCK_SALT.replace("Na", "Li")], [0, 200, 400]).assign(id="POSCAR"))
    plot.add(model.predict([ROCK_SALT.replace("Na", "Rb")], [0, 200, 400]).assign(id="POSCAR"))
    plot.save(tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").read_text().count("<!-- POSCAR -->") == 3
