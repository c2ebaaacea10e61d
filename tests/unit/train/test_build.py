"""A build from end to end at tiny size: what it leaves, what it does again, and what it never does."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import cloudkit
from cloudkit.errors import CloudkitError
from cloudkit.io import read_table
from cloudkit.models import CloudModel, load_model
from cloudkit.modelspec import Spec, load_spec, parse_spec
from cloudkit.predict import load
from cloudkit.report.sheet import sheet_page
from cloudkit.report.verdict import lead
from cloudkit.tokens import Tokenizer
from cloudkit.train import BuildResult, build

from .train_examples import SPEC, Interrupt, MakeSpec, labels, write_csv

ARTIFACT = {
    "attribution.json", "card.md", "curves.json", "known.npz", "metrics.json", "model.safetensors", "predictions.csv", "report.html", "seen.npz", "spec.yaml",
    "timing.json", "vocab.txt",
}  # fmt: skip


def status(result: BuildResult) -> dict[str, str]:
    return {f"{r.stage.kind} {r.stage.label}": r.status for r in result.stages}


def same_weights(first: Path, second: Path) -> bool:
    one, two = (load_file(folder / "model.safetensors") for folder in (first, second))
    return one.keys() == two.keys() and all(bool((one[name] == two[name]).all()) for name in one)


def test_a_model_names_what_it_has_not_seen_and_its_nearest_crystals(project: Path, spec: Any) -> None:
    result = build(spec(), project / "run")
    model = load(result.folder)
    learned = labels("train", 20)
    rows = {str(row["scope"]): row for row in learned if row["t"] == "300"}
    odd = next(iter(rows)).rpartition("|")[0] + "| Es 4a Cl 4b"
    table = model.predict([*rows, odd])
    assert table[table["id"] == str(len(rows))]["note"].str.contains("Es is in no training crystal").all()
    assert not table["note"].str.contains("nearest composition").iloc[0]
    trained = [
        text
        for text in rows
        if model.sheet(text).nearest[0].distance == 0 and model.sheet(text).nearest[0].same_sites
    ]
    assert len(trained) >= 16  # the crystals of training, and not those held out
    sheet = model.sheet(trained[0], at=300)
    row = rows[trained[0]]
    assert sheet.nearest[0].labels["heat_capacity"] == pytest.approx(
        float(str(row["cv"])) / float(str(row["n_atoms"]))
    )
    assert sheet.errors["heat_capacity"][0] == pytest.approx(result.metrics["tasks"][0]["mae"])
    page = sheet_page(sheet)
    assert (
        "Nearest training crystals" in page and "label in training" in page and "Properties at 300 K" in page
    )
    assert "refractive" not in page and "nan" not in page.lower()


def test_a_model_without_a_record_of_its_crystals_predicts_without_notes(project: Path, spec: Any) -> None:
    folder = build(spec(), project / "run").folder
    (folder / "known.npz").unlink()
    text = str(labels("train", 1)[0]["scope"])
    assert set(load(folder).predict(text)["note"]) == {""}
    assert "Nearest training crystals" not in sheet_page(load(folder).sheet(text))


def test_a_build_leaves_a_whole_model_and_its_story(project: Path, spec: Any) -> None:
    result = build(spec(), project / "run")
    assert {path.name for path in (project / "run").iterdir()} == ARTIFACT | {"stages"}
    assert not list((project / "run").rglob("*.part"))
    assert load_spec(project / "run" / "spec.yaml") == spec()
    assert load_model(project / "run").parameters_count == result.metrics["parameters"]
    curves = json.loads((project / "run" / "curves.json").read_text())
    assert [(row["stage"], row["epoch"]) for row in curves] == [
        ("pretrain mlm", 1), ("pretrain mlm", 2),
        ("finetune thermal", 1), ("finetune thermal", 2), ("finetune thermal", 3),
    ]  # fmt: skip
    assert all(np.isfinite([row["train_loss"], row["valid_loss"]]).all() for row in curves)
    training = result.metrics["training"]["finetune thermal"]
    assert 0 < training.pop("validation_mae")["heat_capacity"] < 25
    assert training == {
        "crystals": 16,
        "validation_crystals": 4,
        "strings_seen": 48,
    }


def test_stages_of_one_name_are_distinct(project: Path) -> None:
    first = "  - {kind: pretrain, head: mlm, data: {path: train.csv}, epochs: 1, batch: 8}\n"
    twice = parse_spec(SPEC.replace("tasks:\n", f"tasks:\n{first}"), "tiny.yaml", project)
    result = build(twice, project / "run")
    seen = {
        name: training["strings_seen"]
        for name, training in result.metrics["training"].items()
        if "mlm" in name
    }
    assert seen["pretrain mlm (2)"] == 2 * seen["pretrain mlm"]
    curves = json.loads((project / "run" / "curves.json").read_text())
    assert [row["stage"] for row in curves][:3] == ["pretrain mlm", "pretrain mlm (2)", "pretrain mlm (2)"]
    seconds = json.loads((project / "run" / "timing.json").read_text())
    assert seconds.pop("total") == pytest.approx(sum(seconds.values()), abs=1e-3)


def test_metrics_are_those_of_the_written_predictions(project: Path, spec: Any) -> None:
    task = build(spec(), project / "run").metrics["tasks"][0]
    with (project / "run" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = {
        name: np.array([float(row[name]) for row in rows])
        for name in ("target", "prediction", "mean", "ridge")
    }
    given = read_table(project / "test.csv")
    assert sorted(columns["target"]) == pytest.approx(sorted(given.numbers("cv") / given.numbers("n_atoms")))
    assert {row["id"] for row in rows} == set(given.text("name"))
    assert task["rows"] == len(rows) == 18 and task["crystals"] == 6 and task["crystals_in_training"] == 0
    error = columns["prediction"] - columns["target"]
    assert task["mae"] == pytest.approx(np.abs(error).mean())
    assert task["share_of_3R"] == pytest.approx(np.abs(error).mean() / 24.943388)
    for name in ("mean", "ridge"):
        assert task["baselines"][name]["mae"] == pytest.approx(
            np.abs(columns[name] - columns["target"]).mean()
        )


def test_a_second_build_does_nothing_and_says_so(project: Path, spec: Any) -> None:
    build(spec(), project / "run")
    before = {
        path: path.stat().st_mtime_ns
        for path in (project / "run").rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    lines: list[str] = []
    result = build(spec(), project / "run", log=lines.append)
    assert result.did_nothing and lines and all("unchanged" in line for line in lines)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_changed_learning_rate_redoes_only_what_follows_from_it(project: Path, spec: Any) -> None:
    build(spec(), project / "run")
    assert status(build(spec("tasks.1.learning_rate=2e-3"), project / "run")) == {
        "encode train.csv": "reused",
        "encode test.csv": "reused",
        "tokenize train.csv": "reused",
        "tokenize test.csv": "reused",
        "pretrain mlm": "reused",
        "finetune thermal": "done",
        "evaluate thermal": "done",
        "report tiny": "done",
    }
    assert build(spec(), project / "run").did_nothing


def test_changed_test_rows_redo_no_training(project: Path, spec: Any) -> None:
    build(spec(), project / "run")
    path = project / "test.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    made = {name for name, what in status(build(spec(), project / "run")).items() if what == "done"}
    assert made == {"encode test.csv", "tokenize test.csv", "evaluate thermal", "report tiny"}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(project: Path, spec: Any) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build(spec(f"run.seed={seed}"), project / name)
    assert same_weights(project / "a", project / "b")
    assert not same_weights(project / "a", project / "c")


def test_the_test_rows_and_the_place_of_files_decide_no_weights(project: Path, spec: Any) -> None:
    build(spec(), project / "run")
    (project / "moved.csv").write_bytes((project / "train.csv").read_bytes())
    (project / "test.csv").write_bytes((project / "train.csv").read_bytes())
    changes = ["tasks.0.data.path=moved.csv", "tasks.1.data.path=moved.csv"]
    changed = load_spec(
        project / "tiny.yaml", [change.replace("moved", f"{project}/moved") for change in changes]
    )
    other = build(changed, project / "other")
    assert same_weights(project / "run", project / "other")
    assert status(build(changed, project / "run"))["finetune thermal"] == "reused"
    assert "of which 20 crystals were also trained on" in lead(other.metrics["tasks"][0])


@pytest.mark.parametrize("after", [2, 4, 6, 9, 11])
def test_an_interrupted_build_ends_with_the_weights_of_an_unbroken_one(
    project: Path, spec: Any, after: int
) -> None:
    build(spec(), project / "whole")
    with pytest.raises(KeyboardInterrupt):
        build(spec(), project / "broken", progress=Interrupt(after))
    assert not (project / "broken" / "model.safetensors").exists()
    going_on = Interrupt(10**6)
    lines: list[str] = []
    build(spec(), project / "broken", progress=going_on, log=lines.append)
    if after == 9:  # two epochs of pretraining with 3 steps, then one of finetuning with 2
        assert "finetune thermal: resumes at epoch 2" in lines
    assert same_weights(project / "whole", project / "broken")
    metrics = [(project / name / "metrics.json").read_text() for name in ("whole", "broken")]
    assert metrics[0] == metrics[1]
    assert (sum(going_on.began.values()) > 0) == (after not in (2,))


def test_a_build_that_trains_anew_says_which_input_changed(project: Path, spec: Any) -> None:
    def why(*changes: str) -> list[str]:
        lines: list[str] = []
        build(spec(*changes), project / "run", log=lines.append)
        return [line for line in lines if "runs again" in line]

    assert why() == []
    assert why("tasks.1.epochs=2") == [
        "finetune thermal: runs again, because task.epochs was 3 and is 2",
        "evaluate thermal: runs again, because finetune thermal changed",
    ]
    write_csv(project / "train.csv", labels("train", 19))
    assert why()[0] == "encode train.csv: runs again, because content of the file.0 changed"
    assert why("encoder.width=4", "tokens.max_length=300")[-1].startswith("evaluate thermal: runs again")


def test_a_gpu_where_there_is_none_is_refused_with_what_to_do(project: Path, spec: Any) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(
        CloudkitError, match=r"run.accelerator = cuda needs a GPU, .*set run.accelerator to auto or cpu"
    ):
        build(spec("run.accelerator=cuda"), project / "run")
    assert not (project / "run").exists()


def test_a_join_of_one_table_is_that_table(project: Path, spec: Any) -> None:
    text = (project / "tiny.yaml").read_text()
    one = text.replace(
        "{path: train.csv, columns: {id: name}, targets: &labels",
        "{join: [{path: train.csv, columns: {id: name}, targets: &labels",
    )
    one = one.replace("unit: J/mol_cell/K}]}\n    validation", "unit: J/mol_cell/K}]}]}\n    validation")
    (project / "joined.yaml").write_text(one)
    build(spec(), project / "run")
    build(load_spec(project / "joined.yaml"), project / "joined")
    assert same_weights(project / "run", project / "joined")


def test_a_file_of_the_artifact_that_was_lost_is_put_back(project: Path, spec: Any) -> None:
    build(spec(), project / "run")
    kept = (project / "run" / "vocab.txt").read_bytes()
    (project / "run" / "vocab.txt").unlink()
    (project / "run" / "metrics.json").write_text("{}")
    result = build(spec(), project / "run")
    assert result.did_nothing and result.metrics["tasks"]
    assert (project / "run" / "vocab.txt").read_bytes() == kept


def test_a_dry_run_counts_parameters_operations_and_bytes(project: Path, spec: Any) -> None:
    lines: list[str] = []
    shape = ["encoder.width=64", "encoder.layers=3", "encoder.heads=4"]
    metrics = build(spec(*shape), project / "run", dry_run=True, log=lines.append).metrics
    assert metrics["parameters"] == CloudModel(spec(*shape), Tokenizer("compact")).parameters_count
    assert any(f"parameters: {metrics['parameters']:,}; " in line for line in lines)
    pretrain, finetune = metrics["costs"]
    assert (pretrain["stage"], finetune["stage"]) == ("pretrain mlm", "finetune thermal")
    assert pretrain["strings"] == 20 and pretrain["ids"] == 2 * pretrain["tokens"]
    layers = 3 * (4 * 64 * 64 + 3 * 64 * 256)  # attention's four maps and the gated feed-forward's three
    for cost in (pretrain, finetune):
        assert 2 * layers * cost["tokens"] < cost["forward"] < 3 * layers * cost["tokens"]
        assert cost["step"] == pytest.approx(3 * cost["forward"], rel=0.1)
        assert cost["activations"] > 4 * 3 * 64 * cost["tokens"]


def test_a_dry_run_checks_the_data_and_writes_nothing(project: Path, spec: Any) -> None:
    result = build(spec(), project / "run", dry_run=True)
    assert set(status(result).values()) == {"planned"}
    assert not (project / "run").exists()


def test_another_build_in_the_same_folder_is_refused(project: Path, spec: Any) -> None:
    class Second(Interrupt):
        def advance(self, steps: int = 1, note: str = "") -> None:
            with pytest.raises(CloudkitError, match="another build is running"):
                build(spec(), project / "run")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(spec(), project / "run", progress=Second(0))


def test_reduced_strings_and_the_published_vocabulary_build_as_well(project: Path, spec: Any) -> None:
    lines: list[str] = []
    changes = ["tokens.dialect=reduced", "tokens.vocabulary=cloud", "encoder.features=false"]
    checked: Spec = spec(*changes)
    result = build(checked, project / "run", log=lines.append)
    assert np.isfinite(result.metrics["tasks"][0]["mae"])
    assert any("projected to the reduced dialect" in line for line in lines)
    assert any("projected to the reduced dialect" in note for note in result.metrics["notes"])


def test_the_report_says_where_the_model_errs_and_what_a_prediction_rests_on(
    spec: MakeSpec, tmp_path: Path
) -> None:
    folder = build(spec("tasks.0.epochs=1", "tasks.1.epochs=1"), tmp_path / "run").folder
    attribution = json.loads((folder / "attribution.json").read_text())
    model = cloudkit.load(folder)
    for crystal in attribution["crystals"]:
        assert [part["orbit"] for part in crystal["parts"]] == [
            str(orbit) for orbit in cloudkit.parse(crystal["scope"]).orbits
        ]
        kept = cloudkit.parse(crystal["scope"]).orbits[1:]
        head = crystal["scope"].partition(" | ")[0]
        table = model.predict(
            [f"{head} | {' '.join(map(str, kept))}"], temperatures=[float(crystal["temperature"])]
        )
        without = table[table["quantity"] == "heat_capacity"]["value"].item()
        assert crystal["parts"][0]["without"] == pytest.approx(without, rel=1e-4)
        change = crystal["prediction"] - crystal["parts"][0]["without"]
        assert crystal["parts"][0]["change"] == pytest.approx(change)
    page = (folder / "report.html").read_text()
    assert "Residuals by element and space group" in page and "What single predictions depend on" in page
    assert len(page) < 2_000_000


def test_a_build_leaves_the_threads_and_the_random_numbers_of_its_process_alone(
    project: Path, spec: Any
) -> None:
    threads, level = torch.get_num_threads(), logging.getLogger("lightning.fabric").level
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    build(spec(), project / "run")
    assert bool((torch.rand(3) == expected).all())
    assert (torch.get_num_threads(), logging.getLogger("lightning.fabric").level) == (threads, level)
