"""Heads in NumPy: from what the network pools of each string to values in canonical units, float64."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import CRYSTAL_TARGETS
from cloudkit.models.constants import MAX_STATISTIC
from cloudkit.models.runtime.layers import Array as Floats
from cloudkit.models.runtime.layers import Linear, silu
from cloudkit.models.runtime.modes import Modes, make_modes
from cloudkit.models.runtime.weights import Weights

Array = NDArray[np.float64]


class ValueHead:
    """A straight line of the statistics and a small network; see cloudkit.models.heads.ValueHead."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        self.outputs = tuple(head["outputs"])
        self.shift, self.stretch = weights[f"{name}.shift"], weights[f"{name}.stretch"]
        self.center = weights[f"{name}.center"].astype(np.float64)
        self.spread = weights[f"{name}.spread"].astype(np.float64)
        self.hidden, self.last = Linear(weights, f"{name}.body.1"), Linear(weights, f"{name}.body.3")
        self.line = Linear(weights, f"{name}.line") if len(self.shift) else None

    def numbers(self, pooled: Floats) -> Floats:
        """What the head says of each string (strings, numbers); the statistics come last in pooled (strings, columns)."""
        if self.line is None:
            return self.last(silu(self.hidden(pooled)))
        count = len(self.shift)
        known = ((pooled[:, -count:] - self.shift) * self.stretch).clip(-MAX_STATISTIC, MAX_STATISTIC)
        both = np.concatenate([pooled[:, :-count], known], axis=1)
        return self.line(known) + self.last(silu(self.hidden(both)))


class RegressionHead(ValueHead):
    """One number per output, with intervals."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.transform, self.band = head["transform"], weights[f"{name}.band"].astype(np.float64)

    def values(self, pooled: Floats) -> Array:
        """Predictions (strings, outputs)."""
        return self._invert(self.numbers(pooled) * self.spread + self.center)

    def intervals(self, found: Array) -> tuple[Array, Array]:
        """Ends (strings, outputs) of the intervals around predictions; NaN where none was fitted."""
        half = np.where(self.band > 0, self.band, np.nan) * self.spread
        middle = self._scaled(found)
        return self._invert(middle - half), self._invert(middle + half)

    def _scaled(self, value: Array) -> Array:
        if self.transform == "none":
            return value
        return np.log(value.clip(min=1e-300)) if self.transform == "log" else np.sqrt(value.clip(min=0))

    def _invert(self, value: Array) -> Array:
        if self.transform == "none":
            return value
        return np.exp(value) if self.transform == "log" else np.square(value.clip(min=0))


class ThermalHead(ValueHead):
    """Vibrational modes, from which all thermodynamic quantities follow."""

    def __init__(self, head: Mapping[str, Any], weights: Weights, name: str) -> None:
        super().__init__(head, weights, name)
        self.kind, self.cp_minus_cv = head["modes"], head["cp_minus_cv"] or 0.0
        self.band = float(weights[f"{name}.band"])

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
