"""A scaling law fitted to runs: loss = floor + A / parameters^alpha + B / crystals^beta (Hoffmann 2022).

Fitted on logarithms with a Huber error, from several starts; intervals are percentiles over fits to resampled residuals.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import CloudkitError, require

Array = NDArray[np.float64]
NAMES: Final = ("floor", "A", "alpha", "B", "beta")
RESAMPLED: Final = 200
COVERAGE: Final = 0.95
STARTS: Final = (0.2, 0.5, 1.0)  # exponents


@dataclass(frozen=True, slots=True)
class Law:
    """values: of the terms in NAMES, an absent term's factor is 0; lower, upper: their 95 % intervals; residual: mean |ln error|."""

    values: dict[str, float]
    lower: dict[str, float]
    upper: dict[str, float]
    residual: float
    runs: int

    def predict(self, parameters: Array, crystals: Array) -> Array:
        """Loss at numbers of parameters and of training crystals."""
        v = self.values
        return v["floor"] + v["A"] / parameters ** v["alpha"] + v["B"] / crystals ** v["beta"]

    def lines(self) -> list[str]:
        """The law in words, with its intervals."""
        terms = [name for name in NAMES if name in self.lower]
        found = [f"{n} = {self.values[n]:.3g} ({self.lower[n]:.3g} to {self.upper[n]:.3g})" for n in terms]
        parts = ["floor"] + ["A / parameters^alpha"] * ("A" in terms) + ["B / crystals^beta"] * ("B" in terms)
        return [
            f"loss = {' + '.join(parts)}, {self.runs} runs, mean |ln error| {self.residual:.3f}; 95 % intervals:",
            *found,
        ]


def fit_law(parameters: Array, crystals: Array, loss: Array, seed: int = 0) -> Law:
    """Fit the law to runs, each (runs,); a size that does not vary has no term.

    Raises CloudkitError for fewer runs than the law has terms, and for a loss that is not above 0.
    """
    vary = [len(np.unique(parameters)) > 1, len(np.unique(crystals)) > 1]
    count = 1 + 2 * sum(vary)
    if len(loss) < count + 1 or not any(vary):
        raise CloudkitError(
            f"a scaling law with {count} terms needs at least {count + 1} runs of several sizes, found {len(loss)}"
        )
    if not (loss > 0).all():
        raise CloudkitError(f"a scaling law needs losses above 0, found {loss.min():g}")
    logs = [np.log(size) for size, varies in zip((parameters, crystals), vary, strict=True) if varies]
    best = _fit(logs, np.log(loss), [_start(logs, loss, e) for e in STARTS])
    fitted = _predict(best, logs)
    residual = np.log(loss) - fitted
    draw = np.random.default_rng(seed)
    spread = residual * np.sqrt(len(loss) / max(len(loss) - count, 1))
    again = [
        _natural(_fit(logs, fitted + draw.choice(spread, len(loss)), [best]), vary) for _ in range(RESAMPLED)
    ]
    tail = (1 - COVERAGE) / 2
    values = dict.fromkeys(NAMES, 0.0) | _natural(best, vary)
    low, high = (
        {n: float(np.quantile([one[n] for one in again], q)) for n in again[0]} for q in (tail, 1 - tail)
    )
    return Law(values, low, high, float(np.abs(residual).mean()), len(loss))


def _start(logs: list[Array], loss: Array, exponent: float) -> Array:
    """Half of the least loss as floor, the rest shared by the terms."""
    rest = np.log(max(loss.max() - loss.min() / 2, 1e-9) / len(logs))
    terms = [number for log in logs for number in (rest + exponent * log.mean(), exponent)]
    return np.array([np.log(loss.min() / 2), *terms])


def _predict(theta: Array, logs: list[Array]) -> Array:
    """ln loss: theta holds ln floor, then ln factor and exponent of each term."""
    total = np.full(len(logs[0]), theta[0])
    for place, log in enumerate(logs):
        total = np.logaddexp(total, theta[1 + 2 * place] - theta[2 + 2 * place] * log)
    return total


def _fit(logs: list[Array], wanted: Array, starts: list[Array]) -> Array:
    optimize = require("scipy.optimize", "train")
    low = [-30.0] + [-60.0, 0.0] * len(logs)
    high = [10.0] + [60.0, 5.0] * len(logs)
    found = [
        optimize.least_squares(lambda t: _predict(t, logs) - wanted, np.clip(start, low, high), bounds=(low, high), loss="huber", f_scale=0.05, max_nfev=400)
        for start in starts
    ]  # fmt: skip
    best: Array = min(found, key=lambda one: float(one.cost)).x
    return best


def _natural(theta: Array, vary: list[bool]) -> dict[str, float]:
    """Numbers by name: factors instead of their logarithms."""
    names = [pair for pair, varies in zip((("A", "alpha"), ("B", "beta")), vary, strict=True) if varies]
    out = {"floor": float(np.exp(theta[0]))}
    for place, (factor, exponent) in enumerate(names):
        out |= {factor: float(np.exp(theta[1 + 2 * place])), exponent: float(theta[2 + 2 * place])}
    return out
