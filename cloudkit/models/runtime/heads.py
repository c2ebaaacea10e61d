"""Heads in NumPy: pooled states to values in canonical units, float64. The torch heads import their constants from here."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import CRYSTAL_TARGETS, ORBIT_TARGETS
from cloudkit.kernels.solids_numpy import Thermodynamics, debye, einstein
from cloudkit.models.runtime.layers import Array as Floats
from cloudkit.models.runtime.layers import Linear, Weights, silu
from cloudkit.models.runtime.network import OrbitStates
from cloudkit.models.widths import Interval, WidthInputs, Widths

MAX_STATISTIC: Final = 4.0  # standardized statistics are clipped to ±4

# Thermal heads
THERMAL: tuple[str, ...] = ("heat_capacity", "internal_energy", "entropy", "free_energy")
# K, roughly the median Debye temperature of crystals, predicted by an untrained head
TYPICAL_THETA: Final = 450.0
# cumulative fractions of the modes at the grid points of a spectrum; below the first the density is quadratic
GRID_FRACTIONS: Final = (0.004, 0.015, 0.04, 0.09, 0.17, 0.27, 0.38, 0.5, 0.62, 0.74, 0.85, 0.94, 1.0)
QUADRATURE_POINTS: Final = 3  # Gauss-Legendre points between two grid points
QUADRATURE_NODES: Final = (0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5)
QUADRATURE_WEIGHTS: Final = (5 / 18, 8 / 18, 5 / 18)
N_OSCILLATORS: Final = 2  # Einstein frequencies of debye_einstein; einstein has one more
MAX_LOG_SCALE: Final = 8.0  # logarithms of scales are clipped to ±8 around their initial value
N_PARAMETERS: Final = {"debye": 1, "einstein": 6, "debye_einstein": 6, "spectrum": len(GRID_FRACTIONS)}
# frequencies of an untrained head, in TYPICAL_THETA
INITIAL_FREQUENCIES: Final = {"einstein": (0.45, 0.75, 1.0), "debye_einstein": (0.75, 0.8, 1.1)}

Array = NDArray[np.float64]
MAX_ELEMENTS: Final = 1 << 20  # of an intermediate array


class Modes(NamedTuple):
    """Vibrational modes of n crystals; frequencies are h ν / k in K.

    debye (n, 0 or 1), einstein (n, k): frequencies, with shares that add up to 1. grid (n, g): for a spectrum, the frequencies
    below which GRID_FRACTIONS of the modes lie; the density between grid points is constant.
    """

    debye: Array
    debye_share: Array
    einstein: Array
    einstein_share: Array
    grid: Array | None = None

    def scaled(self, factor: float) -> "Modes":
        """Scale all frequencies by a factor."""
        grid = None if self.grid is None else self.grid * factor
        return self._replace(debye=self.debye * factor, einstein=self.einstein * factor, grid=grid)

    def thermodynamics(self, temperature: Array) -> Thermodynamics:
        """Compute U, Cv, S, F (n, m) per mole of atoms at temperatures (m,) in K."""
        count, width = len(self.einstein), self.debye.shape[1] + self.einstein.shape[1]
        out = Thermodynamics(*(np.zeros((count, len(temperature))) for _ in range(4)))
        step = max(1, MAX_ELEMENTS // max(1, width * len(temperature)))
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
        """Return the Debye temperature (n,) in K of the T³ law: at low ν the density is 9 ν² / θ³ per atom."""
        theta: Array = self.debye[:, 0] / np.cbrt(self.debye_share[:, 0])
        return theta

    def density(self, frequency: Array) -> Array:
        """Return the density of modes (n, m) per atom and K at frequencies (m,) in K, for kinds debye and spectrum."""
        theta, share = self.debye, self.debye_share
        start = np.where(frequency <= theta, 9 * share * frequency**2 / theta**3, 0.0)
        if self.grid is None:
            return start
        heights = 3 * np.diff(GRID_FRACTIONS) / np.diff(self.grid, axis=1)
        place = (frequency[None, :, None] > self.grid[:, None, :]).sum(axis=2) - 1
        inside = (place >= 0) & (place < heights.shape[1])
        between = np.take_along_axis(heights, place.clip(0, heights.shape[1] - 1), axis=1)
        return np.where(inside, between, start)


def make_modes(kind: str, raw: Array) -> Modes:
    """Convert unbounded parameters (n, N_PARAMETERS[kind]) to modes; see cloudkit.models.thermal.make_modes."""
    none = np.zeros((len(raw), 0))
    if kind == "debye":
        theta = TYPICAL_THETA * np.exp(raw[:, :1].clip(-MAX_LOG_SCALE, MAX_LOG_SCALE))
        return Modes(theta, np.ones_like(theta), none, none)
    if kind == "spectrum":
        return _spectrum(
            _ascending_frequencies(raw, [TYPICAL_THETA * share ** (1 / 3) for share in GRID_FRACTIONS])
        )
    count = N_OSCILLATORS + 1
    frequency = _ascending_frequencies(
        raw[:, :count], [TYPICAL_THETA * factor for factor in INITIAL_FREQUENCIES[kind]]
    )
    logits = raw[:, count:] - raw[:, count:].max(axis=1, keepdims=True)
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if kind == "einstein":
        return Modes(none, none, frequency, share)
    return Modes(frequency[:, :1], share[:, :1], frequency[:, 1:], share[:, 1:])


def _ascending_frequencies(raw: Array, start: list[float]) -> Array:
    """Return ascending frequencies (n, k); zeros give `start`, the first parameter shifts all, the others scale the gaps."""
    logs = np.log(start)
    bounded = raw.clip(-MAX_LOG_SCALE, MAX_LOG_SCALE)
    gaps = np.diff(logs) * np.exp(bounded[:, 1:].clip(-4, 3))
    steps = np.concatenate([logs[0] + bounded[:, :1], gaps], axis=1)
    frequency: Array = np.exp(np.cumsum(steps, axis=1).clip(-2.0, 20.0))
    return frequency


def _spectrum(grid: Array) -> Modes:
    """Build a density that is quadratic up to the first grid point and constant between the others."""
    up, weight = np.array(QUADRATURE_NODES), np.array(QUADRATURE_WEIGHTS)
    low, width = grid[:, :-1, None], np.diff(grid, axis=1)[:, :, None]
    share = np.broadcast_to(
        (np.diff(GRID_FRACTIONS)[:, None] * weight).ravel(),
        (len(grid), (grid.shape[1] - 1) * QUADRATURE_POINTS),
    )
    first = np.full_like(grid[:, :1], GRID_FRACTIONS[0])
    return Modes(grid[:, :1], first, (low + up * width).reshape(share.shape), share, grid)


class ValueHead:
    """A linear map of the statistics plus an MLP of the pooled states; see cloudkit.models.heads.ValueHead."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        self.outputs = tuple(head["outputs"]) if "outputs" in head else (str(head["output"]),)
        self.shift, self.stretch = weights[f"{name}.shift"], weights[f"{name}.stretch"]
        self.center = weights[f"{name}.center"].astype(np.float64)
        self.spread = weights[f"{name}.spread"].astype(np.float64)
        self.first, self.last = Linear(weights, f"{name}.body.1"), Linear(weights, f"{name}.body.3")
        self.line = Linear(weights, f"{name}.line") if len(self.shift) else None

    def raw_outputs(self, pooled: Floats) -> Floats:
        """Return the raw outputs (strings, numbers) for pooled (strings, states + statistics); statistics come last."""
        inputs = self._scaled_inputs(pooled)
        out = self.last(silu(self.first(inputs)))
        return out if self.line is None else self.line(inputs[:, -len(self.shift) :]) + out

    def hidden(self, pooled: Floats) -> Array:
        """Return the inputs of the last layer (strings, hidden)."""
        return silu(self.first(self._scaled_inputs(pooled))).astype(np.float64)

    def _scaled_inputs(self, pooled: Floats) -> Floats:
        if not (count := len(self.shift)):
            return pooled
        scaled = ((pooled[:, -count:] - self.shift) * self.stretch).clip(-MAX_STATISTIC, MAX_STATISTIC)
        return np.concatenate([pooled[:, :-count], scaled], axis=1)


