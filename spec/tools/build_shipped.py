"""Make the thermal model that ships in the wheel: python spec/tools/build_shipped.py [RUNS]

The preset `thermal` on all crystals of its data (90 % to train, 10 % to choose the epoch and set the bands), weights in float16.
Errors on unseen crystals are those of five more builds, each without the compositions of a fifth of the table thermal, neither
measured nor computed; boosted trees learn the same rows. RUNS keeps the builds; one that is there already is not made again.
Same machine and versions, same bytes; the card holds the hash of the weights.
"""

import csv
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from build_shipped_materials import write_about
from safetensors.torch import load_file

from cloudkit.data import read_builtin
from cloudkit.evaluate import fit_predict
from cloudkit.evaluate.coverage import measure_intervals
from cloudkit.evaluate.leakage import formula_key
from cloudkit.evaluate.metrics import mae
from cloudkit.evaluate.task_data import read_task_data, split_task
from cloudkit.models import save_weights, to_half
from cloudkit.modelspec import load_spec
from cloudkit.train import build

TARGET: Final = Path(__file__).resolve().parents[2] / "cloudkit" / "models" / "shipped" / "thermal"
FILES: Final = ("spec.yaml", "vocab.txt", "card.md", "known.npz")
MOST: Final = 3_000_000  # bytes
FOLDS: Final = 5
UNITS: Final = {
    "heat_capacity": "J/mol_atom/K",
    "entropy": "J/mol_atom/K",
    "internal_energy": "J/mol_atom",
    "free_energy": "J/mol_atom",
}
ALL: Final = "tasks.0.data.join.0.part=all"
DATA: Final = [
    "NCrystal's standard library (Apache-2.0; cite X.-X. Cai and T. Kittelmann, Comput. Phys. Commun. 246 (2020) 106851): crystals and "
    "phonon densities of states; errors are of these, 5 to 1,000 K",
    "frequencies by the potentials sevennet-l3i5 (MIT) and nequix-oam-1-pft (CC-BY-4.0) on structures of the Materials Project and WBM "
    "(CC-BY-4.0) and of the American Mineralogist Crystal Structure Database",
]
Column = np.ndarray[Any, np.dtype[np.float64]]


def main(runs: Path) -> None:
    torch.set_num_threads(1)
    spec = load_spec("thermal", [ALL])
    spec = spec.model_copy(update={"tasks": spec.tasks[:1]})
    TARGET.mkdir(parents=True, exist_ok=True)
    made = runs / "all"
    if not all((made / name).is_file() for name in (*FILES, "model.safetensors", "metrics.json")):
        build(spec, made)
    for name in FILES:
        shutil.copyfile(made / name, TARGET / name)
    training = json.loads((made / "metrics.json").read_text())["training"]["finetune thermal"]
    save_weights(to_half(load_file(made / "model.safetensors")), TARGET / "model.safetensors")
    weights = (TARGET / "model.safetensors").read_bytes()
    assert len(weights) < MOST, f"{len(weights):,} bytes are too many for the wheel"
    about = {
        "sha256": hashlib.sha256(weights).hexdigest(),
        "train_crystals": training["crystals"],
        "data": DATA,
        "quantities": measure(runs),
    }
    write_about("thermal", about)
    write_card(TARGET / "card.md", training, about, len(weights))
    print(f"{TARGET}: {len(weights):,} bytes")


def measure(runs: Path) -> list[dict[str, Any]]:
    """Errors and intervals of the five builds, all folds together, for each quantity."""
    parts = [fold_rows(fold, runs) for fold in range(FOLDS)]
    out = []
    for quantity in UNITS:
        rows = [row for part in parts for row in part if row["quantity"] == quantity]
        names = "target", "prediction", "lower", "upper", "trees", "mean"
        columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
        texts = [row["scope"] for row in rows]
        one: dict[str, Any] = {"quantity": quantity, "rows": len(set(texts))}
        for name, column in (("mae", "prediction"), ("trees_mae", "trees"), ("mean_mae", "mean")):
            one[name] = mae(columns["target"], columns[column])
        out.append(one | measure_intervals(texts, columns))
    return out


