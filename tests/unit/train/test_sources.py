"""Labels of several sources in one fit: each source but the first has an offset, labels have weights."""

import json
from pathlib import Path

import numpy as np
import pytest

import cloudkit
from cloudkit.data import Crystals, join_crystals, read_builtin
from cloudkit.errors import DataError, SpecError
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.modelspec import parse_spec, tables_of
from cloudkit.predict.features import features
from cloudkit.train import build

from .train_examples import write_csv

SPEC = """
cloudkit: 1
name: joined
encoder: {kind: transformer, layers: 1, heads: 2, width: 16, dropout: 0}
heads: {value: {kind: regression, outputs: [v]}}
tasks:
  - kind: finetune
    head: value
    data:
      join:
        - {path: measured.csv, source: measured, targets: [{column: v, quantity: v}]}
        - {path: computed.csv, source: computed, targets: [{column: v, quantity: v, weight: 0.5}]}
    epochs: 40
    batch: 16
    learning_rate: 0.02
    VALID: 0
  - {kind: evaluate, head: value, data: {path: test.csv, targets: [{column: v, quantity: v}]}, baselines: [mean]}
"""
SHIFT = 10.0
VALID = "validation_fraction"
JOINED = SPEC.replace("VALID", VALID)


def one(texts: list[str], source: str, values: list[float], weight: float = 1.0) -> Crystals:
    count = len(texts)
    at, zeros = np.full(count, np.nan), np.zeros(count, np.int64)
    weights = np.full(count, weight)
    return Crystals(
        texts, texts, ("v",), np.arange(count), zeros, at, np.array(values),
        sources=(source,), source=zeros, weight=weights,
    )  # fmt: skip


def test_joined_labels_keep_their_source_and_weight(tmp_path: Path) -> None:
    both = join_crystals([one(["a", "b"], "x", [1, 2]), one(["b", "c"], "y", [3, 4], 0.5)])
    assert both.sources == ("x", "y")
    assert both.crystal.tolist() == [0, 1, 1, 2]
    assert both.value.tolist() == [1, 2, 3, 4]
    assert both.source_index().tolist() == [0, 0, 1, 1]
    assert both.label_weight().tolist() == [1, 1, 0.5, 0.5]
    both.save(tmp_path)
    again = Crystals.load(tmp_path)
    assert again.sources == both.sources
    assert again.source_index().tolist() == [0, 0, 1, 1]
    assert again.select(np.array([1])).label_weight().tolist() == [1, 0.5]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The number of atoms of crystals; computed labels are larger by SHIFT, and only they cover most crystals."""
    where = tmp_path_factory.mktemp("sources")
    table = read_builtin("thermal", "train").columns
    sizes = dict(zip(table["scope"], table["n_atoms"], strict=True))
    rows: list[dict[str, object]] = [
        {"scope": scope, "v": float(str(n)) ** 0.5} for scope, n in sizes.items()
    ]
    shifted: list[dict[str, object]] = [{**row, "v": float(str(row["v"])) + SHIFT} for row in rows]
    write_csv(where / "measured.csv", rows[:20])
    write_csv(where / "computed.csv", shifted[10:])
    write_csv(where / "test.csv", rows[60:])
    return where


def test_the_model_predicts_the_first_source_and_records_the_offset(folder: Path) -> None:
    spec = parse_spec(JOINED, "joined.yaml", folder)
    metrics = build(spec, folder / "out").metrics
    offset = metrics["training"]["finetune value"]["offsets"]["computed"]["v"]
    assert offset == pytest.approx(SHIFT, abs=1.5)
    assert metrics["tasks"][0]["mae"] < SHIFT / 4


def test_an_offset_is_not_part_of_the_model(folder: Path) -> None:
    spec = parse_spec(JOINED, "joined.yaml", folder, ["tasks.0.epochs=1"])
    out = build(spec, folder / "short").folder
    assert json.loads((out / "metrics.json").read_text())["training"]
    from safetensors import safe_open

    with safe_open(out / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "offset" in name]  # noqa: SIM118


def test_a_dry_run_counts_a_fit_of_several_sources(folder: Path) -> None:
    spec = parse_spec(JOINED, "joined.yaml", folder)
    assert build(spec, folder / "dry", dry_run=True).metrics["costs"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("quantity: v, weight: 0.5}", "quantity: v, unit: meV}", "'meV': an earlier table has v in 'eV'; these labels are not converted"),
        ("{path: test.csv,", "{path: test.csv, source: computed,", "'computed': value predicts its first source, 'measured'"),
    ],
)  # fmt: skip
def test_sources_that_do_not_fit_together_are_refused(folder: Path, old: str, new: str, message: str) -> None:
    text = JOINED.replace(
        "quantity: v}]}\n        - {path: comp", "quantity: v, unit: eV}]}\n        - {path: comp"
    )
    with pytest.raises(SpecError, match=message):
        parse_spec(text.replace(old, new), "joined.yaml", folder)


def test_trees_learn_labels_of_other_sources_without_their_offset(folder: Path) -> None:
    changes = ["tasks.0.ensemble={members: 1, blend: extra_trees}"]
    spec = parse_spec(JOINED.replace(f"{VALID}: 0", f"{VALID}: 0.1"), "joined.yaml", folder, changes)
    made = build(spec, folder / "blended").folder
    trees = cloudkit.load(made).blends["value"].forests[0]
    table = read_builtin("thermal", "train").columns
    sizes = dict(zip(table["scope"], table["n_atoms"], strict=True))
    root = np.array([float(str(n)) ** 0.5 for n in sizes.values()])
    found = trees.predict(features([str(text) for text in sizes]))
    assert np.abs(found - root).max() < SHIFT / 3  # with the offset left in they would be off by SHIFT


def test_only_the_rows_asked_for_are_read(folder: Path) -> None:
    chosen = JOINED.replace("source: computed", "source: computed, where: {v: [12, 13]}")
    spec = parse_spec(chosen, "joined.yaml", folder)
    values = read_task_data(spec, tables_of(spec.tasks[0].data)[1]).value
    assert len(values) > 1 and set(values.tolist()) == {12.0, 13.0}
    changes = ["tasks.0.data.join.1.where={v: [-1]}"]
    with pytest.raises(DataError, match=r"computed\.csv: no row has v = -1; correct `where`"):
        build(parse_spec(chosen, "joined.yaml", folder, changes), folder / "none")


def test_crystals_of_further_tables_are_not_trained_on(folder: Path) -> None:
    keys = "exclude_shared: string\n    exclude_from: [{path: measured.csv}]\n    epochs: 1"
    without = JOINED.replace("epochs: 40", keys)
    spec = parse_spec(without, "joined.yaml", folder)
    training = build(spec, folder / "without").metrics["training"]["finetune value"]
    assert training["crystals"] == 40  # neither the 20 of measured.csv nor those of test.csv
    with pytest.raises(SpecError, match=r"tasks\.0\.exclude_from needs exclude_shared"):
        parse_spec(without, "joined.yaml", folder, ["tasks.0.exclude_shared=none"])
    with pytest.raises(
        SpecError, match=r"exclude_from\.0\.path = 'mesured\.csv'.*did you mean 'measured\.csv'"
    ):
        parse_spec(without.replace("[{path: measured", "[{path: mesured"), "joined.yaml", folder)
