"""Geometry pretraining, starting from a model, intervals, crystals kept apart; sites that only orbit strings tell apart."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import cloudkit
from cloudkit.data import error_floor
from cloudkit.errors import DataError, ModelError
from cloudkit.evaluate import evaluate
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.io import read_table
from cloudkit.modelspec import Spec, parse_spec
from cloudkit.tables import ELEMENT
from cloudkit.train import build

LARGE = ("Ca", "Sr", "Ba", "La", "K", "Na", "Pb", "Y")
SMALL = ("Ti", "Zr", "Hf", "Nb", "Al", "V", "Mn", "Sn")
ENCODER = "encoder: {kind: transformer, layers: 1, heads: 2, width: 16, merge: true, pooling: attention, dropout: 0.0}\n"
SPEC = (
    "cloudkit: 1\nname: shape\n"
    + ENCODER
    + """
heads:
  shape: {kind: geometry, targets: [log_nearest_distance, stiffness]}
  mlm: {kind: masked_tokens, hide: orbits}
tasks:
  - {kind: pretrain, head: [shape, mlm], data: {path: structures.jsonl, columns: {structure: structure, id: id}}, epochs: 6, batch: 16}
"""
)
LATER = (
    "cloudkit: 1\nname: later\ninit_from: first\n"
    + ENCODER
    + """
heads: {value: {kind: regression, outputs: [y]}}
tasks:
  - {kind: finetune, head: value, exclude_shared: composition, split_by: composition, validation_fraction: 0.3, epochs: 4, batch: 16, data: &all
      {path: labels.csv, columns: {id: id}, targets: [{column: y, quantity: y}]}}
  - {kind: evaluate, head: value, baselines: [mean], data: {path: test.csv, columns: {id: id}, targets: [{column: y, quantity: y}]}}
