"""Vibrational modes in NumPy, float64: cloudkit.models.modes without torch."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.kernels.solids_numpy import Thermodynamics, debye, einstein
from cloudkit.models.constants import (
    MAX_LOG_SCALE,
    NODES,
    OSCILLATORS,
    POINTS,
    SHARES,
    STARTS,
    TYPICAL_THETA,
    WEIGHTS,
)

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
    """Modes from numbers without bounds (n, parameters); see cloudkit.models.modes.make_modes."""
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
