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
    """Base class of estimators whose X is structures or strings instead of a numeric array."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = tags.input_tags.string = True
        return tags


class _Built(_Crystals):
    """Base class of estimators that are fitted by a build of the preset `property`; subclasses define these parameters."""

    epochs: int
    learning_rate: float
    init_from: str | None
    validation_fraction: float
    changes: str | Sequence[str]
    random_state: Any

    def _build(
        self, keys: dict[str, Any], labels: Sequence[str], texts: list[str], rows: list[list[Any]]
    ) -> Model:
        """Build the first task of the preset, with some keys, on strings and columns of labels, in a temporary folder."""
        seed = self.random_state
        if not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(2**31))
        targets = [{"column": name, "quantity": name} for name in labels]
        keys = {
            "init_from": self.init_from,
            **keys,
            "tasks.0.data.part": "all",
            "tasks.0.data.targets": targets,
            "tasks.1.data.targets": targets,
            "tasks.0.epochs": self.epochs,
            "tasks.0.learning_rate": self.learning_rate,
            "tasks.0.validation_fraction": self.validation_fraction,
            "run.seed": seed,
        }
        if not self.validation_fraction:
            keys["tasks.0.ensemble"] = None  # the weight of the preset's trees is chosen on held-out crystals
        changes = [self.changes] if isinstance(self.changes, str) else self.changes
        overrides = [*(f"{key}={json.dumps(value)}" for key, value in keys.items()), *changes]
        with tempfile.TemporaryDirectory(prefix="cloudkit-fit-") as temporary:
            folder = Path(temporary)
            with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
                lines = ([text, *row] for text, row in zip(texts, rows, strict=True))
                csv.writer(file).writerows([["scope", *labels], *lines])
            spec = parse_spec(template("property"), type(self).__name__, folder, overrides)
            spec = spec.model_copy(update={"tasks": spec.tasks[:1]})
            model = Model(build(spec, folder / "model").folder)
            _ = model.network  # load before the folder is removed
        return model


def _check_lengths(texts: list[str], labels: Any) -> None:
    if len(texts) != len(labels):
        raise CloudkitError(f"X has {len(texts)} crystals and y {len(labels)} labels")


class CloudRegressor(RegressorMixin, _Built):
    """A network on SCOPE strings, fine-tuned from the shipped geometry model on one or several labels.

    Parameters
    ----------
    epochs : int
        Passes over the training rows.
    learning_rate : float
        Peak learning rate.
    transform : {"none", "log", "sqrt"}
        Transform of the labels; log and sqrt need labels above 0.
    init_from : str or None
        Initial weights: a shipped model, or a folder that `cloudkit build` wrote.
    validation_fraction : float
        Fraction of the crystals held out for early stopping and intervals; 0: neither.
    changes : str or sequence of str
        Further overrides of the preset `property`, such as ``["tasks.0.batch=32", "encoder.dropout=0.1"]``.
    random_state : int, RandomState or None
        Seed.

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

        Raises CloudkitError naming the first input without a string, SpecError for invalid parameters.
        """
        texts, labels = as_strings(X, "orbit"), check_array(y, ensure_2d=False, dtype=np.float64)
        _check_lengths(texts, labels)
        table = labels.reshape(len(texts), -1)
        names = [f"value{index}" for index in range(table.shape[1])]
        head = {"heads.value.outputs": names, "heads.value.transform": self.transform}
        self.model_: Model = self._build(head, names, texts, table.tolist())
        self.flat_, self.outputs_ = labels.ndim == 1, table.shape[1]
        return self

    def predict(self, X: Any) -> Array:
        """Predict values (n,), or (n, outputs) if fitted to several labels."""
        return self._shaped(self._predicted(X)[0])

    def predict_interval(self, X: Any) -> tuple[Array, Array]:
        """Predict the lower and upper ends of 80 % prediction intervals, shaped like `predict`.

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
    """A network on SCOPE strings, fine-tuned from the shipped geometry model on classes.

    Parameters
    ----------
    epochs : int
        Passes over the training rows.
    learning_rate : float
        Peak learning rate.
    class_weight : dict, "balanced" or None
        Weight per class, such as ``{"metal": 1, "insulator": 2}``; "balanced": equal total weight of all classes.
    threshold : {"none", "balanced_accuracy", "f1", "accuracy"}
        Metric by which the probability that the second of two classes needs is chosen on held-out crystals; "none": 0.5, as in
        scikit-learn.
    init_from : str or None
        Initial weights: a shipped model, or a folder that `cloudkit build` wrote.
    validation_fraction : float
        Fraction of the crystals of each class held out for early stopping and the threshold; 0: neither.
    changes : str or sequence of str
        Further overrides of the preset `property`, such as ``["tasks.0.ensemble={members: 3, blend: extra_trees}"]``.
    random_state : int, RandomState or None
        Seed.

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

        Raises CloudkitError naming the first input without a string, for one class or more than 100, and for a class that occurs
        once; ValueError if y is continuous; SpecError for invalid parameters.
        """
        texts, labels = as_strings(X, "orbit"), column_or_1d(y, warn=True)
        _check_lengths(texts, labels)
        check_classification_targets(labels)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        if not 2 <= len(self.classes_) <= MAX_CLASSES:
            raise CloudkitError(f"y has {len(self.classes_)} classes; from 2 to {MAX_CLASSES} can be learned")
        names = _class_names(self.classes_)
        weights = self.class_weight
        if isinstance(weights, dict):
            weights = {
                name: weights.get(label, 1.0)
                for name, label in zip(names, self.classes_.tolist(), strict=True)
            }
        head = {
            "kind": "classification",
            "output": "class",
            "classes": names,
            "class_weights": weights or "none",
            "threshold": self.threshold,
        }
        rows = [[names[index]] for index in indices.tolist()]
        self.model_: Model = self._build({"heads.value": head}, ["class"], texts, rows)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict classes (n,)."""
        _, decided = self._predicted(X)
        labels: NDArray[Any] = self.classes_[decided]
        return labels

    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities (n, classes), in the order of `classes_`."""
        return self._predicted(X)[0]

    def _predicted(self, X: Any) -> tuple[Array, NDArray[np.int64]]:
        """Predict probabilities (n, classes) and the indices of classes (n,)."""
        check_is_fitted(self)
        inputs, names = list(as_iterable(X)), _class_names(self.classes_)
        table = self.model_.predict(inputs)
        raise_failures(table.attrs["failures"], len(inputs))
        shape = len(inputs), len(names) + 1  # the predicted class, then the probability of each
        values = table["value"].to_numpy(dtype=np.float64).reshape(shape)
        decided = table["class"].to_numpy().reshape(shape)[:, 0]
        return values[:, 1:], np.array([names.index(name) for name in decided], dtype=np.int64)


def _class_names(classes: NDArray[Any]) -> list[str]:
    """Return the classes as text, or their indices if the text is ambiguous."""
    names = [str(label).strip() for label in classes.tolist()]
    return (
        names if all(names) and len(set(names)) == len(names) else [str(index) for index in range(len(names))]
    )


class CloudFeaturizer(TransformerMixin, _Crystals):
    """Features of crystals from a trained encoder, the inputs of its heads; `fit` only loads the model.

    Parameters
    ----------
    model : str
        A shipped model ("geometry", "thermal", …) or a folder that `cloudkit build` wrote.

    Examples
    --------
    >>> CloudFeaturizer().fit_transform(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]).shape
    (1, 435)
    """

    def __init__(self, model: str = "geometry") -> None:
        self.model = model

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Load the model; X and y are ignored."""
        self.model_: Model = Model(self.model)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Compute features (n, width) of structures or SCOPE strings X (n,). Raises CloudkitError for inputs without a string."""
        check_is_fitted(self)
        return self.model_.embed(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names (width,) of the features: the name of the model and a number."""
        check_is_fitted(self)
        return np.array(
            [f"{self.model_.name}{index}" for index in range(self.model_.network.pooled_width)], dtype=object
        )
