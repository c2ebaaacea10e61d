"""Labelled sets by `cloudkit build` alone: the specs of benchmarks/specs, each on five folds, as a table.

    python benchmarks/task_specs.py [--specs elastic,perovskites] [--folds 0,1,2,3,4]

Needs the shared data. What is built already is not built again. The specs start from the geometry model that ships, which has seen
the structures (no labels) of some test crystals: the column "not seen" counts the others alone. Baselines learn the same rows.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cloudkit.evaluate.class_metrics import roc_auc

HERE = Path(__file__).parent
SPECS, TABLE, RUNS = HERE / "specs", HERE / "results" / "task_specs.txt", Path("runs/specs")
TREES = ("extra_trees", "boosted_trees")
RESAMPLED = 200


def build(name: str, fold: int) -> Path:
    """The folder of one fold's run, built unless it is there."""
    out = RUNS / f"{name}-{fold}"
    if not (out / "metrics.json").is_file():
        command = [sys.executable, "-m", "cloudkit", "build", str(SPECS / f"{name}.yaml")]
        subprocess.run([*command, "--set", f"folds.fold={fold}", "--out", str(out)], check=True)
    return out


def measure(out: Path) -> list[dict[str, Any]]:
    """For each quantity of a run: absolute errors of the model and of the baselines, and which rows geometry has seen."""
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["tasks"]
    found = []
    for task in (task for task in metrics if "classes" not in task):
        own = [row for row in rows if row["quantity"] == task["quantity"]]
        columns = {"model": "prediction", **{name: name for name in task["baselines"]}}
        target = np.array([float(row["target"]) for row in own])
        errors = {name: np.abs([float(row[key]) for row in own] - target) for name, key in columns.items()}
        inside = [
            float(row.get("lower") or "nan") <= t <= float(row.get("upper") or "nan")
            for row, t in zip(own, target, strict=True)
        ]
        seen = np.array([row["seen"] == "yes" for row in own])
        about = {
            "quantity": task["quantity"],
            "unit": task["unit"] or "",
            "inside": np.array(inside),
            "seen": seen,
        }
        found.append({**about, "errors": errors})
    return found


def line(name: str, folds: list[list[dict[str, Any]]], place: int) -> str:
    """One quantity over the folds that are done: the mean of the folds' errors, and the paired gain over the better trees."""
    parts = [fold[place] for fold in folds]
    mean = {key: np.mean([part["errors"][key].mean() for part in parts]) for key in parts[0]["errors"]}
    new = np.concatenate([part["errors"]["model"][~part["seen"]] for part in parts])
    best = min((key for key in TREES if key in mean), key=lambda key: mean[key])
    gain = np.concatenate([part["errors"][best] - part["errors"]["model"] for part in parts])
    half = 1.96 * gain.std() / len(gain) ** 0.5
    inside = np.concatenate([part["inside"] for part in parts]).mean()
    cells = [
        f"{mean['mean']:10.4g}",
        *(f"{mean[key]:14.4g}" if key in mean else f"{'-':>14}" for key in TREES),
    ]
    cells += [
        f"{mean['model']:10.4g}",
        f"{new.mean():10.4g} ({len(new)})",
        f"{gain.mean():10.3g} ± {half:.2g}",
        f"{100 * inside:6.0f} %" if inside else f"{'-':>8}",
    ]
    return f"{name:<22}{parts[0]['quantity']:<20}{len(folds):>5}" + "".join(cells)


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


def area(positive: np.ndarray, score: np.ndarray) -> float:
    """ROC-AUC."""
    return float(roc_auc(positive.astype(np.int64), np.stack([1 - score, score], axis=1), 1) or np.nan)


def class_line(name: str, folds: list[list[dict[str, Any]]], place: int) -> str:
    """ROC-AUC over the folds that are done, and the paired gain over the better trees with the 95 % interval of resampled rows."""
    parts = [fold[place] for fold in folds]
    mean = {
        key: np.mean([area(part["positive"], part["scores"][key]) for part in parts])
        for key in parts[0]["scores"]
    }
    best = max((key for key in TREES if key in mean), key=lambda key: mean[key])
    draw, gains = np.random.default_rng(0), []
    for _ in range(RESAMPLED):
        each = []
        for part in parts:
            rows = draw.integers(0, len(part["positive"]), len(part["positive"]))
            model, trees = (
                area(part["positive"][rows], part["scores"][key][rows]) for key in ("model", best)
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
        done = [out for out in sorted(RUNS.glob(f"{name}-[0-9]")) if (out / "metrics.json").is_file()]
        folds = [measure_classes(out) for out in done]
        lines += [class_line(name, folds, place) for place in range(len(folds[0]))] if folds else []
    head = f"{'spec':<22}{'quantity':<20}{'folds':>5}{'extra_trees':>14}{'boosted_trees':>14}{'model':>10}"
    return ["", "ROC-AUC", head + "   gain over trees, 95 %   balanced accuracy", *lines] if lines else []


def write_table(names: list[str]) -> None:
    """The table of all folds that are built."""
    head = f"{'spec':<22}{'quantity':<20}{'folds':>5}{'mean':>10}{'extra_trees':>14}{'boosted_trees':>14}{'model':>10}"
    lines = [head + "  not seen (rows)   gain over trees, 95 %   in 80 % intervals"]
    for name in names:
        folds = [
            measure(out) for out in sorted(RUNS.glob(f"{name}-[0-9]")) if (out / "metrics.json").is_file()
        ]
        lines += [line(name, folds, place) for place in range(len(folds[0]))] if folds else []
    lines.append(
        "Mean absolute errors; one seed. benchmarks/specs says which extra rows and which teacher each spec has."
    )
    lines += class_table(names)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--specs", default=",".join(sorted(path.stem for path in SPECS.glob("*.yaml"))))
    parser.add_argument("--folds", default="0,1,2,3,4")
    options = parser.parse_args()
    names = options.specs.split(",")
    for fold in map(int, options.folds.split(",")):
        for name in names:
            build(name, fold)
            write_table(names)


if __name__ == "__main__":
    main()
