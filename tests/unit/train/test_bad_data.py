"""Bad data: one clear message before any training, and nothing left behind."""

from pathlib import Path
from typing import Any

import pytest

from cloudkit.errors import CloudkitError, DataError, SpecError
from cloudkit.train import build

from .train_examples import labels, write_csv

REDUCED = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | 4a 4b | Na 0.5 Cl 0.5"
BAD_CELLS = [
    ("cv", "nan", r"test.csv: row 2, column 'cv': expected a finite number"),
    ("cv", "much", r"test.csv: row 2, column 'cv': expected a finite number, found 'much'"),
    ("t", "-5", r"test.csv: row 2, column 't': expected a temperature"),
    ("n_atoms", "0", r"test.csv: row 2, column 'n_atoms': expected a number above 0"),
]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(("column", "value", "message"), BAD_CELLS)
def test_a_bad_cell_of_the_last_file_is_found_before_training(
    project: Path, spec: Any, column: str, value: str, message: str, dry_run: bool
) -> None:
    rows = labels("test", 6)
    rows[1][column] = value
    write_csv(project / "test.csv", rows)
    with pytest.raises(DataError, match=message):
        build(spec(), project / "run", dry_run=dry_run)
    assert not (project / "run").exists()


def test_a_missing_column_names_the_nearest_one(project: Path, spec: Any) -> None:
    with pytest.raises(SpecError, match=r"no column 'cvv' in train.csv; did you mean 'cv'"):
        build(spec("tasks.1.data.targets.0.column=cvv"), project / "run")
    assert not (project / "run").exists()


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_string_that_is_too_long_is_named_not_cut(project: Path, spec: Any, dry_run: bool) -> None:
    with pytest.raises(DataError, match=r"the string of row or id .* tokens.max_length = 5"):
        build(spec("tokens.max_length=5"), project / "run", dry_run=dry_run)
    assert not (project / "run").exists()


@pytest.mark.parametrize("dry_run", [False, True])
def test_labels_that_a_head_cannot_learn_are_found_before_training(
    project: Path, spec: Any, dry_run: bool
) -> None:
    text = (project / "tiny.yaml").read_text()
    text = text.replace("{kind: thermal}", "{kind: regression, outputs: [gap], transform: log}")
    text = text.replace("quantity: heat_capacity, temperature: t, unit: J/mol_cell/K", "quantity: gap")
    (project / "tiny.yaml").write_text(text)
    rows = labels("train", 20)
    rows[7]["cv"] = 0
    write_csv(project / "train.csv", rows)
    with pytest.raises(DataError, match=r"heads.thermal.transform = log needs labels above 0, found gap = 0"):
        build(spec(), project / "run", dry_run=dry_run)
    assert not (project / "run").exists()


@pytest.mark.parametrize("dry_run", [False, True])
def test_positive_labels_over_decades_suggest_a_logarithm(project: Path, spec: Any, dry_run: bool) -> None:
    text = (project / "tiny.yaml").read_text()
    text = text.replace("{kind: thermal}", "{kind: regression, outputs: [K_VRH]}")
    text = text.replace("quantity: heat_capacity, temperature: t, unit: J/mol_cell/K", "quantity: K_VRH")
    (project / "tiny.yaml").write_text(text)
    for name, count in (("train", 20), ("test", 6)):
        rows = labels(name, count)
        for number, row in enumerate(rows):
            row["cv"] = 2.0 ** (number % 12)
        write_csv(project / f"{name}.csv", rows)

    def notes(*changes: str) -> list[str]:
        lines: list[str] = []
        build(spec(*changes), project / "run", dry_run=dry_run, log=lines.append)
        return [line for line in lines if "positive" in line]

    assert len(notes()) == 1 and "heads.thermal.transform: log" in notes()[0]
    assert notes("heads.thermal.transform=log") == []


