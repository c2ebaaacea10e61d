"""Freezing, slower layers below, early stopping, and ensembles of networks and trees: the keys of a finetune task."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

import cloudkit
from cloudkit.data import Crystals, read_builtin, tokenize
from cloudkit.errors import ModelError, SpecError
from cloudkit.evaluate.task_data import join_splits, read_task_data, split_members
from cloudkit.io import read_table
from cloudkit.models import predict_values
from cloudkit.models.runtime import read_runtime, shipped
from cloudkit.modelspec import FinetuneTask, parse_spec
from cloudkit.predict.ensembles import choose_share, fit_forest
from cloudkit.predict.features import features
from cloudkit.tables import generator_text
from cloudkit.tokens import Tokenizer
from cloudkit.train import build

from .train_examples import Interrupt, labels

ENCODER = "{kind: transformer, layers: 2, heads: 2, width: 8, dropout: 0.1, merge: true, pooling: attention}"
FIRST = f"""
cloudkit: 1
name: first
encoder: {ENCODER}
heads: {{mlm: {{kind: masked_tokens}}}}
tasks: [{{kind: pretrain, head: mlm, data: {{path: train.csv}}, epochs: 1, batch: 8}}]
"""
SPEC = f"""
cloudkit: 1
name: tuned
init_from: first
encoder: {ENCODER}
heads: {{value: {{kind: regression, outputs: [cv]}}}}
tasks:
  - kind: finetune
    head: value
    data: {{path: train.csv, columns: {{id: name}}, targets: &labels [{{column: cv, quantity: cv}}]}}
    validation_fraction: 0.3
    epochs: 4
    batch: 8
    learning_rate: 0.01
  - {{kind: evaluate, head: value, data: {{path: test.csv, columns: {{id: name}}, targets: *labels}}, baselines: []}}
