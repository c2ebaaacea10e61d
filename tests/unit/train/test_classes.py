"""A head of classes, built from labels to report; what is refused before training."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from cloudkit.errors import DataError
from cloudkit.evaluate.class_metrics import SCORES, choose_threshold
from cloudkit.modelspec import load_spec
from cloudkit.train import build, grid_points, sweep

from .class_examples import CATIONS, HALIDE, KIND, PAIRS, SPEC, THREE, Make, write_labels


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Build SPEC, changed by texts such as "run.seed=3", on labels; the folder of the run."""

    def run(*changes: str, labels: Sequence[object] = HALIDE, out: str = "run") -> Path:
        (tmp_path / "kinds.yaml").write_text(SPEC)
        write_labels(tmp_path / "kinds.csv", labels)
        return build(load_spec(tmp_path / "kinds.yaml", changes), tmp_path / out).folder

    return run


def task_of(folder: Path) -> dict[str, Any]:
    (task,) = json.loads((folder / "metrics.json").read_text())["tasks"]
    return dict(task)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_classes_are_told_apart_and_everything_is_written_down(make: Make) -> None:
    folder = make()
    task, rows = task_of(folder), rows_of(folder)
    assert set(SCORES) <= set(task) and task["roc_auc"] > 0.9 and task["metric"] == "roc_auc"
    assert task["baselines"]["mean"]["roc_auc"] == 0.5
    assert len(rows) == task["rows"] == 20
    for row in rows:
        assert float(row["p(no)"]) + float(row["p(yes)"]) == pytest.approx(1)
        assert (row["prediction"] == "yes") == (float(row["p(yes)"]) >= task["threshold"])
        assert row["extra_trees"] in ("no", "yes") and 0 <= float(row["extra_trees p(yes)"]) <= 1
    pairs = [(row["target"], row["prediction"]) for row in rows]
    names = task["classes"]
    assert task["confusion"] == [[pairs.count((a, b)) for b in names] for a in names]
    training = json.loads((folder / "metrics.json").read_text())["training"]["finetune kind"]
    threshold = load_file(folder / "model.safetensors")["heads.kind.threshold"]
    assert (
        training["decision"]["threshold"]
        == pytest.approx(task["threshold"])
        == pytest.approx(float(threshold))
    )
    report, card = (folder / "report.html").read_text(), (folder / "card.md").read_text()
    assert (
        "ROC of halide" in report
        and "Reliability of halide" in report
        and "true class, predicted as" in report
    )
    assert "ROC-AUC" in card and "true class, predicted as" in card


