"""Baselines trained on the same rows as a model: mean, ridge, extra trees, boosted trees.

Labels over temperature are fitted as curves if all training crystals share one temperature grid, else with temperature as a
feature. Settings were chosen by 5-fold cross-validation on the training part of the built-in table `thermal` (2026-11): extra
trees 0.033 of 3R on Cv(T), boosted trees 0.036 (as curves 0.043), ridge 0.040, mean curve 0.121.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.errors import CloudkitError, DataError, require, suggest
from cloudkit.predict.ensembles import label_scale
from cloudkit.predict.features import features

Array = npt.NDArray[np.float64]
MEAN_GRID: Final = 200  # maximum number of temperatures of the mean curve
ALPHAS: Final = np.logspace(-1, 5, 13)  # candidate penalties of ridge
# K; T / (T + scale) are ridge's functions of temperature
SCALES: Final = (25.0, 50.0, 100.0, 200.0, 400.0, 800.0)


class Rows(NamedTuple):
    """Observations: texts, and temperature (n,) in K, all zero if labels have no temperature."""

    texts: Sequence[str]
    temperature: Array


class Curves(NamedTuple):
    """Labels on a common grid: crystals (n,), grid (t,) in K, value (n, t)."""

    texts: list[str]
    grid: Array
    value: Array


def fit_predict(
    name: str,
    train_texts: Sequence[str],
    train_temperature: Any,
    train_value: Any,
    test_texts: Sequence[str],
    test_temperature: Any,
    *,
    seed: int = 0,
) -> Array:
    """Train a baseline and predict test observations.

    Parameters
    ----------
    name : str
        One of BASELINES.
    train_texts, test_texts : sequence of str
        Orbit or reduced strings, one per observation.
    train_temperature, test_temperature : array_like or None
        (n,) in K; None or NaN for quantities without one. Outside the training range, curves are constant.
    train_value : array_like
        (n_train,), labels.
    seed : int
        For trees.

    Returns
    -------
    ndarray of float64
        (n_test,), in the unit of the labels.

    Raises
    ------
    CloudkitError
        For an unknown name.
    DataError
        For empty columns or columns of different lengths.
    ScopeError
        For invalid text.

    Examples
    --------
    >>> fit_predict("mean", ["0 0 0 | Si 1a", "0 0 0 | C 1a"], None, [1.0, 3.0], ["0 0 0 | Ge 1a"], None)
    array([2.])
    """
    if name not in BASELINES:
        raise CloudkitError(f"unknown baseline '{name}'" + suggest(name, BASELINES))
    value = np.asarray(train_value, dtype=np.float64)
    train, test = _rows(train_texts, train_temperature), _rows(test_texts, test_temperature)
    if value.shape != train.temperature.shape or not np.isfinite(value).all() or not value.size:
        raise DataError(
            f"baseline '{name}' needs one finite label per training row: {len(train_texts)} rows, {value.size} labels"
        )
    center, scale = label_scale(value)
    return np.asarray(center + scale * BASELINES[name](train, (value - center) / scale, test, seed))


def _rows(texts: Sequence[str], temperature: Any) -> Rows:
    kelvin = np.full(len(texts), np.nan) if temperature is None else np.asarray(temperature, dtype=np.float64)
    if kelvin.shape != (len(texts),):
        raise DataError(f"{len(texts)} strings need as many temperatures, found shape {kelvin.shape}")
    finite = np.isfinite(kelvin)
    if finite.any() and not finite.all():
        raise DataError(
            f"{np.count_nonzero(~finite)} of {kelvin.size} rows have no temperature and the others have one"
        )
    return Rows(texts, np.where(finite, kelvin, 0.0))


def as_curves(rows: Rows, value: Array) -> Curves | None:
    """Return labels as one curve per distinct string, repeated labels averaged; None unless all share one temperature grid."""
    texts = list(dict.fromkeys(rows.texts))
    position = {text: index for index, text in enumerate(texts)}
    crystal = np.array([position[text] for text in rows.texts])
    grid, at = np.unique(rows.temperature, return_inverse=True)
    if grid.size * len(texts) > len(rows.texts):
        return None
    cell = crystal * grid.size + at
    count = np.bincount(cell, minlength=len(texts) * grid.size)
    if not count.all():
        return None
    mean = np.bincount(cell, value, minlength=count.size) / count
    return Curves(texts, grid, mean.reshape(len(texts), grid.size))


def _interpolate(grid: Array, curves: Array, temperature: Array) -> Array:
    """Interpolate row i of `curves` (n, t) at temperature i; linear, constant outside of the grid."""
    right = np.clip(np.searchsorted(grid, temperature), 1, max(grid.size - 1, 1))
    if grid.size == 1:
        return curves[:, 0]
    share = np.clip((temperature - grid[right - 1]) / (grid[right] - grid[right - 1]), 0.0, 1.0)
    row = np.arange(len(curves))
    low, high = curves[row, right - 1], curves[row, right]
    return np.asarray(low + share * (high - low))


def _mean(train: Rows, value: Array, test: Rows, seed: int) -> Array:
    """Average the curves of all crystals, each over its range of temperatures only."""
    grid = np.unique(train.temperature)
    if grid.size > MEAN_GRID:
        grid = np.unique(np.quantile(grid, np.linspace(0, 1, MEAN_GRID)))
    by_text: dict[str, list[int]] = {}
    for row, text in enumerate(train.texts):
        by_text.setdefault(text, []).append(row)
    total, count = np.zeros(grid.size), np.zeros(grid.size)
    for rows in by_text.values():
        kelvin, at = np.unique(train.temperature[rows], return_inverse=True)
        mean = np.bincount(at, value[rows]) / np.bincount(at)
        inside = (grid >= kelvin[0]) & (grid <= kelvin[-1])
        total[inside] += np.interp(grid[inside], kelvin, mean)
        count += inside
    covered = count > 0
    if not covered.any():  # each crystal has a single temperature, none of which is on the thinned grid
        return np.full(test.temperature.shape, value.mean())
    return np.interp(test.temperature, grid[covered], total[covered] / count[covered])


def _fit_curves(model: Any, train: Curves, test: Rows) -> Array:
    """Fit all grid points jointly, then interpolate the predicted curves at the test temperatures."""
    model.fit(features(train.texts), train.value if train.grid.size > 1 else train.value[:, 0])
    distinct = {text: index for index, text in enumerate(dict.fromkeys(test.texts))}
    predicted = np.asarray(model.predict(features(list(distinct)))).reshape(len(distinct), train.grid.size)
    return _interpolate(train.grid, predicted[[distinct[text] for text in test.texts]], test.temperature)


def _with_temperature(rows: Rows) -> Array:
    return np.column_stack([features(rows.texts), rows.temperature])


def _ridge(train: Rows, value: Array, test: Rows, seed: int) -> Array:
    linear, scale = require("sklearn.linear_model", "train"), require("sklearn.preprocessing", "train")
    curves, join = as_curves(train, value), require("sklearn.pipeline", "train").make_pipeline
    if curves is not None:
        return _fit_curves(join(scale.StandardScaler(), linear.RidgeCV(ALPHAS)), curves, test)
    # rows of one crystal are in one fold, else the chosen penalty would be far too small
    selection = require("sklearn.model_selection", "train")
    folds = selection.GroupKFold(max(2, min(5, len(set(train.texts)))))
    options = {"cv": folds, "scoring": "neg_mean_absolute_error"}
    search = selection.GridSearchCV(
        join(scale.StandardScaler(), linear.Ridge()), {"ridge__alpha": ALPHAS}, **options
    )
    return np.asarray(search.fit(_products(train), value, groups=list(train.texts)).predict(_products(test)))


def _products(rows: Rows) -> Array:
    """Return products of the features with a constant and smooth functions of temperature."""
    kelvin = rows.temperature[:, None]
    basis = np.concatenate([np.ones_like(kelvin), kelvin / (kelvin + np.array(SCALES))], axis=1)
    ones = np.column_stack([np.ones(len(rows.texts)), features(rows.texts)])
    return np.asarray((ones[:, :, None] * basis[:, None, :]).reshape(len(ones), -1))


def _extra_trees(train: Rows, value: Array, test: Rows, seed: int) -> Array:
    trees = require("sklearn.ensemble", "train").ExtraTreesRegressor(300, max_features=0.5, random_state=seed)
    curves = as_curves(train, value)
    if curves is not None:
        return _fit_curves(trees, curves, test)
    return np.asarray(trees.fit(_with_temperature(train), value).predict(_with_temperature(test)))


def _boosted_trees(train: Rows, value: Array, test: Rows, seed: int) -> Array:
    options = {"loss": "absolute_error", "max_iter": 400, "learning_rate": 0.05, "early_stopping": False}
    trees = require("sklearn.ensemble", "train").HistGradientBoostingRegressor(random_state=seed, **options)
    return np.asarray(trees.fit(_with_temperature(train), value).predict(_with_temperature(test)))


BASELINES: Final[dict[str, Callable[[Rows, Array, Rows, int], Array]]] = {
    "mean": _mean,
    "ridge": _ridge,
    "extra_trees": _extra_trees,
    "boosted_trees": _boosted_trees,
}
