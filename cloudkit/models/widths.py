"""Half the width of each interval, from signs that a crystal is hard: normalized split conformal prediction, in NumPy.

ln(expected error) is a straight line of the SIGNS of a crystal and, where enough labels were held out, of the states that the
last layer of its head reads. A band turns it into a half width: on held-out labels, COVERAGE of the errors are smaller. Where
the labels allow, the band is found for each third of the expected errors, so that the promise holds for easy and hard crystals
alike (H. Papadopoulos et al., 2002; V. Vovk, 2012).
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
COVERAGE: Final = 0.8  # share of unseen crystals whose label an interval, or whose curve a band, should hold
SIGNS: Final = ("value", "value squared", "ln length", "ln distance", "ln disagreement")
THIRDS: Final = 3
LABELS_PER_THIRD: Final = 30  # fewer, and one band serves all
LEAST_LABELS: Final = 20  # fewer, and all intervals of an output have one width on the scale of the head
FOLDS: Final = 5
DAMPING: Final = 1e-2  # of the mean variance of the states, added to all of them
FLOOR: Final = 0.5  # of the median error, added to all errors before the logarithm: tiny errors say little
MEAN_FLOOR: Final = 0.25  # of the mean error: the least that is added, for labels most of which are easy, such as gaps of metals
PENALTIES: Final = np.geomspace(1e-1, 1e5, 25)
WIDEST: Final = 0.98  # share of the held-out labels that the widest half width holds: a line in the logarithm has no bound


class States(NamedTuple):
    """What widths are computed from, of n crystals.

    hidden (n, hidden): states that the last layer of the head reads. value (n, outputs): predictions on the scale of the head,
    for a thermal head the logarithm of a frequency. length (n,): tokens of the strings. spread (n, outputs): standard
    deviation of the members of an ensemble on that scale; 0 where there is one.
    """

    hidden: Array
    value: Array
    length: NDArray[np.int64]
    spread: Array

    def of(self, rows: Any) -> "States":
        """Those of some crystals."""
        return States(*(part[rows] for part in self))


class Widths(NamedTuple):
    """The fitted numbers of a head.

    center (hidden,), root (hidden (hidden + 1) / 2,): mean of the states of the training crystals, and the lower triangle, row by
    row, that turns their covariance into the identity. line (outputs, 1 + SIGNS + hidden): of the expected error, constant first.
    bounds (outputs, 2): between which its logarithm is kept. knots (outputs, THIRDS): medians of the thirds. band (outputs,
    THIRDS): half width over expected error; 0 where no interval was fitted.
    """

    center: Array
    root: Array
    line: Array
    bounds: Array
    knots: Array
    band: Array

    @classmethod
    def empty(cls, outputs: int, hidden: int) -> "Widths":
        """Of a head without intervals."""
        shapes = (hidden,), (hidden * (hidden + 1) // 2,), (outputs, 1 + len(SIGNS) + hidden)
        return cls(*map(np.zeros, (*shapes, (outputs, 2), (outputs, THIRDS), (outputs, THIRDS))))

    @classmethod
    def of(cls, arrays: Mapping[str, Any], prefix: str = "") -> "Widths":
        """Those among the weights of a model; prefix: of the names of the head's weights, such as "heads.value."."""
        return cls(*(np.asarray(arrays[f"{prefix}width_{part}"], dtype=np.float64) for part in cls._fields))

    def half(self, states: States) -> Array:
        """Half widths (n, outputs) on the scale of the head; NaN where there is no interval."""
        out = np.full(states.value.shape, np.nan)
        if not self.band.any():
            return out
        distance = _log_distance(states.hidden, self.center, self.root)
        for output in np.flatnonzero(self.band[:, 0] > 0).tolist():
            known = _columns(states, distance, output)
            expected = (known @ self.line[output, 1:] + self.line[output, 0]).clip(*self.bounds[output])
            out[:, output] = np.exp(expected + _log_band(expected, self.knots[output], self.band[output]))
        return out


class Labels(NamedTuple):
    """Errors of one output on crystals that training has not seen.

    crystal (n,): row among the states; error (n,) >= 0: on the scale of the head; first (n,): whether it counts for the band;
    needed (n, k): half widths that hold shares of the labels of a crystal with several, by default the error.
    """

    crystal: NDArray[np.int64]
    error: Array
    first: NDArray[np.bool_]
    needed: Array | None = None


def log_distance(trained: Array, hidden: Array) -> Array:
    """ln of the mean squared distance (n,) of states (n, hidden) from those of the training crystals (m, hidden), in standard
    deviations.
    """
    return _log_distance(hidden, *_whiten(trained.astype(np.float64)))


def fit_widths(
    trained: Array, states: States, labels: Mapping[int, Labels], distance: Array | None = None
) -> Widths:
    """Fit the widths of a head.

    trained (m, hidden): states of the training crystals; states: of those held out; labels: by output. An output with too few
    labels for its rank, ceil(COVERAGE (n + 1)) <= n, gets no interval. distance (n,): of states of several networks, which no line can
    read together.
    """
    center, root = _whiten(trained.astype(np.float64))
    found = Widths.empty(states.value.shape[1], trained.shape[1])
    found.center[:], found.root[:] = center, root
    if distance is None:
        distance = _log_distance(states.hidden, center, root)
    else:
        states = states._replace(hidden=np.zeros_like(states.hidden))
    for output, own in labels.items():
        known = _columns(states, distance, output)[own.crystal]
        expected, line = _cross_fit(known, np.log(own.error + _floor(own.error)))
        needed = own.error[:, None] if own.needed is None else own.needed
        band = _fit_band(expected[own.first], needed[own.first])
        if band is not None:
            found.line[output], found.knots[output], found.band[output] = line, *band
            found.bounds[output] = expected.min(), _most_expected(needed[own.first], *band)
    return found


