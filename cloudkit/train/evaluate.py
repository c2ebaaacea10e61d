"""The stage `evaluate`: a model's predictions on held-out rows, beside those of baselines trained on the same rows as it."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import Crystals
from cloudkit.property.evaluate import Scores, compare


def write_evaluation(
    head: str,
    train: Crystals,
    test: Crystals,
    prediction: NDArray[np.float64],
    baselines: Sequence[str],
    seed: int,
    folder: Path,
) -> None:
    """Write ``metrics.json`` and ``predictions.csv`` of one evaluate task.

    train: what the head was fitted to; test: what it is measured on; prediction (observations of test,) per atom.
    """
    scores = compare(head, train, test, prediction, baselines, seed)
    counts = {"crystals": len(test), "train_crystals": len(np.unique(train.crystal))}
    counts["crystals_in_training"] = len(set(test.texts) & set(train.texts))
    metrics = [{**score.metrics, **counts} for score in scores]
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    write_lines(folder / "predictions.csv", [line for score in scores for line in _lines(score)])


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    """A CSV file with the columns of all lines, empty where a line has no such column."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(lines)


def _lines(score: Scores) -> Iterator[dict[str, Any]]:
    """One line per observation; the temperature is empty where it has no meaning."""
    known = {
        "head": score.metrics["head"],
        "quantity": score.metrics["quantity"],
        "unit": score.metrics["unit"],
    }
    for row, (name, text) in enumerate(zip(score.ids, score.texts, strict=True)):
        numbers: dict[str, Any] = {column: float(values[row]) for column, values in score.columns.items()}
        if np.isnan(numbers["temperature"]):
            numbers["temperature"] = ""
        yield {**known, "id": name, "scope": text, **numbers}
