"""Heads in NumPy: from what the network pools of each string to values in canonical units, float64.

The torch heads take their constants from here.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import CRYSTAL_TARGETS
from cloudkit.kernels.solids_numpy import Thermodynamics, debye, einstein
from cloudkit.models.runtime.layers import Array as Floats
from cloudkit.models.runtime.layers import Linear, Weights, silu
from cloudkit.models.widths import Widths

MAX_STATISTIC: Final = (
    4.0  # statistics count as no farther than this many spreads from the mean of the training crystals
)

# Thermal heads
TYPICAL_THETA: Final = (
    450.0  # K, about the median Debye temperature of crystals: where an untrained head starts
)
# cumulated shares of the modes at the grid points of a spectrum; below the first the density is quadratic
SHARES: Final = (0.004, 0.015, 0.04, 0.09, 0.17, 0.27, 0.38, 0.5, 0.62, 0.74, 0.85, 0.94, 1.0)
POINTS: Final = 3  # Gauss-Legendre points between two grid points
NODES: Final = (0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5)  # where they lie, 0 to 1
WEIGHTS: Final = (5 / 18, 8 / 18, 5 / 18)
OSCILLATORS: Final = 2  # Einstein frequencies of debye_einstein; einstein has one more
MAX_LOG_SCALE: Final = 8.0  # logarithms of scales stay within ±8 of their start
PARAMETERS: Final = {"debye": 1, "einstein": 6, "debye_einstein": 6, "spectrum": len(SHARES)}
# where the frequencies of an untrained head lie, in TYPICAL_THETA
STARTS: Final = {"einstein": (0.45, 0.75, 1.0), "debye_einstein": (0.75, 0.8, 1.1)}

Array = NDArray[np.float64]
ELEMENTS: Final = 1 << 20  # numbers of an intermediate array at a time


class Modes(NamedTuple):
    """Of n crystals, frequencies as h nu / k in K.

    debye (n, 0 or 1), einstein (n, k): frequencies; the shares next to them add up to 1. grid (n, g): for a
    spectrum, the frequencies up to which SHARES of the modes lie.
    """

    debye: Array
    debye_share: Array
    einstein: Array
    einstein_share: Array
    grid: Array | None = None

    def scaled(self, factor: float) -> "Modes":
        """All frequencies times a factor."""
        grid = None if self.grid is None else self.grid * factor
        return self._replace(debye=self.debye * factor, einstein=self.einstein * factor, grid=grid)

    def thermodynamics(self, temperature: Array) -> Thermodynamics:
        """U, Cv, S, F (n, m) per mole of atoms at temperatures (m,) in K."""
        count, width = len(self.einstein), self.debye.shape[1] + self.einstein.shape[1]
        out = Thermodynamics(*(np.zeros((count, len(temperature))) for _ in range(4)))
        step = max(1, ELEMENTS // max(1, width * len(temperature)))
        for start in range(0, count, step):
            rows = slice(start, start + step)
            for law, theta, share in (
                (debye, self.debye[rows], self.debye_share[rows]),
                (einstein, self.einstein[rows], self.einstein_share[rows]),
            ):
                if theta.shape[1]:
                    four = law(theta[:, :, None], temperature[None, None, :])
                    for total, part in zip(out, four, strict=True):
                        total[rows] += np.einsum("nk,nkm->nm", share, part)
        return out

    def acoustic(self) -> Array:
        """Debye temperature (n,) in K of the T³ law: the density starts as 9 nu² / theta³ per atom."""
        found: Array = self.debye[:, 0] / np.cbrt(self.debye_share[:, 0])
        return found

    def density(self, frequency: Array) -> Array:
        """Modes per atom and K (n, m) at frequencies (m,) in K; for debye and spectrum, the kinds that have a density."""
        theta, share = self.debye, self.debye_share
        start = np.where(frequency <= theta, 9 * share * frequency**2 / theta**3, 0.0)
        if self.grid is None:
            return start
        heights = 3 * np.diff(SHARES) / np.diff(self.grid, axis=1)
        place = (frequency[None, :, None] > self.grid[:, None, :]).sum(axis=2) - 1
        inside = (place >= 0) & (place < heights.shape[1])
        between = np.take_along_axis(heights, place.clip(0, heights.shape[1] - 1), axis=1)
        return np.where(inside, between, start)


def make_modes(kind: str, raw: Array) -> Modes:
    """Modes from numbers without bounds (n, parameters); see cloudkit.models.thermal.make_modes."""
    none = np.zeros((len(raw), 0))
    if kind == "debye":
        theta = TYPICAL_THETA * np.exp(raw[:, :1].clip(-MAX_LOG_SCALE, MAX_LOG_SCALE))
        return Modes(theta, np.ones_like(theta), none, none)
    if kind == "spectrum":
        return _spectrum(_ladder(raw, [TYPICAL_THETA * share ** (1 / 3) for share in SHARES]))
    count = OSCILLATORS + 1
    frequency = _ladder(raw[:, :count], [TYPICAL_THETA * factor for factor in STARTS[kind]])
    logits = raw[:, count:] - raw[:, count:].max(axis=1, keepdims=True)
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if kind == "einstein":
        return Modes(none, none, frequency, share)
    return Modes(frequency[:, :1], share[:, :1], frequency[:, 1:], share[:, 1:])


def _ladder(raw: Array, start: list[float]) -> Array:
    """Ascending frequencies (n, k): raw zeros give `start`; the first number moves all, each other scales the gap before it."""
    logs = np.log(start)
    bounded = raw.clip(-MAX_LOG_SCALE, MAX_LOG_SCALE)
    gaps = np.diff(logs) * np.exp(bounded[:, 1:].clip(-4, 3))
    steps = np.concatenate([logs[0] + bounded[:, :1], gaps], axis=1)
    found: Array = np.exp(np.cumsum(steps, axis=1).clip(-2.0, 20.0))
    return found


def _spectrum(grid: Array) -> Modes:
    """A quadratic start up to the first grid point, constant densities between the others."""
    up, weight = np.array(NODES), np.array(WEIGHTS)
    low, width = grid[:, :-1, None], np.diff(grid, axis=1)[:, :, None]
    share = np.broadcast_to(
        (np.diff(SHARES)[:, None] * weight).ravel(), (len(grid), (grid.shape[1] - 1) * POINTS)
    )
    first = np.full_like(grid[:, :1], SHARES[0])
    return Modes(grid[:, :1], first, (low + up * width).reshape(share.shape), share, grid)


class ValueHead:
    """A straight line of the statistics and a small network; see cloudkit.models.heads.ValueHead."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        self.outputs = tuple(head["outputs"]) if "outputs" in head else (str(head["output"]),)
        self.shift, self.stretch = weights[f"{name}.shift"], weights[f"{name}.stretch"]
        self.center = weights[f"{name}.center"].astype(np.float64)
        self.spread = weights[f"{name}.spread"].astype(np.float64)
        self.first, self.last = Linear(weights, f"{name}.body.1"), Linear(weights, f"{name}.body.3")
        self.line = Linear(weights, f"{name}.line") if len(self.shift) else None

    def numbers(self, pooled: Floats) -> Floats:
        """What the head says of each string (strings, numbers); the statistics come last in pooled (strings, columns)."""
        both = self._scaled_inputs(pooled)
        found = self.last(silu(self.first(both)))
        return found if self.line is None else self.line(both[:, -len(self.shift) :]) + found

    def hidden(self, pooled: Floats) -> Array:
        """What the last layer reads of each string (strings, hidden)."""
        return silu(self.first(self._scaled_inputs(pooled))).astype(np.float64)

    def _scaled_inputs(self, pooled: Floats) -> Floats:
        if not (count := len(self.shift)):
            return pooled
        known = ((pooled[:, -count:] - self.shift) * self.stretch).clip(-MAX_STATISTIC, MAX_STATISTIC)
        return np.concatenate([pooled[:, :-count], known], axis=1)