def _columns(states: States, distance: Array, output: int) -> Array:
    """Signs and states (n, SIGNS + hidden) of one output."""
    value, spread = states.value[:, output], states.spread[:, output]
    disagreement = np.log(np.maximum(spread, 1e-3))
    signs = np.stack([value, value**2, np.log(states.length), distance, disagreement], axis=1)
    return np.concatenate([signs, states.hidden], axis=1)


def _whiten(trained: Array) -> tuple[Array, Array]:
    """Mean (hidden,) and packed inverse Cholesky root of the damped covariance of states (n, hidden)."""
    center = trained.mean(axis=0)
    covariance = (trained - center).T @ (trained - center) / len(trained)
    damping = DAMPING * max(float(np.trace(covariance)) / len(center), 1e-12)
    root = np.linalg.inv(np.linalg.cholesky(covariance + damping * np.eye(len(center))))
    return center, root[np.tril_indices(len(center))]


def _log_distance(hidden: Array, center: Array, root: Array) -> Array:
    """ln of the mean squared distance (n,) from the training crystals, in standard deviations (Mahalanobis)."""
    whole = np.zeros((len(center), len(center)))
    whole[np.tril_indices(len(center))] = root
    found: Array = np.log(np.square((hidden - center) @ whole.T).mean(axis=1) + 1e-3)
    return found


def _floor(error: Array) -> float:
    return max(FLOOR * float(np.median(error)), MEAN_FLOOR * float(error.mean()), 1e-6)


def _cross_fit(known: Array, target: Array) -> tuple[Array, Array]:
    """ln of the expected error (n,) of each label from a line that has not seen it, and the line (1 + columns,) of all."""
    fold = np.random.default_rng(0).permutation(np.arange(len(target)) % FOLDS)
    expected = np.empty(len(target))
    for one in range(min(FOLDS, len(target))):
        out = fold == one
        line = _fit_line(known[~out], target[~out])
        expected[out] = known[out] @ line[1:] + line[0]
    return expected, _fit_line(known, target)


def _fit_line(known: Array, target: Array) -> Array:
    """A line (1 + columns,) of no column, the signs, or signs and states: the one with the least leave-one-out error."""
    constant = np.zeros(1 + known.shape[1])
    if not len(target):
        return constant
    constant[0] = target.mean()
    if len(target) < LEAST_LABELS:
        return constant
    best, line = float(np.square((target - constant[0]) * len(target) / (len(target) - 1)).mean()), constant
    for count in (len(SIGNS), known.shape[1]):
        error, found = _ridge(known[:, :count], target)
        if error < best:
            best, line = error, np.concatenate([found, np.zeros(known.shape[1] - count)])
    return line


def _ridge(known: Array, target: Array) -> tuple[float, Array]:
    """Ridge regression with the penalty of least mean squared leave-one-out error: that error, and the line (1 + columns,)."""
    mean, spread = known.mean(axis=0), known.std(axis=0)
    stretch = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
    left, size, right = np.linalg.svd((known - mean) * stretch, full_matrices=False)
    center = float(target.mean())
    parts = left.T @ (target - center)
    best, weights = np.inf, np.zeros(known.shape[1])
    for penalty in PENALTIES:
        kept = size**2 / (size**2 + penalty)
        lever = np.square(left) @ kept + 1 / len(target)
        error = float(np.square((target - center - left @ (kept * parts)) / (1 - lever)).mean())
        if error < best:
            best, weights = error, (right.T @ (size / (size**2 + penalty) * parts)) * stretch
    return best, np.concatenate([[center - float(mean @ weights)], weights])


def _fit_band(expected: Array, needed: Array) -> tuple[Array, Array] | None:
    """Knots and band (THIRDS,) of the half widths that labels need (n, k); None if there are too few."""
    ratio = needed / np.exp(expected)[:, None]
    whole = conformal_rank(ratio)
    if whole is None:
        return None
    knots, band = np.zeros(THIRDS), np.full(THIRDS, max(whole, 1e-12))
    if len(needed) >= THIRDS * LABELS_PER_THIRD:
        for place, part in enumerate(np.array_split(np.argsort(expected, kind="stable"), THIRDS)):
            knots[place] = np.median(expected[part])
            band[place] = max(conformal_rank(ratio[part]) or 0.0, 1e-12)
    return knots, band


def _most_expected(needed: Array, knots: Array, band: Array) -> float:
    """ln of the expected error whose half width holds WIDEST of the labels, but at least that of the last knot."""
    widest = max(float(np.quantile(needed, WIDEST)), 1e-12)
    return max(float(knots[-1]), math.log(widest / band[-1]))


def conformal_rank(needed: Array) -> float | None:
    """The half width that holds COVERAGE of the labels of further crystals, from those that n crystals need, (n,) or (n, k);
    None if there are too few to say.

    Examples
    --------
    >>> conformal_rank(np.arange(1.0, 10.0))
    8.0
    """
    rank = math.ceil(COVERAGE * (len(needed) + 1) * (needed.size // max(len(needed), 1)))
    return float(np.sort(needed, axis=None)[rank - 1]) if 0 < rank <= needed.size else None


def _log_band(expected: Array, knots: Array, band: Array) -> Array:
    """ln of the band (n,) between the knots; one for all if they are equal."""
    if knots[0] == knots[-1]:
        return np.full(len(expected), math.log(band[0]))
    return np.interp(expected, knots, np.log(band))