def test_text_that_only_the_cloud_vocabulary_takes_is_refused_where_baselines_must_read_it(
    project: Path, spec: Any
) -> None:
    rows = labels("test", 6)
    rows[0]["scope"] = "any text at all"
    write_csv(project / "test.csv", rows)
    cloud = ["tokens.vocabulary=cloud", "encoder.features=false"]
    with pytest.raises(DataError, match=r"test.csv: row or id .*baselines need valid SCOPE"):
        build(spec(*cloud), project / "run")
    assert not (project / "run").exists()
    assert build(spec(*cloud, "tasks.2.baselines=[]"), project / "run").metrics["tasks"][0]["baselines"] == {}


def test_bad_data_keeps_the_stages_of_an_earlier_build(project: Path, spec: Any) -> None:
    build(spec(), project / "run")
    kept = {path.name for path in (project / "run" / "stages").iterdir()}
    (project / "test.csv").write_text("name,scope,n_atoms,t,cv\n")
    with pytest.raises(DataError, match="no rows"):
        build(spec(), project / "run")
    assert {path.name for path in (project / "run" / "stages").iterdir()} == kept


def test_a_run_folder_that_is_a_file_or_cannot_be_made_is_refused(project: Path, spec: Any) -> None:
    (project / "taken").write_text("")
    with pytest.raises(CloudkitError, match="is a file"):
        build(spec(), project / "taken")
    with pytest.raises(CloudkitError, match="cannot be written"):
        build(spec(), project / "taken" / "run")


def test_training_that_diverges_says_so_and_leaves_no_weights(project: Path, spec: Any) -> None:
    with pytest.raises(CloudkitError, match="training diverged in epoch"):
        build(spec("tasks.0.learning_rate=1e30", "tasks.0.max_grad_norm=null"), project / "run")
    assert not (project / "run" / "model.safetensors").exists()
    assert not list((project / "run").rglob("*.part"))


@pytest.mark.parametrize("dry_run", [False, True])
def test_labels_that_repeat_or_contradict_are_said_before_training_with_the_error_that_they_imply(
    project: Path, spec: Any, dry_run: bool
) -> None:
    rows = labels("train", 20)
    first, second = rows[0], rows[3]
    n = float(str(first["n_atoms"]))
    again = [dict(first, cv=float(str(first["cv"])) + 6.0 * n), dict(second)]
    write_csv(project / "train.csv", [*rows, *again])
    lines: list[str] = []
    build(spec("tasks.0.epochs=1", "tasks.1.epochs=1"), project / "run", dry_run=dry_run, log=lines.append)
    (note,) = {line for line in lines if "labels of heat_capacity" in line}
    floor = 6.0 / (len(rows) + 2)  # two labels, each 3 from their median
    assert note.startswith(
        f"note: train.csv: 2 of {len(rows) + 2} labels of heat_capacity repeat a label of the same crystal"
    )
    assert f"; 1 contradict it, most of all {first['name']} (" in note
    assert note.endswith(f"no model can have a mean absolute error below {floor:.3g} J/mol_atom/K on them")
    training = next(i for i, line in enumerate(lines) if line.startswith("pretrain"))
    assert lines.index(note) < training


@pytest.mark.parametrize(
    ("changes", "column", "value", "message"),
    [
        ({"unit": "eV"}, "", "", r"unit.*eV"),
        ({}, "scope", REDUCED, r"train.csv: row 1, column 'scope'"),
    ],
)
def test_another_unit_or_a_poorer_dialect_is_refused_before_training(
    project: Path, spec: Any, changes: dict[str, str], column: str, value: str, message: str
) -> None:
    rows = labels("train", 20)
    if column:
        rows[0][column] = value
    write_csv(project / "train.csv", rows)
    with pytest.raises(CloudkitError, match=message) as error:
        build(spec(*(f"tasks.1.data.targets.0.{key}={new}" for key, new in changes.items())), project / "run")
    print(error.value)
    assert not (project / "run").exists()
