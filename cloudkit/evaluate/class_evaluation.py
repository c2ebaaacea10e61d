"""Evaluation of class probabilities, with baselines trained and thresholded on the same rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.data import Crystals
from cloudkit.errors import CloudkitError, require, suggest
from cloudkit.evaluate.class_metrics import choose_threshold, summarize_classes
from cloudkit.modelspec import ClassificationHead
from cloudkit.predict.classes import decide
from cloudkit.predict.features import features

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
INVERSE_PENALTY: Final = 0.01  # inverse strength of the penalty of the logistic regression


def predict_baseline(
    name: str,
    train_texts: Sequence[str],
    label: Labels,
    test_texts: Sequence[str],
    classes: int,
    *,
    seed: int = 0,
) -> Array:
    """Train a baseline on strings and class indices (n,), and return test probabilities (n_test, classes).

    Classes without training rows get probability 0. Raises CloudkitError for an unknown name.

    Examples
    --------
    >>> predict_baseline("mean", ["0 0 0 | Si 1a", "0 0 0 | C 1a"], np.array([0, 0]), ["0 0 0 | Ge 1a"], 2).tolist()
    [[1.0, 0.0]]
    """
    if name != "mean" and name not in CLASSIFIERS:
        raise CloudkitError(f"unknown baseline '{name}'" + suggest(name, ("mean", *CLASSIFIERS)))
    present = np.unique(label)
    out = np.zeros((len(test_texts), classes))
    if name == "mean" or len(present) == 1:
        out[:] = np.bincount(label, minlength=classes) / len(label)
        return out
    model = CLASSIFIERS[name](seed).fit(features(train_texts), label)
    out[:, present] = model.predict_proba(features(test_texts))
    return out


def _logistic(seed: int) -> Any:
    linear, scale = require("sklearn.linear_model", "train"), require("sklearn.preprocessing", "train")
    model = linear.LogisticRegression(C=INVERSE_PENALTY, max_iter=1000)
    return require("sklearn.pipeline", "train").make_pipeline(scale.StandardScaler(), model)


def _extra_trees(seed: int) -> Any:
    return require("sklearn.ensemble", "train").ExtraTreesClassifier(300, max_features=0.5, random_state=seed)


def _boosted_trees(seed: int) -> Any:
    options = {"max_iter": 400, "learning_rate": 0.05, "early_stopping": False}
    return require("sklearn.ensemble", "train").HistGradientBoostingClassifier(random_state=seed, **options)


CLASSIFIERS: Final[dict[str, Callable[[int], Any]]] = {
    "ridge": _logistic,
    "extra_trees": _extra_trees,
    "boosted_trees": _boosted_trees,
}

DEFAULT_METRIC: Final = "roc_auc"
DEFAULT_THRESHOLD: Final = 0.5


@dataclass(frozen=True, slots=True)
class ClassCriteria:
    """How classes are predicted and compared.

    Attributes
    ----------
    output, classes
        Quantity, and names of its classes.
    positive
        Index of the positive class, for threshold, F1 and ROC.
    threshold_metric
        Metric by which thresholds are chosen; "none": 0.5.
    metric
        Metric by which the model is compared with baselines.
    """

    output: str
    classes: tuple[str, ...]
    positive: int
    threshold_metric: str
    metric: str

    def choose_threshold(self, label: Labels, probability: Array) -> float:
        """Choose the threshold on held-out rows."""
        if self.threshold_metric == "none" or not len(label):
            return DEFAULT_THRESHOLD
        return choose_threshold(label, probability[:, self.positive], self.positive, self.threshold_metric)[0]


def class_criteria(head: ClassificationHead, metric: str | None = None) -> ClassCriteria:
    """Return the ClassCriteria of a head of a spec."""
    positive = head.classes.index(head.positive or head.classes[-1])
    return ClassCriteria(head.output, tuple(head.classes), positive, head.threshold, metric or DEFAULT_METRIC)


class ClassRows(NamedTuple):
    """Crystals that baselines are trained on, and held-out ones on which their thresholds are chosen."""

    train: Crystals
    held_out: Crystals


class ClassPrediction(NamedTuple):
    """Predictions of the model or a baseline: probability (rows, classes), predicted class (rows,), and threshold."""

    probability: Array
    decided: Labels
    threshold: float


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of a classification head: `metrics`, an entry of "tasks" in metrics.json; label (rows,); columns of model and baselines."""

    metrics: dict[str, Any]
    criteria: ClassCriteria
    ids: list[str]
    texts: list[str]
    label: Labels
    columns: dict[str, ClassPrediction]


def compare_classes(
    head: str,
    criteria: ClassCriteria,
    threshold: float,
    rows: ClassRows | None,
    test: Crystals,
    probability: Array,
    baselines: Sequence[str],
    seed: int = 0,
) -> ClassScores:
    """Score probabilities (observations of `test`, classes), and baselines trained on `rows` unless None."""
    test = test.renumbered([criteria.output])
    texts, label = observations(test)
    columns = {
        "prediction": ClassPrediction(
            probability, decide(probability, criteria.positive, threshold), threshold
        )
    }
    if rows is not None:
        columns |= {name: _baseline(name, criteria, rows, texts, seed) for name in baselines}
    metrics: dict[str, Any] = {
        "head": head,
        "quantity": criteria.output,
        "unit": "",
        "rows": len(label),
        "classes": list(criteria.classes),
        "positive": criteria.classes[criteria.positive],
        "metric": criteria.metric,
    }
    scores = {
        name: summarize_classes(
            label, column.probability, positive=criteria.positive, threshold=column.threshold
        )
        for name, column in columns.items()
    }
    metrics |= scores.pop("prediction")
    metrics["baselines"] = scores
    return ClassScores(metrics, criteria, [test.ids[i] for i in test.crystal], texts, label, columns)


def observations(crystals: Crystals) -> tuple[list[str], Labels]:
    """Return the string and the class index of each label."""
    return [crystals.texts[i] for i in crystals.crystal], crystals.value.astype(np.int64)


def _baseline(
    name: str, criteria: ClassCriteria, rows: ClassRows, texts: list[str], seed: int
) -> ClassPrediction:
    """Train a baseline, and choose its threshold like that of the model."""
    (train_texts, train_label), (held_texts, held_label) = map(observations, rows)
    probability = predict_baseline(
        name, train_texts, train_label, [*texts, *held_texts], len(criteria.classes), seed=seed
    )
    test, held_out = probability[: len(texts)], probability[len(texts) :]
    threshold = criteria.choose_threshold(held_label, held_out)
    return ClassPrediction(test, decide(test, criteria.positive, threshold), threshold)
