"""Classification metrics: ROC-AUC, balanced accuracy, F1, accuracy, log loss, Brier score, expected calibration error.

Labels are class indices (rows,); probabilities are (rows, classes), with rows that add up to 1.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.errors import DataError
from cloudkit.predict.classes import decide

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
N_BINS: Final = 10  # of equal width, in which calibration is measured
# probability that a logarithm is taken of, as in scikit-learn
MIN_PROBABILITY: Final = float(np.finfo(np.float64).eps)
SCORES: Final = ("roc_auc", "balanced_accuracy", "f1", "accuracy", "log_loss", "brier", "calibration_error")


class Reliability(NamedTuple):
    """Reliability diagram: mean predicted probability, observed frequency and number of rows of each non-empty bin, (bins,)."""

    predicted: Array
    observed: Array
    rows: Labels


def confusion(label: Labels, decided: Labels, classes: int) -> Labels:
    """Return the confusion matrix: rows of each true class (first axis) by predicted class (second axis).

    Examples
    --------
    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(label * classes + decided, minlength=classes**2).reshape(classes, classes)


def roc_curve(is_positive: npt.NDArray[np.bool_], score: Array) -> tuple[Array, Array]:
    """Return false and true positive rates (thresholds,), from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # ties share a threshold
    hits = np.cumsum(is_positive[order])[last]
    misses = last + 1 - hits
    return np.append(0.0, misses / misses[-1]), np.append(0.0, hits / hits[-1])


def roc_auc(label: Labels, probability: Array, positive: int) -> float | None:
    """Return the area under the ROC curve; for more than two classes the one-vs-rest mean. None if a class has no rows, or all.

    Examples
    --------
    >>> roc_auc(np.array([0, 1, 1]), np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]]), positive=1)
    0.5
    """
    count = probability.shape[1]
    areas = []
    for index in [positive] if count == 2 else range(count):
        is_positive = label == index
        if is_positive.all() or not is_positive.any():
            return None
        false_rate, true_rate = roc_curve(is_positive, probability[:, index])
        areas.append(float((np.diff(false_rate) * (true_rate[1:] + true_rate[:-1]) / 2).sum()))
    return float(np.mean(areas))


def balanced_accuracy(table: Labels) -> float:
    """Return the mean recall of the classes that have rows; table: of `confusion`."""
    rows = table.sum(axis=1)
    return float((np.diag(table)[rows > 0] / rows[rows > 0]).mean())


def f1(table: Labels, positive: int) -> float:
    """Return the F1 of the positive class of two, or the macro average over all classes that occur or are predicted."""
    both = table.sum(axis=0) + table.sum(axis=1)
    each = 2 * np.diag(table) / np.maximum(both, 1)
    return float(each[positive]) if len(table) == 2 else float(each[both > 0].mean())


def accuracy(table: Labels) -> float:
    """Return the fraction of correct predictions."""
    return float(np.trace(table) / table.sum())


def log_loss(label: Labels, probability: Array) -> float:
    """Return the mean cross-entropy in nats."""
    true = probability[np.arange(len(label)), label]
    return float(-np.log(true.clip(MIN_PROBABILITY, 1)).mean())


def brier(label: Labels, probability: Array) -> float:
    """Return the mean squared error of the probabilities: of one of two classes, or summed over more (Brier 1950)."""
    squares = np.square(probability - np.eye(probability.shape[1])[label]).sum(axis=1)
    return float(squares.mean() / (2 if probability.shape[1] == 2 else 1))


def reliability(label: Labels, probability: Array, positive: int) -> Reliability:
    """Bin probabilities, of the positive class of two or the largest of more, and count how often they are correct."""
    if probability.shape[1] == 2:
        stated, true = probability[:, positive], label == positive
    else:
        stated, true = probability.max(axis=1), probability.argmax(axis=1) == label
    bins = np.minimum((stated * N_BINS).astype(np.int64), N_BINS - 1)
    rows = np.bincount(bins, minlength=N_BINS)
    filled = rows > 0
    sums = (np.bincount(bins, weights, minlength=N_BINS)[filled] for weights in (stated, true.astype(float)))
    predicted, observed = (total / rows[filled] for total in sums)
    return Reliability(predicted, observed, rows[filled])


def calibration_error(label: Labels, probability: Array, positive: int) -> float:
    """Return the expected calibration error: mean |predicted - observed| frequency, weighted by rows (Naeini 2015)."""
    bins = reliability(label, probability, positive)
    return float(np.average(np.abs(bins.predicted - bins.observed), weights=bins.rows))


def summarize_classes(
    label: Labels, probability: Array, *, positive: int, threshold: float
) -> dict[str, Any]:
    """Return all metrics of one column of predictions, for metrics.json.

    Keys: SCORES (without roc_auc if a class has no rows, or all), threshold and confusion.
    Raises DataError if there are no rows, or a probability is not finite.
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
    defined = {name: score for name, score in scores.items() if score is not None}
    return {**defined, "threshold": threshold, "confusion": table.tolist()}


def choose_threshold(label: Labels, score: Array, positive: int, metric: str) -> tuple[float, float]:
    """Choose the probability from which the positive class of two is predicted; return it and the value of the metric.

    metric: balanced_accuracy, f1 or accuracy. Candidates lie midway between neighbouring probabilities; ties are broken in favour
    of the nearest to 0.5.

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
    distinct = np.unique(score)
    cuts = np.unique(np.concatenate([[0.5], (distinct[1:] + distinct[:-1]) / 2]))
    tables = _confusions(label == positive, score, cuts, positive)
    values = np.array([measures[metric](table) for table in tables])
    best = np.flatnonzero(values >= values.max() - 1e-12)
    chosen = best[np.argmin(np.abs(cuts[best] - 0.5))]
    return float(cuts[chosen]), float(values[chosen])


def _confusions(is_positive: npt.NDArray[np.bool_], score: Array, cuts: Array, positive: int) -> Labels:
    """Return the confusion matrix of two classes at each threshold, (cuts, 2, 2)."""
    positives, negatives = np.sort(score[is_positive]), np.sort(score[~is_positive])
    false_negative, true_negative = np.searchsorted(positives, cuts), np.searchsorted(negatives, cuts)
    table = np.empty((len(cuts), 2, 2), dtype=np.int64)
    negative = 1 - positive
    table[:, positive, negative] = false_negative
    table[:, positive, positive] = len(positives) - false_negative
    table[:, negative, negative], table[:, negative, positive] = true_negative, len(negatives) - true_negative
    return table