def fold_rows(fold: int, runs: Path) -> list[dict[str, str]]:
    """The predictions of a fold's build, with those of trees and of the mean; the build is made unless it is there."""
    table, out = runs / f"fold-{fold}.csv", runs / f"rows-{fold}.csv"
    if not out.exists():
        write_fold(fold, table)
        targets = [target(name) for name in UNITS]
        data = {"path": str(table), "columns": {"text": "scope", "id": "id"}, "targets": targets}
        changes = [ALL, f"tasks.1.data={json.dumps(data)}", "tasks.1.baselines=[]"]
        made = build(load_spec("thermal", changes), runs / f"fold-{fold}").folder
        with (made / "predictions.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for quantity in UNITS:
            add_baselines(quantity, changes, [row for row in rows if row["quantity"] == quantity])
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def target(quantity: str) -> dict[str, str]:
    return {"column": quantity, "quantity": quantity, "temperature": "temperature", "unit": UNITS[quantity]}


def write_fold(fold: int, path: Path) -> None:
    """The rows of the crystals of a fifth of the compositions."""
    table = read_builtin("thermal", "all")
    formulas = [str(formula_key(text)) for text in table.text("scope")]
    names = sorted(set(formulas))
    order = np.random.default_rng(0).permutation(len(names))
    own = {names[index] for place, index in enumerate(order.tolist()) if place % FOLDS == fold}
    columns = ("id", "scope", "temperature", *UNITS)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(
            [table.columns[name][row] for name in columns] for row, one in enumerate(formulas) if one in own
        )


def add_baselines(quantity: str, changes: list[str], rows: list[dict[str, str]]) -> None:
    """Add the predictions of boosted trees and of the mean curve, which learn the rows of the fold's build."""
    labels = json.dumps([target(quantity)])
    learned = [f"tasks.0.data.join.{table}.targets={labels}" for table in (0, 1)]
    spec = load_spec("thermal", [*changes, *learned])
    task, crystals = spec.tasks[0], read_task_data(spec, spec.tasks[0].data)
    chosen, _ = split_task(task, crystals, [row["scope"] for row in rows], spec.run.seed)
    train = crystals.select(chosen)
    known = [train.texts[row] for row in train.crystal]
    texts, kelvin = [row["scope"] for row in rows], np.array([float(row["temperature"]) for row in rows])
    for column, name in (("trees", "boosted_trees"), ("mean", "mean")):
        found = fit_predict(name, known, train.temperature, train.value, texts, kelvin, seed=spec.run.seed)
        for row, value in zip(rows, found.tolist(), strict=True):
            row[column] = str(value)


def write_card(path: Path, training: dict[str, int], about: dict[str, Any], size: int) -> None:
    """The card of the build, with the errors on unseen crystals and how it was made."""
    text = (
        path.read_text(encoding="utf-8")
        .replace("predict FOLDER", "predict thermal")
        .replace('load("FOLDER")', 'load("thermal")')
    )
    text = (
        text.split("FOLDER is the folder")[0]
        + "Values are per mole of atoms unless `--per` says otherwise.\n"
    )
    lines = [
        f"| {one['quantity']} | {UNITS[one['quantity']]} | {one['mae']:.3g} | {one['trees_mae']:.3g} | {one['mean_mae']:.3g} | "
        f"{one['coverage_of_80']:.0%} | {', '.join(format(third['coverage'], '.0%') for third in one['intervals']['thirds'])} |"
        for one in about["quantities"]
    ]
    text = text.replace("## Metrics\n\nNone: the spec has no evaluate task.", "\n".join([
        "## Errors on compositions that training has not seen", "",
        "| quantity | unit | MAE | of boosted trees | of the mean curve | labels in 80 % bands | narrowest, middle, widest third |",
        "| --- | --- | --- | --- | --- | --- | --- |", *lines, "",
        f"{about['quantities'][0]['rows']} crystals from 5 to 1,000 K, in five folds: five more models, none of which has seen a composition that "
        "it is measured on, neither measured nor computed.",
    ]))  # fmt: skip
    text += (
        f"\n## Made\n\n`make shipped`: the preset `thermal` on all its {training['crystals'] + training['validation_crystals']} crystals, "
        f"{training['validation_crystals']} of them to choose the epoch and set the bands. Measured heat capacities: "
        "`benchmarks/results/janaf.txt`.\n\n"
        f"model.safetensors: {size:,} bytes, float16, SHA-256 `{about['sha256']}`\n"
    )
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as kept:
            main(Path(kept))
