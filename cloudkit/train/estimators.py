"""scikit-learn estimators: structures or strings as X, for pipelines, grid search and cross-validation.

CloudRegressor   structures or strings, numbers -> fit (a build of a preset) -> predict
CloudClassifier  structures or strings, classes -> fit (a build of a preset) -> predict, predict_proba
CloudFeaturizer  structures or strings -> features of a trained encoder, for any other estimator
"""

import csv
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from cloudkit.errors import CloudkitError
from cloudkit.modelspec import MAX_CLASSES, parse_spec, template
from cloudkit.predict import Model
from cloudkit.predict.inputs import as_iterable, as_strings, raise_failures
from cloudkit.train.build import build

Array = NDArray[np.float64]


class _Crystals(BaseEstimator):
    """Base of estimators whose X is structures or strings instead of a table of numbers."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = tags.input_tags.string = True
        return tags


class _Built(_Crystals):
    """Base of estimators that are fitted by a build of the preset `property`; subclasses have these parameters."""

    epochs: int
    learning_rate: float
    init_from: str | None
    validation_fraction: float
    changes: str | Sequence[str]
    random_state: Any

    def _as_changes(self, known: dict[str, Any]) -> list[str]:
        """Values of keys, the common parameters and the user's changes as changes of the preset."""
        seed = self.random_state
        if not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(2**31))
        known = {
            "init_from": self.init_from,
            **known,
            "tasks.0.epochs": self.epochs,
            "tasks.0.learning_rate": self.learning_rate,
            "tasks.0.validation_fraction": self.validation_fraction,
            "run.seed": seed,
        }
        changes = [self.changes] if isinstance(self.changes, str) else self.changes
        return [*(f"{key}={json.dumps(value)}" for key, value in known.items()), *changes]

    def _build(self, changes: list[str], names: list[str], texts: list[str], rows: list[list[Any]]) -> Model:
        """Build the first task of the preset `property` on a table ``labels.csv`` of strings and labels, in a folder that is removed."""
        with tempfile.TemporaryDirectory(prefix="cloudkit-fit-") as kept:
            folder = Path(kept)
            with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
                lines = ([text, *row] for text, row in zip(texts, rows, strict=True))
                csv.writer(file).writerows([["scope", *names], *lines])
            spec = parse_spec(template("property"), type(self).__name__, folder, changes)
            spec = spec.model_copy(update={"tasks": spec.tasks[:1]})
            model = Model(build(spec, folder / "model").folder)
            _ = model.network  # read before its folder is removed
        return model


def _labels(targets: list[dict[str, str]]) -> dict[str, Any]:
    """All rows of the table, with these columns of labels."""
    return {"tasks.0.data.part": "all", "tasks.0.data.targets": targets, "tasks.1.data.targets": targets}


def _check_lengths(texts: list[str], labels: Any) -> None:
    if len(texts) != len(labels):
        raise CloudkitError(f"X has {len(texts)} crystals and y {len(labels)} labels")