"""
)


def perovskite(center: str, corner: str) -> dict[str, object]:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    edge = 2.2 + 0.5 * (ELEMENT[center].covalent_radius + ELEMENT[corner].covalent_radius)
    return {
        "lattice": (np.eye(3) * edge).tolist(),
        "frac": places,
        "species": [corner, center, "O", "O", "O"],
    }


def charge_of_centre(center: str, corner: str) -> float:
    return ELEMENT[center].electronegativity - ELEMENT[corner].electronegativity


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """structures.jsonl, labels.csv and test.csv: each pair of metals both ways round."""
    where = tmp_path_factory.mktemp("learning")
    pairs = [(a, b) for one in LARGE for other in SMALL for a, b in ((one, other), (other, one))]
    lines = [
        {"id": f"{b}{a}O3", "structure": perovskite(a, b), "y": charge_of_centre(a, b)} for a, b in pairs
    ]
    (where / "structures.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    texts = [cloudkit.encode(line["structure"]) for line in lines]
    rows = [
        {"id": line["id"], "scope": text, "y": line["y"]} for line, text in zip(lines, texts, strict=True)
    ]
    _write(where / "labels.csv", rows)
    _write(where / "test.csv", rows[:40])
    return where


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def spec(text: str, folder: Path, *changes: str) -> Spec:
    return parse_spec(text, "m.yaml", folder, changes)


@pytest.fixture(scope="module")
def first(folder: Path) -> Path:
    return build(spec(SPEC, folder), folder / "first").folder


def test_pretraining_learns_the_geometry_and_the_strings(first: Path) -> None:
    losses = [row["train_loss"] for row in json.loads((first / "curves.json").read_text())]
    assert losses[-1] < 0.9 * losses[0]


def test_what_was_seen_and_what_lies_in_its_interval_is_said(folder: Path, first: Path) -> None:
    lines: list[str] = []
    found = build(spec(LATER, folder), folder / "later", log=lines.append)
    (task,) = found.metrics["tasks"]
    assert task["crystals_seen_before"] == pytest.approx(40, abs=6)  # a few were held out while pretraining
    new = task.get("new_crystals", {"crystals": 0})
    assert new["crystals"] + task["crystals_seen_before"] == task["crystals"]
    assert task["crystals_in_training"] == 0  # exclude_shared: composition
    assert 0 <= task["coverage_of_80"] <= 1
    table = read_table(found.folder / "predictions.csv")
    assert set(table.column("seen")) <= {"yes", "no"}
    lower, value, upper = (table.numbers(name) for name in ("lower", "prediction", "upper"))
    assert (lower < value).all() and (value < upper).all()
    predicted = cloudkit.load(found.folder).predict(table.text("scope"))
    assert predicted["lower"].to_numpy() == pytest.approx(lower, abs=1e-5)
    again = evaluate(cloudkit.load(found.folder), folder / "test.csv", baselines=["mean"])
    (score,) = again.scores
    assert again.notes == []  # the crystals that `exclude_shared` left out were not used for training
    assert score.metrics["baselines"]["mean"] == pytest.approx(task["baselines"]["mean"])


def test_a_task_that_apart_leaves_without_crystals_says_so(folder: Path, first: Path) -> None:
    nothing_left = spec(LATER.replace("test.csv", "labels.csv"), folder)
    with pytest.raises(
        DataError, match=r"exclude_shared = composition leaves none of the 128 crystals to finetune on"
    ):
        build(nothing_left, folder / "nothing")


def test_a_start_of_another_shape_is_refused_before_anything_is_made(folder: Path, first: Path) -> None:
    with pytest.raises(ModelError, match=r"encoder.width is 8 here and 16 there"):
        build(spec(LATER, folder, "encoder.width=8"), folder / "never")
    with pytest.raises(ModelError, match=r"tokens.dialect is reduced here and orbit there"):
        build(spec(LATER, folder, "tokens.dialect=reduced"), folder / "never")
    with pytest.raises(ModelError, match="no such model folder; models that ship with cloudkit"):
        build(spec(LATER, folder, "init_from=nothing"), folder / "never")
    assert not (folder / "never").exists()


def test_a_start_whose_weights_are_damaged_is_refused(folder: Path, first: Path) -> None:
    damaged = folder / "damaged"
    shutil.copytree(first, damaged)
    given = spec(LATER.replace("init_from: first", "init_from: damaged"), folder)
    weights = load_file(first / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point())
    weights[name].view(-1)[0] = float("nan")
    save_file(weights, damaged / "model.safetensors")
    with pytest.raises(ModelError, match=f"{name} holds values that are not finite"):
        build(given, folder / "never")
    (damaged / "model.safetensors").write_bytes((first / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        build(given, folder / "never")


def test_orbit_strings_tell_the_centre_of_half_heuslers_apart_where_reduced_strings_cannot(
    tmp_path: Path,
) -> None:
    """Three elements on 4a, 4b and 4c; the label is the electronegativity of the one between the others."""
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]
    lattice = [[0, 3, 3], [3, 0, 3], [3, 3, 0]]
    rows: list[dict[str, object]] = []
    for metal in SMALL[:4]:
        for a, b, centre in (("Ni", "Sb", metal), (metal, "Sb", "Ni"), (metal, "Ni", "Sb")):
            text = cloudkit.encode((lattice, places, [a, b, centre]))
            rows.append({"id": len(rows), "scope": text, "y": ELEMENT[centre].electronegativity})
    for name in ("labels.csv", "test.csv"):
        _write(tmp_path / name, rows)
    both = (spec(LATER, tmp_path, f"tokens.dialect={dialect}") for dialect in ("orbit", "reduced"))
    orbit, reduced = (read_task_data(one, one.tasks[0].data) for one in both)
    assert (len(orbit), len(reduced)) == (12, 8)  # two of three arrangements are one reduced string
    assert error_floor(orbit)["y"] == 0
    assert error_floor(reduced)["y"] > 0.01