"""
BOTH = "tasks.0.ensemble={members: 2, blend: extra_trees}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.csv, test.csv, and the model in `first` that others start from."""
    where = tmp_path_factory.mktemp("finetuning")
    for part, count in (("train", 30), ("test", 8)):
        rows = [
            {
                "name": row["name"],
                "scope": row["scope"],
                "cv": float(str(row["cv"])) / float(str(row["n_atoms"])),
            }
            for row in labels(part, count)
            if row["t"] == "300"
        ]
        with (where / f"{part}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    build(parse_spec(FIRST, "first.yaml", where), where / "first")
    return where


def tuned(folder: Path, name: str, *changes: str, progress: Interrupt | None = None) -> Path:
    spec = parse_spec(SPEC, "m.yaml", folder, changes)
    return build(spec, folder / name, progress=progress).folder


def moved(folder: Path, made: Path) -> dict[str, float]:
    """Part of the encoder -> the largest change of a weight since the start."""
    before, after = (load_file(one / "model.safetensors") for one in (folder / "first", made))
    change: dict[str, float] = {}
    for name in (name for name in before if name.startswith("encoder.")):
        part = ".".join(name.split(".")[1 : 3 if "layers" in name else 2])
        change[part] = max(change.get(part, 0.0), float((after[name] - before[name]).abs().max()))
    return change


def test_a_frozen_encoder_keeps_its_weights_and_its_head_learns(folder: Path) -> None:
    made = tuned(folder, "frozen", "tasks.0.freeze=encoder")
    assert set(moved(folder, made).values()) == {0.0}
    losses = [row["train_loss"] for row in json.loads((made / "curves.json").read_text())]
    assert losses[-1] < losses[0]


def test_parts_are_frozen_from_below(folder: Path) -> None:
    change = moved(folder, tuned(folder, "below", "tasks.0.freeze=2"))
    assert change["embedding"] == change["layers.0"] == 0.0
    assert change["layers.1"] > 1e-3


def test_lower_layers_learn_slower_by_the_factor(folder: Path) -> None:
    change = moved(folder, tuned(folder, "slow", "tasks.0.layer_decay=1e-4"))
    assert change["layers.1"] > 1e-3
    assert change["layers.0"] == pytest.approx(1e-4 * change["layers.1"], rel=2)
    assert change["embedding"] < 1e-6


def test_training_stops_when_the_validation_loss_has_not_fallen_for_so_long(folder: Path) -> None:
    made = tuned(folder, "stops", "tasks.0.epochs=200", "tasks.0.patience=3")
    losses = [row["valid_loss"] for row in json.loads((made / "curves.json").read_text())]
    assert len(losses) < 200
    assert len(losses) - 1 - int(np.argmin(losses)) == 3
    training = json.loads((made / "metrics.json").read_text())["training"]["finetune value"]
    assert training["strings_seen"] == training["crystals"] * len(losses)


def test_an_ensemble_predicts_the_mean_of_its_networks_as_it_was_evaluated(folder: Path) -> None:
    alone, both = (
        tuned(folder, name, *more)
        for name, more in (("one", ()), ("two", ("tasks.0.ensemble={members: 2}",)))
    )
    table = read_table(both / "predictions.csv")
    found = cloudkit.load(both).predict(table.text("scope"))
    assert found["value"].to_numpy() == pytest.approx(table.numbers("prediction"), abs=1e-6)
    weights = load_file(both / "model.safetensors")
    second = {
        name.removeprefix("members.value.0.").replace("head.", "heads.value.", 1): tensor
        for name, tensor in weights.items()
        if name.startswith("members.value.0.")
    }
    model = cloudkit.load(alone)
    first = model.predict(table.text("scope"))["value"].to_numpy()
    model.network.load_state_dict(second, strict=False)
    other = model.predict(table.text("scope"))["value"].to_numpy()
    assert np.abs(first - other).max() > 1e-4
    assert found["value"].to_numpy() == pytest.approx((first + other) / 2, abs=1e-5)


def test_trees_in_a_model_folder_predict_as_those_of_sklearn() -> None:
    from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor

    columns = read_builtin("thermal", "all").columns
    texts = [str(text) for text in dict.fromkeys(columns["scope"])]
    value = np.random.default_rng(0).normal(size=len(texts))
    half = len(texts) // 2
    known = features(texts)
    rivals = {
        "extra_trees": ExtraTreesRegressor(300, max_features=0.5, random_state=3),
        "boosted_trees": HistGradientBoostingRegressor(
            max_iter=150, learning_rate=0.1, early_stopping=False, random_state=3
        ),
    }
    for kind, trees in rivals.items():
        forest = fit_forest(kind, known[:half], value[:half], seed=3)
        trees.fit(known[:half].astype(np.float32), value[:half])
        assert forest.predict(known) == pytest.approx(trees.predict(known.astype(np.float32)), abs=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_boosted_classes_of_a_model_folder_are_those_of_sklearn(classes: int) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    draws = np.random.default_rng(1)
    x = draws.normal(size=(300, 4)).astype(np.float32)
    label = (x[:, 0] + x[:, 1] ** 2 + draws.normal(size=300) > 1).astype(int) + (classes == 3) * (x[:, 2] > 1)
    one_hot = np.eye(classes + 1)[label]  # the last class has no rows
    forest = fit_forest("boosted_trees", x, one_hot, seed=3)
    trees = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.1, early_stopping=False, random_state=3
    )
    wanted = trees.fit(x, label).predict_proba(x)
    assert forest.predict(x)[:, :-1] == pytest.approx(wanted, abs=1e-5)
    assert forest.predict(x)[:, -1].max() < 1e-12
    alone = fit_forest("boosted_trees", x, np.eye(3)[np.ones(300, int)], seed=3)
    assert alone.predict(x) == pytest.approx(np.tile([0.0, 1.0, 0.0], (300, 1)))


def test_trees_are_mixed_in_and_kept_in_the_folder_of_the_model(folder: Path) -> None:
    made = tuned(folder, "mixed", BOTH)
    table = read_table(made / "predictions.csv")
    model = cloudkit.load(made)
    found = model.predict(table.text("scope"))
    assert found["value"].to_numpy() == pytest.approx(table.numbers("prediction"), abs=1e-6)
    predicted = dict(zip(table.text("id"), table.numbers("prediction").tolist(), strict=True))
    shown = json.loads((made / "attribution.json").read_text())["crystals"]
    assert [one["prediction"] for one in shown] == pytest.approx(
        [predicted[one["id"]] for one in shown], abs=1e-6
    )
    share = model.blends["value"].share[0]
    model.blends = {}
    networks = model.predict(table.text("scope"))["value"].to_numpy()
    trees = cloudkit.load(made).blends["value"].forests[0].predict(features(table.text("scope")))
    assert 0 <= share <= 1
    assert found["value"].to_numpy() == pytest.approx((1 - share) * networks + share * trees, abs=1e-5)
    (made / "trees-value.npz").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"cannot read .*trees-value\.npz"):
        cloudkit.load(made)


