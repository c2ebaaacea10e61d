"""Metrics of predictions: MAE, RMSE and MAD; and how reports show metrics, those of classes too (class_metrics.py)."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

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


def paired_gain(
    target: Array, prediction: Array, rival: Array, crystals: Sequence[str]
) -> tuple[float, float]:
    """How much smaller the mean absolute error of a prediction is than that of a rival on the same rows.

    Parameters
    ----------
    target, prediction, rival : ndarray
        All (n,).
    crystals : sequence of str
        The crystal (n,) of each row; errors of one crystal are not independent.

    Returns
    -------
    tuple of float
        The gain, negative where the rival errs less, and half the width of its 95 % interval over crystals (normal approximation).

    Examples
    --------
    >>> paired_gain(np.zeros(4), np.array([1.0, 1.0, 2.0, 2.0]), np.array([2.0, 2.0, 3.0, 3.0]), ["a", "a", "b", "b"])
    (1.0, 0.0)
    """
    gain = np.abs(rival - target) - np.abs(prediction - target)
    mean = float(gain.mean())
    _, crystal = np.unique(np.asarray(crystals), return_inverse=True)
    sums = np.bincount(crystal, weights=gain - mean)
    correction = len(sums) / max(len(sums) - 1, 1)
    return mean, float(1.96 * np.sqrt(correction * (sums**2).sum()) / len(gain))


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


class Measure(NamedTuple):
    """A metric as reports show it. higher: whether more is better; text: its name within a sentence."""

    key: str
    label: str
    text: str
    higher: bool = False

    def of(self, scores: dict[str, Any]) -> float | None:
        """Its value among the scores of a model or baseline; None where it is not defined."""
        value = scores.get(self.key)
        return None if value is None else float(value)

    def loss(self, scores: dict[str, Any]) -> float:
        """Its value, such that less is better; infinite where it is not defined."""
        value = self.of(scores)
        return math.inf if value is None else -value if self.higher else value


MEASURES: Final = {
    one.key: one
    for one in (
        Measure("mae", "MAE", "mean absolute error"),
        Measure("rmse", "RMSE", "root mean square error"),
        Measure("share_of_3R", "MAE / 3R", "share of 3R"),
        Measure("mae_over_mad", "MAE / MAD", "MAE / MAD"),
        Measure("coverage_of_80", "in 80 % interval", "share within the 80 % intervals", higher=True),
        Measure("roc_auc", "ROC-AUC", "ROC-AUC", higher=True),
        Measure("balanced_accuracy", "balanced accuracy", "balanced accuracy", higher=True),
        Measure("f1", "F1", "F1", higher=True),
        Measure("accuracy", "accuracy", "accuracy", higher=True),
        Measure("log_loss", "log loss", "log loss"),
        Measure("brier", "Brier", "Brier score"),
        Measure("calibration_error", "calibration error", "calibration error"),
    )
}


def measures_of(task: dict[str, Any]) -> list[Measure]:
    """The metrics that an evaluated quantity has, as metrics.json holds them."""
    every = [task, *task.get("baselines", {}).values()]
    return [one for key, one in MEASURES.items() if any(key in scores for scores in every)]


def main_measure(task: dict[str, Any]) -> Measure:
    """What the model is compared with baselines by."""
    return MEASURES[task.get("metric", "mae")]


def standings(task: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, scores) of an evaluated quantity, as metrics.json has it: the model first, then its baselines from the best."""
    measure = main_measure(task)
    rivals = sorted(task.get("baselines", {}).items(), key=lambda item: measure.loss(item[1]))
    return [("this model", task), *rivals]
