"""Half widths of prediction intervals: normalized split conformal prediction, in NumPy.

ln(expected error) is a linear function of the PREDICTORS of a crystal and, with enough held-out labels, of the hidden states of its
head. A band turns it into a half width that exceeds COVERAGE of the errors on held-out labels. With enough labels, the band is fitted
per third of the expected errors, so that coverage holds for easy and hard crystals (H. Papadopoulos et al., 2002; V. Vovk, 2012).
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
COVERAGE: Final = 0.8  # nominal coverage of intervals and bands on unseen crystals
PREDICTORS: Final = ("value", "value squared", "ln length", "ln distance", "ln disagreement")
THIRDS: Final = 3
LABELS_PER_THIRD: Final = 30  # below it all thirds share one band
BAND_ROUNDS: Final = 5
MIN_LABELS: Final = 20  # below it all intervals of an output have the same width on the scale of the head
FOLDS: Final = 5
DAMPING: Final = 1e-2  # times the mean variance of the states, added to the diagonal of their covariance
ERROR_FLOOR: Final = 0.5  # times the median error, added to errors before the logarithm
# times the mean error, at least added: the median may be 0, as for gaps of metals
MEAN_ERROR_FLOOR: Final = 0.25
RIDGE_PENALTIES: Final = np.geomspace(1e-1, 1e5, 25)
MAX_WIDTH_COVERAGE: Final = 0.98  # of held-out labels by the widest half width, since the line is unbounded


class Interval(NamedTuple):
    """Values and the ends of their 80 % intervals, all of one shape; NaN if a value has no interval."""

    value: Array
    lower: Array
    upper: Array

    @classmethod
    def unknown(cls, value: Array) -> "Interval":
        """Values without intervals."""
        return cls(value, *np.full((2, *value.shape), np.nan))

    def clipped(self, low: float, high: float = np.inf) -> "Interval":
        """Clip values and ends to [low, high]."""
        return Interval(*(part.clip(low, high) for part in self))


class WidthInputs(NamedTuple):
    """Inputs of the widths of n crystals.

    hidden (n, hidden): inputs of the last layer of the head. value (n, outputs): predictions on the scale of the head, for a
    thermal head the logarithm of a frequency. length (n,): tokens of the strings. spread (n, outputs): standard deviation of the
    members of an ensemble on that scale, 0 for a single network.
    """

    hidden: Array
    value: Array
    length: NDArray[np.int64]
    spread: Array

    def select(self, rows: Any) -> "WidthInputs":
        """Select crystals by index."""
        return WidthInputs(*(part[rows] for part in self))


class Widths(NamedTuple):
    """Fitted parameters of the widths of a head.

    center (hidden,), root (hidden (hidden + 1) / 2,): mean of the hidden states of the training crystals, and the whitening matrix,
    lower triangle by rows. line (outputs, 1 + PREDICTORS + hidden): coefficients of ln(expected error), constant first. bounds
    (outputs, 2): clip ln(expected error). knots (outputs, THIRDS): its medians in the thirds. band (outputs, THIRDS): half width
    over expected error; 0 if no interval was fitted.
    """

    center: Array
    root: Array
    line: Array
    bounds: Array
    knots: Array
    band: Array

    @classmethod
    def empty(cls, outputs: int, hidden: int) -> "Widths":
        """Widths of a head without intervals."""
        shapes = (hidden,), (hidden * (hidden + 1) // 2,), (outputs, 1 + len(PREDICTORS) + hidden)
        return cls(*map(np.zeros, (*shapes, (outputs, 2), (outputs, THIRDS), (outputs, THIRDS))))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], prefix: str = "") -> "Widths":
        """Take the widths of a head from the weights of a model; prefix: of the head, such as "heads.value."."""
        return cls(*(np.asarray(arrays[f"{prefix}width_{part}"], dtype=np.float64) for part in cls._fields))

    def half(self, states: WidthInputs) -> Array:
        """Compute half widths (n, outputs) on the scale of the head; NaN if no interval was fitted."""
        out = np.full(states.value.shape, np.nan)
        if not self.band.any():
            return out
        distance = _log_distance(states.hidden, self.center, self.root)
        for output in np.flatnonzero(self.band[:, 0] > 0).tolist():
            x = _columns(states, distance, output)
            expected = (x @ self.line[output, 1:] + self.line[output, 0]).clip(*self.bounds[output])
            out[:, output] = np.exp(expected + _log_band(expected, self.knots[output], self.band[output]))
        return out


class Labels(NamedTuple):
    """Errors of one output on held-out crystals.

    crystal (n,): row in the inputs; error (n,) >= 0: on the scale of the head; first (n,): whether it is used for the band;
    needed (n, k): half widths that contain fractions of the labels of a crystal with several; default the error.
    """

    crystal: NDArray[np.int64]
    error: Array
    first: NDArray[np.bool_]
    needed: Array | None = None


def log_distance(trained: Array, hidden: Array) -> Array:
    """ln of the mean squared distance (n,), in standard deviations, of states (n, hidden) from training states (m, hidden)."""
    return _log_distance(hidden, *_whiten(trained.astype(np.float64)))


def fit_widths(
    trained: Array, states: WidthInputs, labels: Mapping[int, Labels], distance: Array | None = None
) -> Widths:
    """Fit the widths of a head.

    trained (m, hidden): hidden states of the training crystals; states: inputs of the held-out crystals; labels: by output. An
    output with too few labels for the conformal rank, ceil(COVERAGE (n + 1)) > n, gets no interval. distance (n,): precomputed
    for states of several networks, which then do not enter the line.
    """
    center, root = _whiten(trained.astype(np.float64))
    widths = Widths.empty(states.value.shape[1], trained.shape[1])
    widths.center[:], widths.root[:] = center, root
    if distance is None:
        distance = _log_distance(states.hidden, center, root)
    else:
        states = states._replace(hidden=np.zeros_like(states.hidden))
    for output, errors in labels.items():
        x = _columns(states, distance, output)[errors.crystal]
        median, mean = float(np.median(errors.error)), float(errors.error.mean())
        floor = max(ERROR_FLOOR * median, MEAN_ERROR_FLOOR * mean, 1e-6)
        expected, line = _cross_fit(x, np.log(errors.error + floor))
        needed = errors.error[:, None] if errors.needed is None else errors.needed
        band = _fit_band(expected[errors.first], needed[errors.first])
        if band is not None:
            widths.line[output], widths.knots[output], widths.band[output] = line, *band
            widths.bounds[output] = expected.min(), _max_expected(needed[errors.first], *band)
    return widths


def _columns(states: WidthInputs, distance: Array, output: int) -> Array:
    """Return predictors and hidden states (n, PREDICTORS + hidden) of one output."""
    value, spread = states.value[:, output], states.spread[:, output]
    disagreement = np.log(np.maximum(spread, 1e-3))
    predictors = np.stack([value, value**2, np.log(states.length), distance, disagreement], axis=1)
    return np.concatenate([predictors, states.hidden], axis=1)


def _whiten(trained: Array) -> tuple[Array, Array]:
    """Mean (hidden,) and packed inverse Cholesky root of the damped covariance of states (n, hidden)."""
    center = trained.mean(axis=0)
    covariance = (trained - center).T @ (trained - center) / len(trained)
    damping = DAMPING * max(float(np.trace(covariance)) / len(center), 1e-12)
    root = np.linalg.inv(np.linalg.cholesky(covariance + damping * np.eye(len(center))))
    return center, root[np.tril_indices(len(center))]


def _log_distance(hidden: Array, center: Array, root: Array) -> Array:
    """ln of the mean squared distance (n,) from the training crystals, in standard deviations (Mahalanobis)."""
    lower_triangle = np.zeros((len(center), len(center)))
    lower_triangle[np.tril_indices(len(center))] = root
    distance: Array = np.log(np.square((hidden - center) @ lower_triangle.T).mean(axis=1) + 1e-3)
    return distance


def _cross_fit(x: Array, target: Array) -> tuple[Array, Array]:
    """Return cross-validated ln(expected error) (n,) of each label, and the line (1 + columns,) fitted to all."""
    fold = np.random.default_rng(0).permutation(np.arange(len(target)) % FOLDS)
    expected = np.empty(len(target))
    for index in range(min(FOLDS, len(target))):
        out = fold == index
        line = _fit_line(x[~out], target[~out])
        expected[out] = x[out] @ line[1:] + line[0]
    return expected, _fit_line(x, target)


def _fit_line(x: Array, target: Array) -> Array:
    """Fit a line (1 + columns,) of no columns, predictors, or predictors and states, by least leave-one-out error."""
    constant = np.zeros(1 + x.shape[1])
    if not len(target):
        return constant
    constant[0] = target.mean()
    if len(target) < MIN_LABELS:
        return constant
    best, line = float(np.square((target - constant[0]) * len(target) / (len(target) - 1)).mean()), constant
    for count in (len(PREDICTORS), x.shape[1]):
        error, coefficients = _ridge(x[:, :count], target)
        if error < best:
            best, line = error, np.concatenate([coefficients, np.zeros(x.shape[1] - count)])
    return line


def _ridge(x: Array, target: Array) -> tuple[float, Array]:
    """Fit a ridge regression; return its mean squared leave-one-out error, least of all penalties, and the line (1 + columns,)."""
    mean, spread = x.mean(axis=0), x.std(axis=0)
    stretch = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
    left, size, right = np.linalg.svd((x - mean) * stretch, full_matrices=False)
    center = float(target.mean())
    parts = left.T @ (target - center)
    best, weights = np.inf, np.zeros(x.shape[1])
    for penalty in RIDGE_PENALTIES:
        shrinkage = size**2 / (size**2 + penalty)
        leverage = np.square(left) @ shrinkage + 1 / len(target)
        error = float(np.square((target - center - left @ (shrinkage * parts)) / (1 - leverage)).mean())
        if error < best:
            best, weights = error, (right.T @ (size / (size**2 + penalty) * parts)) * stretch
    return best, np.concatenate([[center - float(mean @ weights)], weights])


def _fit_band(expected: Array, needed: Array) -> tuple[Array, Array] | None:
    """Fit knots and band (THIRDS,) to the half widths that labels need (n, k); None if there are too few.

    The band is interpolated between the knots, so each round corrects it in each third by the conformal quantile of
    needed half width over half width.
    """
    common = conformal_quantile(needed / np.exp(expected)[:, None])
    if common is None:
        return None
    knots, band = np.zeros(THIRDS), np.full(THIRDS, max(common, 1e-12))
    if len(needed) < THIRDS * LABELS_PER_THIRD:
        return knots, band
    thirds = np.array_split(np.argsort(expected, kind="stable"), THIRDS)
    knots = np.array([np.median(expected[part]) for part in thirds])
    for _ in range(BAND_ROUNDS):
        ratio = needed / np.exp(expected + _log_band(expected, knots, band))[:, None]
        factors = [conformal_quantile(ratio[part]) or 0.0 for part in thirds]
        band = np.maximum(band * factors, 1e-12)
    return knots, band


def _max_expected(needed: Array, knots: Array, band: Array) -> float:
    """ln of the expected error whose half width contains MAX_WIDTH_COVERAGE of the labels, at least the last knot."""
    widest = max(float(np.quantile(needed, MAX_WIDTH_COVERAGE)), 1e-12)
    return max(float(knots[-1]), math.log(widest / band[-1]))


def conformal_quantile(needed: Array) -> float | None:
    """Return the half width that contains COVERAGE of the labels of new crystals, from those needed by n crystals.

    needed (n,) or (n, k). None if n is too small.

    Examples
    --------
    >>> conformal_quantile(np.arange(1.0, 10.0))
    8.0
    """
    rank = math.ceil(COVERAGE * (len(needed) + 1) * (needed.size // max(len(needed), 1)))
    return float(np.sort(needed, axis=None)[rank - 1]) if 0 < rank <= needed.size else None


def _log_band(expected: Array, knots: Array, band: Array) -> Array:
    """Interpolate ln(band) (n,) between the knots; constant if the knots are equal."""
    if knots[0] == knots[-1]:
        return np.full(len(expected), math.log(band[0]))
    return np.interp(expected, knots, np.log(band))
