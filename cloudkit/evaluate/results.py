"""The files of an evaluate task: metrics.json, and predictions.csv with predictions of the model and its baselines."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import Crystals
from cloudkit.evaluate.class_evaluation import ClassScores
from cloudkit.evaluate.class_metrics import summarize_classes
from cloudkit.evaluate.display import formula_of, probability_column
from cloudkit.evaluate.evaluation import Scores, add_intervals, compare
from cloudkit.evaluate.leakage import Seen
from cloudkit.evaluate.metrics import mae
from cloudkit.models.widths import Interval


def write_evaluation(
    head: str,
    train: Crystals,
    test: Crystals,
    ends: Interval,
    baselines: Sequence[str],
    seed: int,
    folder: Path,
    *,
    learned: Sequence[str],
    seen: Seen,
    units: Mapping[str, str],
    metric: str | None,
) -> None:
    """Write ``metrics.json`` and ``predictions.csv`` of one evaluate task into `folder`.

    Parameters
    ----------
    train, test
        Training and test crystals of the head.
    ends
        Predictions of the observations of `test`, per atom, with their intervals.
    learned
        Strings that were trained on or held out.
    seen
        Crystals that the model was trained on with labels before fine-tuning.
    units
        Units of quantities without a canonical unit.
    metric
        Metric by which the model is compared with baselines; default the mean absolute error.
    """
    scores = compare(head, train, test, ends.value, baselines, seed, units)
    add_intervals(scores, test, ends)
    counts, marks = _overlap(train, test, learned, seen)
    counts |= {"metric": metric or "mae"}
    metrics = []
    for score in scores:
        rows = np.flatnonzero(test.quantity == test.quantities.index(score.metrics["quantity"]))
        score.columns["seen"] = marks[test.crystal[rows]].astype(np.float64)
        new = _new_crystals(score, test.crystal[rows], marks)
        metrics.append({**score.metrics, **counts, **new})
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    write_lines(folder / "predictions.csv", [line for score in scores for line in _lines(score)])


def write_class_evaluation(
    scores: ClassScores,
    train: Crystals,
    test: Crystals,
    folder: Path,
    *,
    learned: Sequence[str],
    seen: Seen,
) -> None:
    """Write ``metrics.json`` and ``predictions.csv`` of a classification task; arguments as in `write_evaluation`."""
    counts, marks = _overlap(train, test, learned, seen)
    metrics = [{**scores.metrics, **counts, **_new_class_crystals(scores, test.crystal, marks)}]
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    write_lines(folder / "predictions.csv", list(_class_lines(scores, marks[test.crystal])))


def _overlap(
    train: Crystals, test: Crystals, learned: Sequence[str], seen: Seen
) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Count the crystals, and those that the model was trained on; return the mask (crystals,) of those seen before."""
    marks = seen.marks(test.texts)
    counts = {
        "crystals": len(test),
        "train_crystals": len(np.unique(train.crystal)),
        "crystals_in_training": len(set(test.texts) & set(learned)),
        "crystals_seen_before": int(marks.sum()),
    }
    return counts, marks


def _class_lines(scores: ClassScores, seen: NDArray[np.bool_]) -> Iterator[dict[str, Any]]:
    """Yield one line per label: true and predicted class, and the probability of each class."""
    criteria = scores.criteria
    known = {"head": scores.metrics["head"], "quantity": criteria.output, "unit": ""}
    for row, (name, text) in enumerate(zip(scores.ids, scores.texts, strict=True)):
        line = {**known, "id": name, "formula": formula_of(text), "scope": text, "temperature": ""}
        line["target"] = criteria.classes[scores.label[row]]
        for who, column in scores.columns.items():
            baseline = "" if who == "prediction" else who
            line[who] = criteria.classes[column.decided[row]]
            names = (probability_column(label, baseline) for label in criteria.classes)
            line |= dict(zip(names, column.probability[row].tolist(), strict=True))
        yield {**line, "seen": "yes" if seen[row] else "no"}


def _new_crystals(
    score: Scores, crystal: NDArray[np.int64], marks: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Return the error on the crystals that were not seen before, if some were."""
    rows = ~marks[crystal]
    if rows.all() or not rows.any():
        return {}
    error = mae(score.columns["target"][rows], score.columns["prediction"][rows])
    return {"new_crystals": {"crystals": len(np.unique(crystal[rows])), "mae": error}}


def _new_class_crystals(
    scores: ClassScores, crystal: NDArray[np.int64], marks: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Return the metric of the task on the crystals that were not seen before, if some were."""
    rows = ~marks[crystal]
    if rows.all() or not rows.any():
        return {}
    column, criteria = scores.columns["prediction"], scores.criteria
    found = summarize_classes(
        scores.label[rows], column.probability[rows], positive=criteria.positive, threshold=column.threshold
    )
    known = {criteria.metric: found[criteria.metric]} if criteria.metric in found else {}
    return {"new_crystals": {"crystals": len(np.unique(crystal[rows])), **known}}


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    """Write a CSV file with the columns of all lines; missing cells are empty."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(lines)


def _lines(score: Scores) -> Iterator[dict[str, Any]]:
    """Yield one line per observation; the temperature is empty for quantities without one."""
    known = {name: score.metrics[name] for name in ("head", "quantity", "unit")}
    for row, (name, text) in enumerate(zip(score.ids, score.texts, strict=True)):
        numbers: dict[str, Any] = {column: float(values[row]) for column, values in score.columns.items()}
        numbers["seen"] = "yes" if score.columns["seen"][row] else "no"
        if np.isnan(numbers["temperature"]):
            numbers["temperature"] = ""
        yield {**known, "id": name, "formula": formula_of(text), "scope": text, **numbers}