def test_the_same_seed_gives_the_same_probabilities_and_threshold_and_another_seed_others(make: Make) -> None:
    one, again, other = make(), make(out="again"), make("run.seed=1", out="other")
    assert (one / "predictions.csv").read_bytes() == (again / "predictions.csv").read_bytes()
    assert (one / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()
    assert rows_of(one) != rows_of(other)


def test_three_classes_have_no_threshold_and_the_most_probable_is_predicted(make: Make) -> None:
    folder = make(*THREE, labels=KIND)
    task = task_of(folder)
    names = task["classes"]
    assert task["roc_auc"] > 0.9 and len(task["confusion"]) == 3
    for row in rows_of(folder):
        assert row["prediction"] == max(names, key=lambda name: float(row[f"p({name})"]))
    assert "ROC of kind" in (folder / "report.html").read_text()


def test_members_are_averaged_in_probability_and_trees_join_by_a_share(make: Make) -> None:
    folder = make("tasks.0.ensemble={members: 2, blend: boosted_trees}", "tasks.0.epochs=3")
    from cloudkit.data import Tokens
    from cloudkit.models import load_model, pool
    from cloudkit.predict import load
    from cloudkit.predict.classes import decide
    from cloudkit.predict.features import features

    network, trees = load_model(folder), load(folder).blends["kind"]
    texts = [row["scope"] for row in rows_of(folder)]
    tokens = Tokens(*network.tokenizer.encode_batch(texts))
    single = []
    for index, one in enumerate(network.networks("kind")):
        logits = one.head.raw_outputs(pool(network, tokens, member=one if index else None)) + one.head.center
        single.append(logits.detach().double().softmax(1).numpy())
    share = trees.share[0]
    want = (1 - share) * np.mean(single, axis=0) + share * trees.forests[0].predict(features(texts))
    found = np.array([[float(row["p(no)"]), float(row["p(yes)"])] for row in rows_of(folder)])
    np.testing.assert_allclose(found, want, atol=1e-6)
    assert np.abs(single[0] - single[1]).max() > 0.01
    decided = decide(found, 1, task_of(folder)["threshold"]).tolist()
    assert decided == [["no", "yes"].index(row["prediction"]) for row in rows_of(folder)]


def test_the_threshold_is_the_best_of_the_crystals_held_out(make: Make, tmp_path: Path) -> None:
    folder = make("heads.kind.threshold=f1", "tasks.0.epochs=1")
    from cloudkit.data import Crystals, Tokens
    from cloudkit.evaluate.task_data import read_task_data, split_task
    from cloudkit.models import load_model, predict_probabilities

    spec = load_spec(tmp_path / "kinds.yaml", ["heads.kind.threshold=f1", "tasks.0.epochs=1"])
    rows: Crystals = read_task_data(spec, spec.tasks[0].data)
    train, held = split_task(spec.tasks[0], rows, [], spec.run.seed)
    assert not set(train) & set(held)
    label = rows.strata()[held]
    assert np.bincount(label).tolist() == [5, 5]  # a quarter of each class
    network = load_model(folder)
    tokens = Tokens(*network.tokenizer.encode_batch([rows.texts[row] for row in held]))
    score = predict_probabilities(network, "kind", tokens)[:, 1]
    assert task_of(folder)["threshold"] == pytest.approx(choose_threshold(label, score, 1, "f1")[0])


def test_balanced_weights_raise_the_probability_of_a_rare_class(make: Make) -> None:
    rare = ["yes" if b == "O" and a in CATIONS[:6] else "no" for a, b in PAIRS]
    low = np.mean([float(row["p(yes)"]) for row in rows_of(make("tasks.0.epochs=2", labels=rare))])
    found = [
        np.mean([float(row["p(yes)"]) for row in rows_of(make("tasks.0.epochs=2", change, labels=rare, out=out))])
        for out, change in (("b", "heads.kind.class_weights=balanced"), ("c", "heads.kind.class_weights={'no': 1, 'yes': 9}"))
    ]  # fmt: skip
    assert low < 0.3 < 0.4 < min(found)


def test_a_second_source_has_offsets_of_its_logits_and_the_first_is_predicted(
    make: Make, tmp_path: Path
) -> None:
    write_labels(tmp_path / "other.csv", ["no" if label == "yes" else "yes" for label in HALIDE])
    (tmp_path / "kinds.csv").write_text("")  # written by `make`; its path must exist when the spec is read
    text = SPEC.replace(
        "data: {path: kinds.csv, part: train, targets: &labels [{column: label, quantity: halide}]}",
        "data: {join: [{path: kinds.csv, part: train, source: mine, targets: &labels [{column: label, quantity: halide}]}, "
        "{path: other.csv, source: theirs, targets: *labels}]}",
    )
    (tmp_path / "joint.yaml").write_text(text)
    write_labels(tmp_path / "kinds.csv", HALIDE)
    folder = build(load_spec(tmp_path / "joint.yaml"), tmp_path / "joint").folder
    offsets = json.loads((folder / "metrics.json").read_text())["training"]["finetune kind"]["offsets"]
    assert set(offsets) == {"theirs"} and set(offsets["theirs"]) == {"no", "yes"}


BAD = [
    ([*HALIDE[:-1], "maybe"], (), "kinds.csv: row 60, column 'label': expected one of the classes no, yes, found 'maybe'"),
    (["no"] * 59 + ["yes"], ("folds=null", "tasks.0.data.part=all", "tasks.1.data.part=all"), "class 'yes' of halide occurs once among 60 labels; a class needs two rows or more"),
    (["no"] * 60, ("folds=null", "tasks.0.data.part=all", "tasks.1.data.part=all"), "class 'yes' of halide occurs nowhere among 60 labels"),
    (["no"] * 57 + ["yes"] * 3, ("folds.stratified=false", "folds.fold=0"), "no row to evaluate on is of class 'yes' of halide; ROC-AUC and balanced accuracy need each class: add rows, or split with folds: {stratified: true}"),
    ([0.5] * 60, (), r"kinds.csv: row 1, column 'label': expected one of the classes no, yes, found '0.5' (and 59 more rows); a column of numbers becomes classes with the target's key cuts"),
    (HALIDE, ("tasks.0.data.targets.0.cuts=[0]", "tasks.1.data.targets.0.cuts=[0]"), "kinds.csv: row 1, column 'label': expected a finite number, found 'yes'"),
    (HALIDE, ("folds=null", "tasks.0.data.part=all", "tasks.1.data.part=all", "tasks.0.split_by=prototype", "tasks.0.validation_fraction=0.9", "tasks.0.exclude_shared=composition"), "leaves none of the 60 crystals"),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "changes", "message"), BAD)
def test_labels_that_no_head_can_learn_or_be_measured_on_are_one_message_before_training(
    make: Make, tmp_path: Path, labels: list[object], changes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        make(*changes, labels=labels)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_sweep_measures_what_is_missing_to_a_perfect_score_and_chooses_by_log_loss(tmp_path: Path) -> None:
    (tmp_path / "kinds.yaml").write_text(SPEC + "sweep: {grid: {tasks.0.epochs: [1, 8]}}\n")
    write_labels(tmp_path / "kinds.csv", HALIDE)
    found = sweep(grid_points(str(tmp_path / "kinds.yaml")), tmp_path / "swept")
    tasks = [task_of(tmp_path / "swept" / row["folder"]) for row in found.rows]
    assert found.measure == "1 - ROC-AUC of halide" and found.validated
    assert [row["loss"] for row in found.rows] == [1 - task["roc_auc"] for task in tasks]
    assert found.best == min(found.rows, key=lambda row: float(row["validation"]))
