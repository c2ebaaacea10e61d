"""The files of a finished run, read for its report and card; files outside the folder are not read."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.errors import ModelError
from cloudkit.evaluate.display import probability_column
from cloudkit.io import file_hash

Array = npt.NDArray[np.float64]
HASHED: Final = ("spec.yaml", "vocab.txt", "model.safetensors", "metrics.json", "predictions.csv")
COLUMNS: Final = (
    "head",
    "id",
    "formula",
    "scope",
    "quantity",
    "temperature",
    "target",
    "prediction",
    "unit",
    "lower",
    "upper",
    "seen",
)


class Predictions(NamedTuple):
    """Held-out rows of one quantity of one head; arrays are (rows,), temperature in K or NaN."""

    head: str
    quantity: str
    unit: str
    ids: list[str]
    scopes: list[str]
    temperature: Array
    target: Array
    prediction: Array
    baselines: dict[str, Array]

    def error(self) -> Array:
        """Return prediction - target, (rows,)."""
        return self.prediction - self.target

    def rows_by_crystal(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return the row numbers of each crystal, by first appearance."""
        found: dict[str, list[int]] = {}
        for row, name in enumerate(self.ids):
            found.setdefault(name, []).append(row)
        return {name: np.array(rows, dtype=np.int64) for name, rows in found.items()}


class ClassPredictions(NamedTuple):
    """Held-out rows of one classified quantity.

    label, decided: index of the true and the predicted class (rows,); probability, baselines: (rows, classes).
    """

    head: str
    quantity: str
    classes: list[str]
    positive: int
    ids: list[str]
    scopes: list[str]
    label: npt.NDArray[np.int64]
    decided: npt.NDArray[np.int64]
    probability: Array
    baselines: dict[str, Array]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Content of the files of a run.

    metrics, timing, attribution: as in JSON; curves: one entry per recorded epoch; predictions of numbers, classified of classes.
    """

    name: str
    spec: str
    metrics: dict[str, Any]
    timing: dict[str, Any]
    curves: list[dict[str, Any]]
    predictions: list[Predictions]
    classified: list[ClassPredictions]
    hashes: dict[str, str]
    attribution: dict[str, Any]


def read_run(folder: Path) -> RunFolder:
    """Read the folder of a run; raise ModelError naming a missing spec.yaml or metrics.json, or a damaged file."""
    metrics, timing = _json(folder, "metrics.json", {}), _json(folder, "timing.json", {})
    curves = _json(folder, "curves.json", [])
    if not (folder / "metrics.json").is_file() or not isinstance(metrics.get("tasks"), list):
        raise ModelError(
            f"{folder / 'metrics.json'}: needs a list 'tasks'; run `cloudkit build` for this folder again"
        )
    hashes = {name: file_hash(folder / name) for name in HASHED if (folder / name).is_file()}
    spec = _text(folder / "spec.yaml")
    parts = _json(folder, "attribution.json", {})
    return RunFolder(
        folder.resolve().name,
        spec,
        metrics,
        timing,
        curves,
        *_predictions(folder, metrics["tasks"]),
        hashes,
        parts,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"cannot read {path} ({error}); run `cloudkit build` for this folder again"
        ) from None


def _json(folder: Path, name: str, empty: Any) -> Any:
    """Read a JSON file whose content has the type of `empty`, which is returned if there is no file."""
    path = folder / name
    if not path.is_file():
        return empty
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON ({error}); run `cloudkit build` for this folder again") from None
    if not isinstance(found, type(empty)):
        raise ModelError(
            f"{path}: expected a JSON {type(empty).__name__}, found {type(found).__name__}; run `cloudkit build` again"
        )
    return found


def _predictions(
    folder: Path, tasks: list[dict[str, Any]]
) -> tuple[list[Predictions], list[ClassPredictions]]:
    """Read rows of numbers and of classes, by head and quantity; tasks: those of metrics.json."""
    path = folder / "predictions.csv"
    if not path.is_file():
        return [], []
    of_classes = {(task["head"], task["quantity"]): task for task in tasks if "classes" in task}
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, strict=True):
                groups.setdefault((row.get("head") or "", row["quantity"]), []).append(row)
        numbers = [_group(*key, rows) for key, rows in groups.items() if key not in of_classes]
        return numbers, [
            _classified(of_classes[key], rows) for key, rows in groups.items() if key in of_classes
        ]
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path}: damaged ({type(error).__name__}: {error}); run `cloudkit build` again"
        ) from None


def _group(head: str, quantity: str, rows: list[dict[str, str]]) -> Predictions:
    names = [name for name in rows[0] if name not in COLUMNS and all(row[name] for row in rows)]
    return Predictions(
        head, quantity, rows[0]["unit"],
        [row["id"] for row in rows], [row["scope"] for row in rows],
        _numbers(rows, "temperature"), _finite(rows, "target"), _finite(rows, "prediction"),
        {name: _finite(rows, name) for name in names},
    )  # fmt: skip


def _classified(task: dict[str, Any], rows: list[dict[str, str]]) -> ClassPredictions:
    classes = [str(name) for name in task["classes"]]

    def indices(column: str) -> npt.NDArray[np.int64]:
        return np.array([classes.index(row[column]) for row in rows], dtype=np.int64)

    def probabilities(baseline: str = "") -> Array:
        columns = [_finite(rows, probability_column(name, baseline)) for name in classes]
        return np.stack(columns, axis=1)

    return ClassPredictions(
        task["head"], task["quantity"], classes, classes.index(task["positive"]),
        [row["id"] for row in rows], [row["scope"] for row in rows],
        indices("target"), indices("prediction"), probabilities(), {name: probabilities(name) for name in task["baselines"]},
    )  # fmt: skip


def _numbers(rows: list[dict[str, str]], column: str) -> Array:
    return np.array([float(row[column]) if row[column] else math.nan for row in rows], dtype=np.float64)


def _finite(rows: list[dict[str, str]], column: str) -> Array:
    numbers = _numbers(rows, column)
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"column '{column}' of {rows[0]['quantity']} holds values that are not finite numbers"
        )
    return numbers


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested JSON to "outer inner" -> text, for a table of two columns."""
    out: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            out |= flatten(value, f"{name} ")
        elif isinstance(value, list):
            out[name] = ", ".join(map(str, value))
        else:
            out[name] = f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)
    return out
