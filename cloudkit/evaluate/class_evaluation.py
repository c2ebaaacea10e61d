"""Predicted classes compared with labels, and with baselines that are trained, and given a threshold, on the same rows."""

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
PENALTY: Final = 0.01  # inverse strength of the penalty of the logistic regression


def predict_baseline(
    name: str,
    train_texts: Sequence[str],
    label: Labels,
    test_texts: Sequence[str],
    classes: int,
    *,
    seed: int = 0,
) -> Array:
    """Train one baseline on strings and numbers of classes (n,), and return probabilities (n_test, classes).

    A class that no training row has gets the probability 0. Raises CloudkitError for an unknown name.

    Examples
    --------
    >>> predict_baseline("mean", ["0 0 0 | Si 1a", "0 0 0 | C 1a"], np.array([0, 0]), ["0 0 0 | Ge 1a"], 2).tolist()
    [[1.0, 0.0]]
    """
    if name != "mean" and name not in MAKERS:
        raise CloudkitError(f"unknown baseline '{name}'" + suggest(name, ("mean", *MAKERS)))
    present = np.unique(label)
    out = np.zeros((len(test_texts), classes))
    if name == "mean" or len(present) == 1:
        out[:] = np.bincount(label, minlength=classes) / len(label)
        return out
    model = MAKERS[name](seed).fit(features(train_texts), label)
    out[:, present] = model.predict_proba(features(test_texts))
    return out


def _logistic(seed: int) -> Any:
    linear, scale = require("sklearn.linear_model", "train"), require("sklearn.preprocessing", "train")
    model = linear.LogisticRegression(C=PENALTY, max_iter=1000)
    return require("sklearn.pipeline", "train").make_pipeline(scale.StandardScaler(), model)


def _extra_trees(seed: int) -> Any:
    return require("sklearn.ensemble", "train").ExtraTreesClassifier(300, max_features=0.5, random_state=seed)


def _boosted_trees(seed: int) -> Any:
    options = {"max_iter": 400, "learning_rate": 0.05, "early_stopping": False}
    return require("sklearn.ensemble", "train").HistGradientBoostingClassifier(random_state=seed, **options)


MAKERS: Final[dict[str, Callable[[int], Any]]] = {
    "ridge": _logistic,
    "extra_trees": _extra_trees,
    "boosted_trees": _boosted_trees,
}

DEFAULT_METRIC: Final = "roc_auc"
EVEN: Final = 0.5  # threshold where none was chosen


@dataclass(frozen=True, slots=True)
class Judge:
    """How classes are decided and compared.

    Attributes
    ----------
    output, classes
        What is classified, and the names of its classes.
    positive
        The number of the class that threshold, F1 and ROC are about.
    tuned_by
        The metric that thresholds are chosen for; "none": they are 0.5.
    metric
        What the model is compared with baselines by.
    """

    output: str
    classes: tuple[str, ...]
    positive: int
    tuned_by: str
    metric: str

    def tuned(self, label: Labels, probability: Array) -> float:
        """The threshold chosen on rows that training has not seen."""
        if self.tuned_by == "none" or not len(label):
            return EVEN
        return choose_threshold(label, probability[:, self.positive], self.positive, self.tuned_by)[0]


def judge_of(head: ClassificationHead, metric: str | None = None) -> Judge:
    """The judge of a head of a spec."""
    positive = head.classes.index(head.positive or head.classes[-1])
    return Judge(head.output, tuple(head.classes), positive, head.threshold, metric or DEFAULT_METRIC)


class ClassRows(NamedTuple):
    """Labelled crystals that baselines are trained on, and those on which their thresholds are chosen."""

    train: Crystals
    held_out: Crystals


class Column(NamedTuple):
    """What the model or a baseline says: probability (rows, classes), the class it decides for (rows,), and from which threshold."""

    probability: Array
    decided: Labels
    threshold: float


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One head of classes: `metrics` as an entry of "tasks" in metrics.json; label (rows,); the model's column first, then the baselines'."""

    metrics: dict[str, Any]
    judge: Judge
    ids: list[str]
    texts: list[str]
    label: Labels
    columns: dict[str, Column]


def compare_classes(
    head: str,
    judge: Judge,
    threshold: float,
    rows: ClassRows | None,
    test: Crystals,
    probability: Array,
    baselines: Sequence[str],
    seed: int = 0,
) -> ClassScores:
    """Score probabilities (observations of `test`, classes) together with those of baselines; without `rows` there are none."""
    test = test.renumbered([judge.output])
    texts, label = observations(test)
    columns = {"prediction": Column(probability, decide(probability, judge.positive, threshold), threshold)}
    if rows is not None:
        columns |= {name: _baseline(name, judge, rows, texts, seed) for name in baselines}
    metrics: dict[str, Any] = {
        "head": head,
        "quantity": judge.output,
        "unit": "",
        "rows": len(label),
        "classes": list(judge.classes),
        "positive": judge.classes[judge.positive],
        "metric": judge.metric,
    }
    scores = {
        name: summarize_classes(label, one.probability, positive=judge.positive, threshold=one.threshold)
        for name, one in columns.items()
    }
    metrics |= scores.pop("prediction")
    metrics["baselines"] = scores
    return ClassScores(metrics, judge, [test.ids[i] for i in test.crystal], texts, label, columns)


def observations(crystals: Crystals) -> tuple[list[str], Labels]:
    """The string and the number of the class of each label."""
    return [crystals.texts[i] for i in crystals.crystal], crystals.value.astype(np.int64)


def _baseline(name: str, judge: Judge, rows: ClassRows, texts: list[str], seed: int) -> Column:
    """Train a baseline, and choose its threshold as the model's was."""
    (train_texts, train_label), (held_texts, held_label) = map(observations, rows)
    found = predict_baseline(
        name, train_texts, train_label, [*texts, *held_texts], len(judge.classes), seed=seed
    )
    tested, held = found[: len(texts)], found[len(texts) :]
    threshold = judge.tuned(held_label, held)
    return Column(tested, decide(tested, judge.positive, threshold), threshold)