class RegressionHead(ValueHead):
    """One number per output, with prediction intervals.

    Examples
    --------
    >>> from cloudkit.models.runtime import read_runtime, shipped
    >>> read_runtime(shipped()["elastic"]).heads["elastic"].outputs
    ('bulk_modulus', 'shear_modulus')
    """

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.transform, self.widths = head["transform"], Widths.from_arrays(weights, f"{name}.")

    def values(self, pooled: Floats) -> Array:
        """Predict (strings, outputs) in canonical units."""
        return self.restore(self.raw_outputs(pooled).astype(np.float64))

    def rescale(self, value: Array) -> Array:
        """Standardize predictions (strings, outputs) in canonical units."""
        return (self._scaled(value) - self.center) / self.spread

    def restore(self, scaled: Array) -> Array:
        """Convert standardized values back to canonical units."""
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
    """One logit per class; see cloudkit.models.classification.

    Examples
    --------
    >>> head = {"output": "metal", "classes": ["no", "yes"], "positive": None}
    >>> sizes = {"shift": 0, "stretch": 0, "center": 2, "spread": 2, "body.1.weight": (4, 8), "body.3.weight": (2, 4), "threshold": ()}
    >>> weights = {f"heads.metal.{name}": np.zeros(size, dtype=np.float32) for name, size in sizes.items()}
    >>> ClassificationHead(head, weights, "heads.metal").values(np.ones((1, 8), dtype=np.float32))
    array([[0.5, 0.5]])
    """

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.classes = tuple(str(label) for label in head["classes"])
        self.positive = self.classes.index(head["positive"] or self.classes[-1])
        self.threshold = float(weights[f"{name}.threshold"])

    def values(self, pooled: Floats) -> Array:
        """Predict probabilities (strings, classes)."""
        logits = self.raw_outputs(pooled).astype(np.float64) + self.center
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability: Array = powers / powers.sum(axis=1, keepdims=True)
        return probability


