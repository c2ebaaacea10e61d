import numpy as np
import pytest

from cloudkit.data import Target, read_builtin
from cloudkit.errors import DataError
from cloudkit.evaluate import evaluate
from cloudkit.evaluate.baselines import fit_predict
from cloudkit.io import Table
from cloudkit.predict import load
from cloudkit.units import GAS_CONSTANT

from ..predict.predict_examples import ROCK_SALT, make_model


@pytest.fixture(scope="module")
def model(thermal_folder):
    return load(thermal_folder)


@pytest.fixture(scope="module")
def small_test():
    """The first rows of the built-in test part whose strings the small model can read whole."""
    table = read_builtin("thermal", "test")
    return table.where([len(text.split("|")[1].split()) <= 6 for text in table.text("scope")])


def own_labels(model, **columns):
    """A table whose labels are the model's own predictions."""
    table = model.predict(ROCK_SALT, [100, 300])
    value = table[table["quantity"] == "heat_capacity"]["value"].tolist()
    return Table(
        "own", {"scope": [ROCK_SALT] * 2, "temperature": [100.0, 300.0], "heat_capacity": value, **columns}
    )


def test_a_model_has_no_error_on_its_own_predictions(model):
    found = evaluate(model, own_labels(model), baselines=[])
    assert [score.metrics["quantity"] for score in found.scores] == ["heat_capacity"]
    assert found.scores[0].metrics["mae"] < 1e-4 * 3 * GAS_CONSTANT and found.scores[0].metrics["rows"] == 2


def test_labels_that_no_harmonic_mode_has_are_refused(model):
    for wrong, said in (
        (-24.0, "-24 J/mol_atom/K, but harmonic heat capacities are not below 0"),
        (193.0, "more than 26.19"),
    ):
        table = own_labels(model)
        table.columns["heat_capacity"][1] = wrong
        with pytest.raises(DataError, match=f"own: row 2, column 'heat_capacity': .* {said}"):
            evaluate(model, table, baselines=[])


def test_a_column_of_units_is_not_passed_over(model):
    evaluate(model, own_labels(model, unit=["J/mol_atom/K", ""]), baselines=[])
    with pytest.raises(
        DataError, match=r"row 2, column 'unit': .* read in J/mol_atom/K, found 'J/mol_cell/K'"
    ):
        evaluate(model, own_labels(model, unit=["J/mol_atom/K", "J/mol_cell/K"]), baselines=[])


def test_labels_per_cell_are_compared_per_atom(model):
    table = own_labels(model, n_atoms=[8, 8])
    table.columns["cv"] = [8 * value for value in table.columns.pop("heat_capacity")]
    target = Target("cv", "heat_capacity", "temperature", "J/mol_cell/K")
    found = evaluate(model, table, targets=[target], baselines=[])
    assert found.scores[0].metrics["mae"] < 1e-4 * 3 * GAS_CONSTANT


def test_strings_that_were_trained_on_are_reported(model):
    table = read_builtin("thermal", "train")
    text = table.text("scope")[0]
    seen = table.where([one == text for one in table.text("scope")])
    lines: list[str] = []
    found = evaluate(model, seen, baselines=["mean"], log=lines.append)
    assert "1 of 1 strings were also used for training" in found.notes[0]
    assert lines[0] == f"note: {found.notes[0]}"  # before anything is trained
    assert any(line.endswith("training the baselines mean") for line in lines[1:])


def test_baselines_learn_from_the_rows_that_the_model_was_fitted_to(model, small_test):
    found = evaluate(model, small_test, baselines=["mean"])
    score = found.scores[0]
    assert set(score.metrics["baselines"]) == {"mean"} and found.notes == []
    table = read_builtin("thermal", "train")
    everything = fit_predict("mean", table.text("scope"), table.numbers("temperature"), table.numbers("heat_capacity"),
                             score.texts, score.columns["temperature"])  # fmt: skip
    assert not np.allclose(everything, score.columns["mean"])  # the validation crystals taught nothing
    assert np.allclose(everything, score.columns["mean"], atol=1.0)


def test_training_rows_that_are_gone_leave_a_note_and_no_baselines(tmp_path):
    labels = f"scope,temperature,heat_capacity\n{ROCK_SALT},100,18.5\n{ROCK_SALT},300,24\n"
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(labels)
    model = load(make_model(tmp_path / "m", data=f"path: {tmp_path / 'train.csv'}"))
    (tmp_path / "train.csv").unlink()
    found = evaluate(model, tmp_path / "test.csv")
    assert found.scores[0].metrics["baselines"] == {} and found.scores[0].metrics["rows"] == 2
    assert any("train.csv" in note and "no baselines" in note for note in found.notes)


def test_a_table_without_labels_names_what_it_looked_for(model):
    with pytest.raises(DataError, match="heat_capacity"):
        evaluate(model, Table("plain", {"scope": [ROCK_SALT]}))


def test_a_file_that_is_not_there_is_named(model, tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv"):
        evaluate(model, tmp_path / "absent.csv")
