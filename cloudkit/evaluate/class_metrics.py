"""Metrics of classes: ROC-AUC, balanced accuracy, F1, accuracy, log loss, Brier score, expected calibration error.

Labels are numbers of classes, from 0; probabilities are (rows, classes) and add up to 1 in each row.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.errors import DataError
from cloudkit.predict.classes import decide

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
BINS: Final = 10  # of equal width, in which calibration is measured
SMALLEST: Final = float(
    np.finfo(np.float64).eps
)  # probability that a logarithm is taken of, as in scikit-learn
SCORES: Final = ("roc_auc", "balanced_accuracy", "f1", "accuracy", "log_loss", "brier", "calibration_error")


class Reliability(NamedTuple):
    """Rows in bins of predicted probability: its mean, how often it came true, and the rows of each bin that has some, (bins,)."""

    predicted: Array
    observed: Array
    rows: Labels


def confusion(label: Labels, decided: Labels, classes: int) -> Labels:
    """How many rows of each class (first axis) were taken for each class (second axis).

    Examples
    --------
    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(label * classes + decided, minlength=classes**2).reshape(classes, classes)


def roc_curve(is_positive: npt.NDArray[np.bool_], score: Array) -> tuple[Array, Array]:
    """Shares (thresholds,) of the negative and of the positive rows whose score is at least a threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # rows of equal score together
    hits = np.cumsum(is_positive[order])[last]
    misses = last + 1 - hits
    return np.append(0.0, misses / misses[-1]), np.append(0.0, hits / hits[-1])


def roc_auc(label: Labels, probability: Array, positive: int) -> float | None:
    """Area under the ROC curve; of more than two classes the mean of each against the rest. None where a class has no row or all.

    Examples
    --------
    >>> roc_auc(np.array([0, 1, 1]), np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]]), positive=1)
    0.5
    """
    count = probability.shape[1]
    areas = []
    for place in [positive] if count == 2 else range(count):
        mine = label == place
        if mine.all() or not mine.any():
            return None
        across, up = roc_curve(mine, probability[:, place])
        areas.append(float((np.diff(across) * (up[1:] + up[:-1]) / 2).sum()))
    return float(np.mean(areas))


def balanced_accuracy(table: Labels) -> float:
    """The mean over the classes that have rows of the share predicted as such; table: as of `confusion`."""
    rows = table.sum(axis=1)
    return float((np.diag(table)[rows > 0] / rows[rows > 0]).mean())


def f1(table: Labels, positive: int) -> float:
    """F1 of the positive one of two classes, or the mean of all classes that were there or predicted."""
    both = table.sum(axis=0) + table.sum(axis=1)
    each = 2 * np.diag(table) / np.maximum(both, 1)
    return float(each[positive]) if len(table) == 2 else float(each[both > 0].mean())


def accuracy(table: Labels) -> float:
    """The share of rows predicted right."""
    return float(np.trace(table) / table.sum())


def log_loss(label: Labels, probability: Array) -> float:
    """Mean negative logarithm, in nats, of the probability given to the true class."""
    own = probability[np.arange(len(label)), label]
    return float(-np.log(own.clip(SMALLEST, 1)).mean())


def brier(label: Labels, probability: Array) -> float:
    """Mean squared error of the probabilities: of two classes that of one of them, of more the sum over all (Brier 1950)."""
    squares = np.square(probability - np.eye(probability.shape[1])[label]).sum(axis=1)
    return float(squares.mean() / (2 if probability.shape[1] == 2 else 1))


def reliability(label: Labels, probability: Array, positive: int) -> Reliability:
    """How often probabilities come true, in bins of equal width: of two classes that of the positive one, of more the largest."""
    if probability.shape[1] == 2:
        stated, true = probability[:, positive], label == positive
    else:
        stated, true = probability.max(axis=1), probability.argmax(axis=1) == label
    place = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(place, minlength=BINS)
    filled = rows > 0
    sums = (np.bincount(place, weights, minlength=BINS)[filled] for weights in (stated, true.astype(float)))
    predicted, observed = (total / rows[filled] for total in sums)
    return Reliability(predicted, observed, rows[filled])


def calibration_error(label: Labels, probability: Array, positive: int) -> float:
    """Expected calibration error: the mean distance of stated from observed frequency, by rows (Naeini 2015)."""
    found = reliability(label, probability, positive)
    return float(np.average(np.abs(found.predicted - found.observed), weights=found.rows))


def summarize_classes(
    label: Labels, probability: Array, *, positive: int, threshold: float
) -> dict[str, Any]:
    """Return all metrics of one column of predictions, ready for metrics.json.

    Keys: SCORES (roc_auc is left out where a class has no row or all), threshold and confusion.
    Raises DataError for no rows, and for probabilities that are not finite.
    """
    if not len(label) or probability.shape[0] != len(label):
        raise DataError(
            f"metrics need rows: found {len(label)} labels and {probability.shape[0]} predictions"
        )
    if not np.isfinite(probability).all():
        raise DataError("a predicted probability is not a finite number")
    table = confusion(label, decide(probability, positive, threshold), probability.shape[1])
    scores = {
        "roc_auc": roc_auc(label, probability, positive),
        "balanced_accuracy": balanced_accuracy(table),
        "f1": f1(table, positive),
        "accuracy": accuracy(table),
        "log_loss": log_loss(label, probability),
        "brier": brier(label, probability),
        "calibration_error": calibration_error(label, probability, positive),
    }
    known = {name: score for name, score in scores.items() if score is not None}
    return {**known, "threshold": threshold, "confusion": table.tolist()}


def choose_threshold(label: Labels, score: Array, positive: int, metric: str) -> tuple[float, float]:
    """The probability of the positive one of two classes from which to predict it, and the value of the metric there.

    metric: balanced_accuracy, f1 or accuracy. Thresholds lie midway between neighbouring probabilities; of equally good ones the
    nearest to 0.5 is taken.

    Examples
    --------
    >>> choose_threshold(np.array([0, 0, 1]), np.array([0.125, 0.25, 0.375]), positive=1, metric="f1")
    (0.3125, 1.0)
    """
    measures: dict[str, Callable[[Labels], float]] = {
        "balanced_accuracy": balanced_accuracy,
        "f1": lambda table: f1(table, positive),
        "accuracy": accuracy,
    }
    known = np.unique(score)
    cuts = np.unique(np.concatenate([[0.5], (known[1:] + known[:-1]) / 2]))
    tables = _confusions(label == positive, score, cuts, positive)
    values = np.array([measures[metric](table) for table in tables])
    best = np.flatnonzero(values >= values.max() - 1e-12)
    chosen = best[np.argmin(np.abs(cuts[best] - 0.5))]
    return float(cuts[chosen]), float(values[chosen])


def _confusions(is_positive: npt.NDArray[np.bool_], score: Array, cuts: Array, positive: int) -> Labels:
    """The confusion of two classes at each threshold, (cuts, 2, 2)."""
    mine, others = np.sort(score[is_positive]), np.sort(score[~is_positive])
    missed, passed = np.searchsorted(mine, cuts), np.searchsorted(others, cuts)
    table = np.empty((len(cuts), 2, 2), dtype=np.int64)
    rest = 1 - positive
    table[:, positive, rest], table[:, positive, positive] = missed, len(mine) - missed
    table[:, rest, rest], table[:, rest, positive] = passed, len(others) - passed
    return table
