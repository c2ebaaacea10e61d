"""A model of classes at work: tables, ranking, evaluation, with NumPy and with torch."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloudkit.cli import main
from cloudkit.data import Tokens
from cloudkit.evaluate import evaluate
from cloudkit.modelspec import load_spec
from cloudkit.predict import Model, load
from cloudkit.report.sheet import sheet_page
from cloudkit.train import build

from .class_examples import HALIDE, KIND, SPEC, TEXTS, THREE, write_labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two networks and trees for two classes."""
    path = tmp_path_factory.mktemp("two")
    (path / "kinds.yaml").write_text(SPEC)
    write_labels(path / "kinds.csv", HALIDE)
    changes = ["tasks.0.ensemble={members: 2, blend: extra_trees}", "heads.kind.positive='no'"]
    return build(load_spec(path / "kinds.yaml", changes), path / "run").folder


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("three")
    (path / "kinds.yaml").write_text(SPEC)
    write_labels(path / "kinds.csv", KIND)
    found: Any = load(build(load_spec(path / "kinds.yaml", THREE), path / "run").folder)
    return found


def test_a_table_has_the_class_and_the_probability_of_each(folder: Path) -> None:
    model = load(folder)
    table = model.predict(TEXTS[:4])
    assert {"class", "value", "note"} < set(table.columns)
    assert model.columns[-2:] == ("class", "note")
    assert table["quantity"].tolist() == ["halide", "halide_no", "halide_yes"] * 4
    decided, no, yes = (table[table["quantity"] == name] for name in ("halide", "halide_no", "halide_yes"))
    np.testing.assert_allclose(no["value"].to_numpy() + yes["value"].to_numpy(), 1)
    assert decided["class"].tolist() == HALIDE[:4]
    own = {"no": no, "yes": yes}
    for row, name in enumerate(decided["class"]):
        assert decided["value"].iloc[row] == own[name]["value"].iloc[row]
    assert set(no["class"]) == {""}
    assert "halide_yes" in repr(model)
    wide = model.predict(TEXTS[:4], wide=True)
    assert wide["halide_class"].tolist() == HALIDE[:4]
    assert wide["halide_yes"].tolist() == yes["value"].tolist()


def test_a_data_sheet_names_the_class_and_those_of_the_nearest_crystals(folder: Path) -> None:
    page = sheet_page(load(folder).sheet(TEXTS[0]))
    assert "halide" in page and ">yes<" in page and ">no<" in page


def test_numpy_and_torch_give_the_same_probabilities(folder: Path, three: Model) -> None:
    for model in (load(folder), load(three.folder)):
        (head,) = model.heads
        tokens = Tokens(*model.tokenizer.encode_batch(TEXTS))
        without = model.values(head, tokens, np.empty(0))
        assert model.network is not None  # from here on torch predicts
        found = model.values(head, tokens, np.empty(0))
        np.testing.assert_allclose(found.ends.value, without.ends.value, atol=1e-5)
        assert found.classes.tolist() == without.classes.tolist()


def test_the_threshold_of_the_artifact_decides(folder: Path) -> None:
    model = load(folder)
    threshold = float(model.network.heads["kind"].threshold)
    table = model.predict(TEXTS)
    no = table[table["quantity"] == "halide_no"]["value"].to_numpy()
    decided = table[table["quantity"] == "halide"]["class"].to_numpy()
    assert (np.where(no >= threshold, "no", "yes") == decided).all()


def test_evaluate_measures_a_table_of_classes_beside_baselines_of_the_training_rows(
    folder: Path, tmp_path: Path
) -> None:
    write_labels(tmp_path / "t.csv", HALIDE[:6], TEXTS[:6])
    found = evaluate(load(folder), tmp_path / "t.csv", baselines=["mean"])
    (score,) = found.scores
    assert score.metrics["rows"] == 6 and score.metrics["roc_auc"] == 1.0
    assert score.metrics["baselines"]["mean"]["roc_auc"] == 0.5
    assert "ROC-AUC" in found._repr_html_() and "majority" in found._repr_html_()
    write_labels(tmp_path / "one.csv", ["yes", "yes"], TEXTS[:2])
    lonely = evaluate(load(folder), tmp_path / "one.csv", baselines=[])
    assert "roc_auc" not in lonely.scores[0].metrics
    assert any("no row is of class 'no' of halide: ROC-AUC is not defined" in note for note in lonely.notes)


def test_candidates_are_ranked_by_a_probability_and_not_by_a_class(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(tmp_path / "c.csv", HALIDE)
    by = ["predict", str(folder), str(tmp_path / "c.csv"), "--top", "5", "--by"]
    with pytest.raises(SystemExit) as ended:
        main([*by, "halide_yes", "--where", "halide == 'yes'", "-o", str(tmp_path / "top.csv")])
    assert not ended.value.code
    with (tmp_path / "top.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    values = [float(row["value"]) for row in rows]
    assert len(rows) == 5 and values == sorted(values, reverse=True)
    with pytest.raises(SystemExit):
        main([*by, "halide"])
    message = "halide is a class, which has no order; rank by the probability of one: halide_no, halide_yes"
    assert message in capsys.readouterr().err


def test_three_classes_are_decided_by_the_largest_probability(three: Model) -> None:
    table = three.predict(TEXTS[:6])
    assert table["quantity"].tolist()[:4] == ["kind", "kind_halide", "kind_oxide", "kind_chalcogenide"]
    assert table[table["quantity"] == "kind"]["class"].tolist() == KIND[:6]