class CloudRegressor(RegressorMixin, _Built):
    """A network on SCOPE strings, started from the geometry model that ships, fitted to one or several labels.

    Parameters
    ----------
    epochs, learning_rate, transform
        As in a spec: passes over the rows; the largest learning rate; "none", "log" or "sqrt" (labels above 0).
    init_from
        The model to start from: a shipped one, a folder that `cloudkit build` wrote, or None.
    validation_fraction
        Fraction of the crystals held out to choose the best epoch and to set the intervals; 0: neither.
    changes
        One or more further changes of the preset `property`, such as ``["tasks.0.batch=32", "encoder.dropout=0.1"]``.
    random_state
        Seed of everything random.

    Attributes
    ----------
    model_ : cloudkit.predict.Model
        The fitted model; ``model_.network.state_dict()`` holds its weights.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> model = CloudRegressor(epochs=10, transform="log")  # model.fit(structures, labels).predict(others)
    >>> make_pipeline(model).steps[0][0]
    'cloudregressor'
    """

    def __init__(
        self,
        *,
        epochs: int = 30,
        learning_rate: float = 1e-3,
        transform: str = "none",
        init_from: str | None = "geometry",
        validation_fraction: float = 0.1,
        changes: str | Sequence[str] = (),
        random_state: Any = 0,
    ) -> None:
        self.epochs, self.learning_rate, self.transform = epochs, learning_rate, transform
        self.init_from, self.validation_fraction = init_from, validation_fraction
        self.changes, self.random_state = changes, random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on structures or SCOPE strings X (n,) and labels y (n,) or (n, outputs).

        Raises CloudkitError naming the first of X without a string, SpecError for invalid parameters.
        """
        texts, labels = as_strings(X, "orbit"), check_array(y, ensure_2d=False, dtype=np.float64)
        _check_lengths(texts, labels)
        table = labels.reshape(len(texts), -1)
        names = [f"value{place}" for place in range(table.shape[1])]
        self.model_: Model = self._build(self._changes(names), names, texts, table.tolist())
        self.flat_, self.outputs_ = labels.ndim == 1, table.shape[1]
        return self

    def _changes(self, names: Sequence[str]) -> list[str]:
        """The parameters as changes of the preset."""
        targets = [{"column": name, "quantity": name} for name in names]
        return self._as_changes(
            {
                "heads.value.outputs": list(names),
                "heads.value.transform": self.transform,
                **_labels(targets),
            }
        )

    def predict(self, X: Any) -> Array:
        """Values (n,), or (n, outputs) if it was fitted to several labels."""
        return self._shaped(self._predicted(X)[0])

    def predict_interval(self, X: Any) -> tuple[Array, Array]:
        """Lower and upper ends, shaped as `predict`, of intervals that hold 80 % of new crystals' labels.

        NaN if fewer than four crystals were held out (`validation_fraction`).
        """
        _, lower, upper = self._predicted(X)
        return self._shaped(lower), self._shaped(upper)

    def _predicted(self, X: Any) -> tuple[Array, Array, Array]:
        check_is_fitted(self)
        inputs = list(as_iterable(X))
        table = self.model_.predict(inputs)
        raise_failures(table.attrs["failures"], len(inputs))
        shape = len(inputs), self.outputs_
        return tuple(table[name].to_numpy().reshape(shape) for name in ("value", "lower", "upper"))  # type: ignore[return-value]

    def _shaped(self, values: Array) -> Array:
        return values[:, 0] if self.flat_ else values


class CloudClassifier(ClassifierMixin, _Built):
    """A network on SCOPE strings, started from the geometry model that ships, fitted to classes.

    Parameters
    ----------
    epochs, learning_rate
        As in a spec: passes over the rows; the largest learning rate.
    class_weight
        None, "balanced" (all classes count the same in sum) or a weight for each class: ``{"metal": 1, "insulator": 2}``.
    threshold
        Of two classes: the probability from which the second of `classes_` is predicted is chosen for this metric on the crystals held
        out: "balanced_accuracy", "f1" or "accuracy"; "none": 0.5, as scikit-learn's classifiers decide.
    init_from
        The model to start from: a shipped one, a folder that `cloudkit build` wrote, or None.
    validation_fraction
        Fraction of the crystals of each class held out to choose the best epoch and the threshold; 0: neither.
    changes
        One or more further changes of the preset `property`, such as ``["tasks.0.ensemble={members: 3, blend: extra_trees}"]``.
    random_state
        Seed of everything random.

    Attributes
    ----------
    classes_ : ndarray
        The classes, sorted.
    model_ : cloudkit.predict.Model
        The fitted model.

    Examples
    --------
    >>> halides = ["0 0 0 | Na 1a Cl 1a", "0 0 0 | K 1a Cl 1a", "0 0 0 | K 1a Br 1a"]
    >>> oxides = ["0 0 0 | Mg 1a O 1a", "0 0 0 | Ca 1a O 1a", "0 0 0 | Ca 1a S 1a"]
    >>> quick = CloudClassifier(epochs=1, validation_fraction=0, init_from=None, changes="encoder.layers=1")
    >>> quick.fit(halides + oxides, ["halide"] * 3 + ["oxide"] * 3).predict_proba(halides).shape
    (3, 2)
    """

    def __init__(
        self,
        *,
        epochs: int = 30,
        learning_rate: float = 1e-3,
        class_weight: Any = None,
        threshold: str = "none",
        init_from: str | None = "geometry",
        validation_fraction: float = 0.1,
        changes: str | Sequence[str] = (),
        random_state: Any = 0,
    ) -> None:
        self.epochs, self.learning_rate = epochs, learning_rate
        self.class_weight, self.threshold = class_weight, threshold
        self.init_from, self.validation_fraction = init_from, validation_fraction
        self.changes, self.random_state = changes, random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on structures or SCOPE strings X (n,) and classes y (n,): text, integers or booleans.

        Raises CloudkitError naming the first of X without a string, for one class or more than 100, and for a class that occurs
        once; ValueError for y that is not of classes; SpecError for invalid parameters.
        """
        texts, labels = as_strings(X, "orbit"), column_or_1d(y, warn=True)
        _check_lengths(texts, labels)
        check_classification_targets(labels)
        self.classes_, places = np.unique(labels, return_inverse=True)
        if not 2 <= len(self.classes_) <= MAX_CLASSES:
            raise CloudkitError(f"y has {len(self.classes_)} classes; from 2 to {MAX_CLASSES} can be learned")
        names = _class_names(self.classes_)
        rows = [[names[place]] for place in places.tolist()]
        self.model_: Model = self._build(self._changes(names), ["class"], texts, rows)
        return self

    def _changes(self, names: list[str]) -> list[str]:
        """The parameters as changes of the preset."""
        weights = self.class_weight
        if isinstance(weights, dict):
            weights = {
                name: weights.get(one, 1.0) for name, one in zip(names, self.classes_.tolist(), strict=True)
            }
        head = {
            "kind": "classification",
            "output": "class",
            "classes": names,
            "class_weights": weights or "none",
            "threshold": self.threshold,
        }
        targets = [{"column": "class", "quantity": "class"}]
        return self._as_changes({"heads.value": head, **_labels(targets)})

    def predict(self, X: Any) -> NDArray[Any]:
        """The class (n,) of each crystal."""
        _, decided = self._predicted(X)
        found: NDArray[Any] = self.classes_[decided]
        return found

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, classes), in the order of `classes_`."""
        return self._predicted(X)[0]

    def _predicted(self, X: Any) -> tuple[Array, NDArray[np.int64]]:
        """Probabilities (n, classes) and the numbers of the predicted classes (n,)."""
        check_is_fitted(self)
        inputs, names = list(as_iterable(X)), _class_names(self.classes_)
        table = self.model_.predict(inputs)
        raise_failures(table.attrs["failures"], len(inputs))
        shape = len(inputs), len(names) + 1  # the predicted class, then the probability of each
        values = table["value"].to_numpy(dtype=np.float64).reshape(shape)
        decided = table["class"].to_numpy().reshape(shape)[:, 0]
        return values[:, 1:], np.array([names.index(name) for name in decided], dtype=np.int64)


def _class_names(classes: NDArray[Any]) -> list[str]:
    """Classes as text that a table holds; their numbers where that would not tell them apart."""
    names = [str(one).strip() for one in classes.tolist()]
    return (
        names if all(names) and len(set(names)) == len(names) else [str(place) for place in range(len(names))]
    )


class CloudFeaturizer(TransformerMixin, _Crystals):
    """Features of crystals from a trained encoder: the inputs of its heads. There is nothing to fit.

    Parameters
    ----------
    model : str
        A model that ships ("geometry", "thermal") or a folder that `cloudkit build` wrote.

    Examples
    --------
    >>> CloudFeaturizer().fit_transform(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]).shape
    (1, 435)
    """

    def __init__(self, model: str = "geometry") -> None:
        self.model = model

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Read the model; X and y are ignored."""
        self.model_: Model = Model(self.model)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Features (n, width) of structures or SCOPE strings X (n,). Raises CloudkitError naming the first without a string."""
        check_is_fitted(self)
        return self.model_.embed(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names (width,) of the features: the name of the model and a number."""
        check_is_fitted(self)
        return np.array(
            [f"{self.model_.name}{place}" for place in range(self.model_.network.pooled_width)], dtype=object
        )