def test_trees_read_the_geometry_that_the_pretrained_model_predicts(folder: Path) -> None:
    encoder = "{kind: transformer, layers: 3, heads: 4, width: 96, feedforward: 192, dropout: 0.05, merge: true, pooling: attention}"
    made = tuned(folder, "informed", "init_from=geometry", f"encoder={encoder}", BOTH)
    table, model = read_table(made / "predictions.csv"), cloudkit.load(made)
    blend = model.blends["value"]
    assert blend.geometry is not None
    assert max(forest.feature.max() for forest in blend.forests) >= features(table.text("scope")).shape[1]
    found = model.predict(table.text("scope"))["value"].to_numpy()
    assert found == pytest.approx(table.numbers("prediction"), abs=1e-6)
    # the geometry is the pretrained model's, not that of the encoder which labels have changed since
    runtime = read_runtime(shipped()["geometry"])
    tokens = runtime.tokenizer.encode_batch(table.text("scope"))
    assert blend.geometry.read(table.text("scope")) == pytest.approx(runtime.geometry("shape", *tokens))


def test_trees_of_a_model_without_a_geometry_head_read_features_alone(folder: Path) -> None:
    assert cloudkit.load(tuned(folder, "plain", BOTH)).blends["value"].geometry is None


DIFFERENT = "tasks.0.ensemble={members: 3, blend: extra_trees, validation: different}"


def test_members_that_hold_out_different_crystals_train_on_all_of_them_together(folder: Path) -> None:
    training = {
        name: json.loads((tuned(folder, name, change) / "metrics.json").read_text())["training"][
            "finetune value"
        ]
        for name, change in (("mixed", BOTH), ("rotating", DIFFERENT))
    }
    whole = training["mixed"]["crystals"] + training["mixed"]["validation_crystals"]
    assert training["mixed"]["validation_crystals"] > 0
    assert training["rotating"]["validation_crystals"] == 0
    assert training["rotating"]["crystals"] == whole
    assert training["rotating"]["strings_seen"] == 3 * 4 * training["mixed"]["crystals"]


def test_each_member_is_trained_without_the_crystals_that_it_holds_out(folder: Path) -> None:
    task = parse_spec(SPEC, "m.yaml", folder, [DIFFERENT]).tasks[0]
    assert isinstance(task, FinetuneTask)
    texts, none = [f"crystal {index}" for index in range(20)], np.empty(0, np.int64)
    unlabelled = Crystals(texts, texts, (), none, none, np.empty(0), np.empty(0))
    for split_by in ("random", "composition"):
        splits = split_members(task.model_copy(update={"split_by": split_by}), unlabelled, [], 0)
        held = [set(held_out.tolist()) for _, held_out in splits]
        assert all(not set(train.tolist()) & out for (train, _), out in zip(splits, held, strict=True))
        assert sum(map(len, held)) == len(set.union(*held)) == 18
        train, none = join_splits(splits)
        assert train.tolist() == list(range(20)) and not len(none)


