"""Regression metrics (MAE, RMSE, MAD), and display of all metrics in reports."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.errors import DataError
from cloudkit.units import DULONG_PETIT

Array = npt.NDArray[np.float64]


def errors_of(target: Any, prediction: Any) -> Array:
    """Return prediction - target, both (n,). Raises DataError if they differ in length, are empty or not finite."""
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
    """Return the mean absolute error.

    Examples
    --------
    >>> mae([1.0, 2.0], [1.5, 2.5])
    0.5
    """
    return float(np.abs(errors_of(target, prediction)).mean())


def rmse(target: Any, prediction: Any) -> float:
    """Return the root mean square error.

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
    """Return the mean |target - mean training label| over the test rows, the error of predicting that mean."""
    return float(np.abs(np.asarray(target, dtype=np.float64) - train_mean).mean())


def summarize(target: Any, prediction: Any, *, quantity: str, train_mean: float) -> dict[str, float]:
    """Return all metrics of one column of per-atom predictions, for metrics.json.

    Keys: mae, rmse, mae_over_mad (unless all labels are equal), and share_of_3R for heat capacities, whose high-temperature limit is
    3R per mole of atoms.
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
    """A metric in reports. higher: whether higher is better; text: its name within a sentence."""

    key: str
    label: str
    text: str
    higher: bool = False

    def of(self, scores: dict[str, Any]) -> float | None:
        """Return its value in the scores of a model or baseline; None if it is not defined."""
        value = scores.get(self.key)
        return None if value is None else float(value)

    def loss(self, scores: dict[str, Any]) -> float:
        """Return its value as a loss, lower is better; infinite if it is not defined."""
        value = self.of(scores)
        return math.inf if value is None else -value if self.higher else value


MEASURES: Final = {
    measure.key: measure
    for measure in (
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
    """Return the metrics of an evaluated quantity, an entry of "tasks" in metrics.json."""
    columns = [task, *task.get("baselines", {}).values()]
    return [measure for key, measure in MEASURES.items() if any(key in scores for scores in columns)]


def main_measure(task: dict[str, Any]) -> Measure:
    """Return the metric by which the model is compared with baselines."""
    return MEASURES[task.get("metric", "mae")]


def ranked_scores(task: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return (name, scores) of the model, then of its baselines from the best; task: an entry of "tasks" in metrics.json."""
    measure = main_measure(task)
    baselines = sorted(task.get("baselines", {}).items(), key=lambda item: measure.loss(item[1]))
    return [("this model", task), *baselines]