class RegressionHead(ValueHead):
    """One number per output, with intervals."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.transform, self.widths = head["transform"], Widths.of(weights, f"{name}.")

    def values(self, pooled: Floats) -> Array:
        """Predictions (strings, outputs)."""
        return self.restore(self.numbers(pooled).astype(np.float64))

    def rescale(self, found: Array) -> Array:
        """Predictions (strings, outputs) on the scale of the head."""
        return (self._scaled(found) - self.center) / self.spread

    def restore(self, scaled: Array) -> Array:
        """From the scale of the head to canonical units."""
        return self._invert(scaled * self.spread + self.center)

    def _scaled(self, value: Array) -> Array:
        if self.transform == "none":
            return value
        return np.log(value.clip(min=1e-300)) if self.transform == "log" else np.sqrt(value.clip(min=0))

    def _invert(self, value: Array) -> Array:
        if self.transform == "none":
            return value
        return np.exp(value) if self.transform == "log" else np.square(value.clip(min=0))


class ClassificationHead(ValueHead):
    """Probabilities of classes; see cloudkit.models.classification."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.classes = tuple(str(one) for one in head["classes"])
        self.positive = self.classes.index(head["positive"] or self.classes[-1])
        self.threshold = float(weights[f"{name}.threshold"])

    def values(self, pooled: Floats) -> Array:
        """Probabilities (strings, classes)."""
        logits = self.numbers(pooled).astype(np.float64) + self.center
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: Array = powers / powers.sum(axis=1, keepdims=True)
        return found


class ThermalHead(ValueHead):
    """Vibrational modes, from which all thermodynamic quantities follow."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.kind, self.cp_minus_cv = head["modes"], head["cp_minus_cv"] or 0.0
        self.widths = Widths.of(weights, f"{name}.")

    def modes(self, pooled: Floats) -> Modes:
        """The modes of each string."""
        return make_modes(self.kind, self.numbers(pooled).astype(np.float64))


class GeometryHead:
    """What the structure behind a string looks like; of its targets those of the whole crystal."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        self.targets = [target for target in CRYSTAL_TARGETS if target in head["targets"]]
        self.hidden, self.last = Linear(weights, f"{name}.crystal.0"), Linear(weights, f"{name}.crystal.2")
        count = len(self.targets)
        self.center = weights[f"{name}.center"][-count:].astype(np.float64)
        self.spread = weights[f"{name}.spread"][-count:].astype(np.float64)

    def crystals(self, pooled: Floats, target: str) -> Array:
        """One target (strings,) in its own unit (cloudkit.structure.geometry)."""
        place = self.targets.index(target)
        found: Array = self.last(silu(self.hidden(pooled)))[:, place].astype(np.float64)
        return found * self.spread[place] + self.center[place]