def test_the_share_of_the_trees_is_chosen_on_what_each_member_has_held_out(folder: Path) -> None:
    spec = parse_spec(SPEC, "m.yaml", folder, [DIFFERENT])
    made = build(spec, folder / "rotating").folder
    model = cloudkit.load(made)
    crystals = read_task_data(spec, spec.tasks[0].data)
    splits = split_members(spec.tasks[0], crystals, [], 0)  # type: ignore[arg-type]
    tokens = tokenize(crystals.texts, Tokenizer("compact"), 64)
    found: list[list[float]] = [[], [], []]
    for index, (train, held_out) in enumerate(splits):
        rows, known = crystals.select(held_out), crystals.select(train)
        networks = predict_values(
            model.network, "value", tokens, rows.crystal, rows.quantity, rows.temperature, [index]
        )
        forest = fit_forest(
            "extra_trees", features([crystals.texts[row] for row in known.crystal]), known.value, 0
        )
        trees = forest.predict(features([crystals.texts[row] for row in rows.crystal]))
        for column, values in zip(found, (networks, trees, rows.value), strict=True):
            column.extend(values.tolist())
    assert model.blends["value"].share[0] == choose_share(*map(np.array, found))


def test_the_trees_of_an_earlier_build_are_not_mixed_into_the_next(folder: Path) -> None:
    tuned(folder, "again", BOTH)
    made = tuned(folder, "again")
    table = read_table(made / "predictions.csv")
    assert not list(made.glob("trees-*"))
    assert cloudkit.load(made).predict(table.text("scope"))["value"].to_numpy() == pytest.approx(
        table.numbers("prediction"), abs=1e-6
    )


def test_an_ensemble_that_was_stopped_goes_on_and_ends_alike(folder: Path) -> None:
    whole = tuned(folder, "whole", BOTH)
    with pytest.raises(KeyboardInterrupt):
        tuned(
            folder, "broken", BOTH, progress=Interrupt(16)
        )  # 12 steps of the first network, 4 of the second
    broken = tuned(folder, "broken", BOTH)
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
    assert (whole / "trees-value.npz").exists() and not list(broken.rglob("member-*"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["tasks.0.freeze=4"], "tasks.0.freeze = 4: the embedding and 2 layers make 3 parts; use at most 3, or encoder"),
        (["tasks.0.patience=2", "tasks.0.validation_fraction=0"], "tasks.0.patience needs held-out crystals; set tasks.0.validation_fraction"),
        ([BOTH, "tasks.0.validation_fraction=0"], "tasks.0.ensemble needs held-out crystals"),
        (["tasks.0.layer_decay=1.5"], "tasks.0.layer_decay must be"),
        (["tasks.0.freeze=all"], "tasks.0.freeze must be"),
        (["tasks.0.ensemble={members: 0}"], "tasks.0.ensemble.members must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_anything_is_read(
    folder: Path, changes: list[str], message: str
) -> None:
    with pytest.raises(SpecError) as raised:
        parse_spec(SPEC, "m.yaml", folder, changes)
    assert message in str(raised.value)


def test_a_thermal_head_is_no_ensemble(folder: Path) -> None:
    text = SPEC.replace("kind: regression, outputs: [cv]", "kind: thermal")
    text = text.replace("quantity: cv}", "quantity: heat_capacity, temperature: 300, unit: J/mol_atom/K}")
    with pytest.raises(SpecError, match="thermal heads have no ensembles"):
        parse_spec(text, "m.yaml", folder, ["tasks.0.ensemble={members: 2}"])


def test_a_crystal_without_a_label_is_not_among_those_that_training_has_seen(folder: Path) -> None:
    from cloudkit.evaluate.leakage import load_seen

    alone = f"{generator_text(14)} | Cs 2a"
    lines = (folder / "train.csv").read_text().splitlines()
    (folder / "unlabelled.csv").write_text("\n".join([*lines, f"unlabelled,{alone},"]) + "\n")
    made = tuned(
        folder, "unlabelled", f"tasks.0.data.path={folder / 'unlabelled.csv'}", "tasks.0.data.targets.0.missing=skip",
        "tasks.0.validation_fraction=0",
    )  # fmt: skip
    model = cloudkit.load(made)
    assert model.predict([alone]).loc[0, "note"].startswith("Cs is in no training crystal")
    known = [line.split(",")[1] for line in lines[1:]]
    assert load_seen(made).marks([alone, *known[:3]]).tolist() == [False, True, True, True]