class ThermalHead(ValueHead):
    """Vibrational modes, from which all thermal quantities are computed.

    Examples
    --------
    >>> from cloudkit.models.runtime import read_runtime, shipped
    >>> runtime = read_runtime(shipped()["thermal"])
    >>> pooled = runtime.network.pool(*runtime.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Po 1a"]))
    >>> runtime.heads["thermal"].modes(pooled).thermodynamics(np.array([0.0])).heat_capacity
    array([[0.]])
    """

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.kind, self.cp_minus_cv = head["modes"], head["cp_minus_cv"] or 0.0
        self.widths = Widths.from_arrays(weights, f"{name}.")

    def modes(self, pooled: Floats) -> Modes:
        """Predict the modes of each string."""
        return make_modes(self.kind, self.raw_outputs(pooled).astype(np.float64))

    def thermodynamics(self, pooled: Floats, lengths: NDArray[np.int64], kelvin: Array) -> Interval:
        """THERMAL quantities (strings, temperatures, 4) per mole of atoms with their bands; lengths (strings,): tokens."""
        value = self.raw_outputs(pooled)[:, :1].astype(np.float64)
        states = WidthInputs(self.hidden(pooled), value, lengths, np.zeros_like(value))
        return thermal_band(self.modes(pooled), kelvin, self.widths.half(states)[:, 0])


def thermal_band(modes: Any, kelvin: Any, band: Array) -> Interval:
    """THERMAL quantities of modes and their bands, those of all frequencies scaled down and up.

    band (strings,): natural logarithm of the factor. So the ends of a band are thermodynamically consistent too.
    """

    def table(factor: Array) -> Array:
        found = modes.scaled(_like(factor[:, None], modes.einstein)).thermodynamics(kelvin)
        return np.stack([np.asarray(getattr(found, name)) for name in THERMAL], axis=2)

    middle = table(np.ones(len(band)))
    if np.isnan(band).all():
        return Interval.unknown(middle)
    ends = table(np.exp(-band)), table(np.exp(band))
    return Interval(middle, np.minimum(*ends), np.maximum(*ends))


def _like(values: Array, other: Any) -> Any:
    """Convert values to a tensor if the other is one."""
    return values if isinstance(other, np.ndarray) else other.new_tensor(values)


class GeometryHead:
    """Targets of orbits and of crystals (cloudkit.structure.geometry), such as bond lengths and the volume per atom."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        self.of_orbits = [target for target in ORBIT_TARGETS if target in head["targets"]]
        self.targets = [target for target in CRYSTAL_TARGETS if target in head["targets"]]
        self.orbit = Linear(weights, f"{name}.orbit.0"), Linear(weights, f"{name}.orbit.2")
        self.crystal = Linear(weights, f"{name}.crystal.0"), Linear(weights, f"{name}.crystal.2")
        self.center, self.spread = weights[f"{name}.center"], weights[f"{name}.spread"]

    def crystals(self, pooled: Floats, target: str | None = None) -> Array:
        """Predict all targets of crystals (strings, targets) or one (strings,), in the units of cloudkit.structure.geometry."""
        hidden, last = self.crystal
        center, spread = (
            part[len(self.of_orbits) :].astype(np.float64) for part in (self.center, self.spread)
        )
        found: Array = last(silu(hidden(pooled))) * spread + center
        return found if target is None else found[:, self.targets.index(target)]

    def summary(self, pooled: Floats, orbits: OrbitStates) -> Array:
        """Predict the mean over atoms, minimum and maximum of each orbit target, then the crystal targets: (strings, columns)."""
        hidden, last = self.orbit
        count = len(self.of_orbits)
        scaled = last(silu(hidden(orbits.states))) * self.spread[:count] + self.center[:count]
        return np.concatenate([orbits.summary(scaled, len(pooled)), self.crystals(pooled)], axis=1)

    @property
    def columns(self) -> int:
        """Number of columns of `summary`."""
        return 3 * len(self.of_orbits) + len(self.targets)
