"""Labelled sets by `cloudkit build` alone: the specs of benchmarks/specs, each on five folds, as a table.

    make tasks-table          # or: python benchmarks/task_specs.py [--specs elastic,perovskites] [--folds 0,1] [--only-table]

Needs the shared data. What is built already is not built again. Specs named geometry-NAME pretrain on structures for a pool of tasks, and see no composition of
any of its rows; specs of tasks start from them. No training crystal shares composition and space group with a test crystal. Baselines learn the same rows.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.evaluate.class_metrics import roc_auc
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.modelspec import EvaluateTask, FinetuneTask, Spec, Target, dump, load_spec, tables_of

HERE = Path(__file__).parent
SPECS, TABLE, RUNS = HERE / "specs", HERE / "results" / "task_specs.txt", Path("runs/specs")
POOL = "geometry-"
RESAMPLED = 200
TREES = ("extra_trees", "boosted_trees")
PUBLISHED = {"phonons": "~40.9", "heat_capacity": "0.057"}  # CLOUD; ~: read off its figure
PER_CELL = {"heat_capacity": "n_atoms"}  # scored as MAE/MAD of labels per cell: the column of its atoms
WIDTHS = {"spec": 30, "quantity": 20, "unit": 14, "folds": 6, "networks": 9, "published": 10, "mean": 9}

Array = NDArray[np.float64]
Fold = dict[str, Any]


def build(name: str, *changes: str, out: str = "") -> Path:
    """The folder of a run, built unless it is there; the geometry model that it starts from comes first."""
    folder, spec = RUNS / (out or name), load_spec(SPECS / f"{name}.yaml")
    if spec.init_from and Path(spec.init_from).name.startswith(POOL):
        build(Path(spec.init_from).name)
    if not is_current(name, folder, *changes):
        command = [sys.executable, "-m", "cloudkit", "build", str(SPECS / f"{name}.yaml")]
        sets = [part for change in changes for part in ("--set", change)]
        subprocess.run([*command, *sets, "--out", str(folder)], check=True)
    return folder


def is_current(name: str, folder: Path, *changes: str) -> bool:
    """Whether a folder holds a finished run of the spec as it is now; folders of data and models are not compared."""
    if not (folder / "metrics.json").is_file():
        return False
    made, now = load_spec(folder / "spec.yaml", check_files=False), load_spec(SPECS / f"{name}.yaml", changes)
    plain = [re.sub(r"[^\s'\"]*/(?=[\w.-]+)", "", dump(spec)) for spec in (made, now)]
    return plain[0] == plain[1]


def finished(name: str) -> list[Path]:
    """The runs of a spec as it is now, one for each fold that is built."""
    every = sorted(RUNS.glob(f"{name}-[0-9]"))
    return [out for out in every if is_current(name, out, f"folds.fold={out.name.rpartition('-')[2]}")]


def read_fold(name: str, folder: Path) -> list[Fold]:
    """What one fold says of each number that it predicts: absolute errors of the model and the baselines."""
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    for task in json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["tasks"]:
        if "classes" in task:
            continue
        own = [row for row in rows if row["quantity"] == task["quantity"]]
        about = {"quantity": task["quantity"], "unit": task.get("unit") or "", "rows": len(own)}
        errors, target = absolute_errors(own, task["baselines"]), column(own, "target")
        scale = np.ones(len(own)) if name not in PER_CELL else read_cell_atoms(name, folder, PER_CELL[name])
        errors = {key: error * scale for key, error in errors.items()}
        if name in PER_CELL:
            spread = np.abs(target * scale - (target * scale).mean()).mean()
            errors, about["unit"] = {key: error / spread for key, error in errors.items()}, "MAE/MAD"
        inside = (column(own, "lower") <= target) & (target <= column(own, "upper"))
        found.append(
            {**about, "errors": errors, "inside": inside, "seen": sum(row["seen"] == "yes" for row in own)}
        )
    return found


def column(rows: list[dict[str, str]], name: str) -> Array:
    """A column of numbers; NaN where it is empty or missing."""
    return np.array([float(row.get(name) or "nan") for row in rows])


def absolute_errors(rows: list[dict[str, str]], baselines: dict[str, Any]) -> dict[str, Array]:
    """Absolute errors of the model and of each baseline."""
    names = {"model": "prediction", **{name: name for name in baselines}}
    return {key: np.abs(column(rows, name) - column(rows, "target")) for key, name in names.items()}


def read_cell_atoms(name: str, folder: Path, of: str) -> Array:
    """The atoms of the cell of each label that a fold was evaluated on, in the order of predictions.csv."""
    spec = load_spec(SPECS / f"{name}.yaml", [f"folds.fold={folder.name.rpartition('-')[2]}"])
    data = next(task.data for task in spec.tasks if isinstance(task, EvaluateTask))
    (table,) = tables_of(data)
    return read_task_data(spec, table.model_copy(update={"targets": [Target(column=of, quantity=of)]})).value


def count_networks(spec: Spec) -> int:
    """How many networks a spec fine-tunes."""
    task = next(task for task in spec.tasks if isinstance(task, FinetuneTask))
    return task.ensemble.members if task.ensemble else 1


def format_row(name: str, folds: list[list[Fold]], place: int) -> str:
    """One quantity over the folds that are built: means of the folds, and the paired gain over the better trees."""
    parts = [fold[place] for fold in folds]
    first = parts[0]
    mean = {key: float(np.mean([part["errors"][key].mean() for part in parts])) for key in first["errors"]}
    gain = format_gain([part["errors"] for part in parts], min(TREES, key=lambda key: mean[key]))
    inside = f"{100 * np.concatenate([part['inside'] for part in parts]).mean():.0f} %"
    assert not sum(part["seen"] for part in parts), f"{name}: pretraining has seen crystals to test on"
    cells = [
        name,
        first["quantity"],
        first["unit"],
        len(folds),
        count_networks(load_spec(SPECS / f"{name}.yaml")),
    ]
    cells += [PUBLISHED.get(name, "-"), f"{mean['mean']:.4g}"]
    numbers = "".join(f"{mean[key]:>14.4g}" for key in (*TREES, "model"))
    left = "".join(f"{cell!s:<{width}}" for cell, width in zip(cells, WIDTHS.values(), strict=True))
    return f"{left}{numbers}{gain:>20}{inside:>10}"


def format_gain(errors: list[dict[str, Array]], rival: str) -> str:
    """The mean gain over a rival, row by row, with its 95 % interval."""
    gain = np.concatenate([part[rival] - part["model"] for part in errors])
    return f"{gain.mean():.3g} ± {1.96 * gain.std() / len(gain) ** 0.5:.2g}"


def measure_classes(out: Path) -> list[dict[str, Any]]:
    """For each classified quantity of a run of two classes: which rows are positive, and the probability that model and baselines give."""
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["tasks"]
    found = []
    for task in (task for task in metrics if "classes" in task):
        own = [row for row in rows if row["quantity"] == task["quantity"]]
        names = {"model": "", **{name: f"{name} " for name in task["baselines"]}}
        column = f"p({task['positive']})"
        scores = {
            name: np.array([float(row[prefix + column]) for row in own]) for name, prefix in names.items()
        }
        positive = np.array([row["target"] == task["positive"] for row in own])
        found.append({"quantity": task["quantity"], "positive": positive, "scores": scores, "metrics": task})
    return found


def binary_roc_auc(positive: np.ndarray, score: np.ndarray) -> float:
    """ROC-AUC."""
    return float(roc_auc(positive.astype(np.int64), np.stack([1 - score, score], axis=1), 1) or np.nan)


def format_class_row(name: str, folds: list[list[dict[str, Any]]], place: int) -> str:
    """ROC-AUC over the folds that are done, and the paired gain over the better trees with the 95 % interval of resampled rows."""
    parts = [fold[place] for fold in folds]
    mean = {
        key: np.mean([binary_roc_auc(part["positive"], part["scores"][key]) for part in parts])
        for key in parts[0]["scores"]
    }
    best = max((key for key in TREES if key in mean), key=lambda key: mean[key])
    draw, gains = np.random.default_rng(0), []
    for _ in range(RESAMPLED):
        each = []
        for part in parts:
            rows = draw.integers(0, len(part["positive"]), len(part["positive"]))
            model, trees = (
                binary_roc_auc(part["positive"][rows], part["scores"][key][rows]) for key in ("model", best)
            )
            each.append(model - trees)
        gains.append(np.mean(each))
    low, high = np.quantile(gains, (0.025, 0.975))
    balanced = np.mean([part["metrics"]["balanced_accuracy"] for part in parts])
    cells = [f"{mean[key]:14.4f}" if key in mean else f"{'-':>14}" for key in TREES]
    cells += [
        f"{mean['model']:10.4f}",
        f"{mean['model'] - mean[best]:10.4f} ({low:.4f} to {high:.4f})",
        f"{balanced:12.3f}",
    ]
    return f"{name:<22}{parts[0]['quantity']:<20}{len(folds):>5}" + "".join(cells)


def class_table(names: list[str]) -> list[str]:
    """The lines of all specs that classify."""
    lines = []
    for name in names:
        folds = [measure_classes(out) for out in finished(name)]
        lines += [format_class_row(name, folds, place) for place in range(len(folds[0]))] if folds else []
    head = f"{'spec':<22}{'quantity':<20}{'folds':>5}{'extra_trees':>14}{'boosted_trees':>14}{'model':>10}"
    return ["", "ROC-AUC", head + "   gain over trees, 95 %   balanced accuracy", *lines] if lines else []


def write_table(names: list[str]) -> None:
    """The table of all folds that are built."""
    head = "".join(f"{title:<{width}}" for title, width in WIDTHS.items())
    lines = [
        head + "".join(f"{title:>14}" for title in (*TREES, "model")) + f"{'gain, 95 %':>20}{'in 80 %':>10}"
    ]
    notes = []
    for name in names:
        folds = [read_fold(name, out) for out in finished(name)]
        lines += [format_row(name, folds, place) for place in range(len(folds[0]))] if folds else []
        comment = (SPECS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        notes += [f"{name}: {comment}"] if folds else []
    lines.append(
        "Mean absolute errors, means of folds; gain over the better trees, paired by row; trees learned the same rows."
    )
    TABLE.write_text("\n".join([*lines, *class_table(names), "", *notes]) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = sorted(path.stem for path in SPECS.glob("*.yaml") if not path.stem.startswith(POOL))
    parser.add_argument("--specs", default=",".join(every))
    parser.add_argument("--folds", default="0,1,2,3,4")
    parser.add_argument("--only-table", action="store_true", help="build nothing")
    options = parser.parse_args()
    for fold in map(int, options.folds.split(",")):
        for name in () if options.only_table else options.specs.split(","):
            build(name, f"folds.fold={fold}", out=f"{name}-{fold}")
    write_table(every)


if __name__ == "__main__":
    main()
