"""Baselines of classes, trained on the same rows as a model: shares of the classes, logistic regression, extra and boosted trees.

They have the names of the baselines of numbers (cloudkit.evaluate.baselines), whose kin they are: `mean` says for every crystal
how frequent each class is, so that it predicts the majority.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cloudkit.errors import CloudkitError, require, suggest
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
