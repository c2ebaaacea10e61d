"""Metrics of predictions: MAE, RMSE and MAD."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cloudkit.errors import DataError
from cloudkit.units import DULONG_PETIT

Array = npt.NDArray[np.float64]


def errors_of(target: Any, prediction: Any) -> Array:
    """prediction - target, both (n,); raises DataError if they differ in length, are empty or not finite."""
    y, p = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 1 or y.size == 0:
        raise DataError(
            f"metrics need two equally long, non-empty columns, found shapes {y.shape} and {p.shape}"
        )
    bad = int(np.count_nonzero(~np.isfinite(y) | ~np.isfinite(p)))
    if bad:
        raise DataError(f"{bad} of {y.size} rows have a label or a prediction that is not a finite number")
    return p - y


def mae(target: Any, prediction: Any) -> float:
    """Mean absolute error.

    Examples
    --------
    >>> mae([1.0, 2.0], [1.5, 2.5])
    0.5
    """
    return float(np.abs(errors_of(target, prediction)).mean())


def rmse(target: Any, prediction: Any) -> float:
    """Root of the mean squared error.

    Examples
    --------
    >>> rmse([0.0, 0.0], [3.0, -3.0])
    3.0
    """
    return float(np.sqrt(np.square(errors_of(target, prediction)).mean()))


def mad(target: Any, train_mean: float) -> float:
    """Mean |target - mean of the training labels| over the test rows: the error of predicting their mean."""
    return float(np.abs(np.asarray(target, dtype=np.float64) - train_mean).mean())


def summarize(target: Any, prediction: Any, *, quantity: str, train_mean: float) -> dict[str, float]:
    """Return all metrics of one column of per-atom predictions, ready for metrics.json.

    Keys: mae, rmse, mae_over_mad (left out if the labels do not vary), and share_of_3R
    for heat capacities, whose limit at high temperature is 3R per mole of atoms.
    """
    measures: dict[str, Callable[[Any, Any], float]] = {"mae": mae, "rmse": rmse}
    out = {name: measure(target, prediction) for name, measure in measures.items()}
    spread = mad(target, train_mean)
    if spread > 0:
        out["mae_over_mad"] = out["mae"] / spread
    if quantity == "heat_capacity":
        out["share_of_3R"] = out["mae"] / DULONG_PETIT
    return out


def standings(task: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, scores) of an evaluated quantity, as metrics.json has it: the model first, then its baselines from the best."""
    rivals = sorted(task.get("baselines", {}).items(), key=lambda item: float(item[1]["mae"]))
    return [("this model", task), *rivals]
