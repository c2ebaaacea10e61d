"""Vibrational modes of crystals: what a thermal head predicts, and everything that follows from them.

Whatever its kind, a spectrum is a Debye part (or none) and Einstein oscillators whose shares of the 3N modes add up to 1, so all
laws of harmonic solids hold term by term. Frequencies are h nu / k in K.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cloudkit.kernels import Thermodynamics, einstein_thermodynamics, thermodynamics
from cloudkit.models.constants import MAX_LOG_SCALE, OSCILLATORS, POINTS, SHARES, STARTS, TYPICAL_THETA
from cloudkit.units import GAS_CONSTANT


class Modes(NamedTuple):
    """Of n crystals. debye (n, 0 or 1) and einstein (n, k): frequencies; the shares next to them add up to 1.

    grid (n, g): for a spectrum, the frequencies up to which SHARES of the modes lie; the density between two is constant.
    """

    debye: Tensor
    debye_share: Tensor
    einstein: Tensor
    einstein_share: Tensor
    grid: Tensor | None = None

    def scaled(self, factor: float | Tensor) -> "Modes":
        """All frequencies times a factor."""
        grid = None if self.grid is None else self.grid * factor
        return self._replace(debye=self.debye * factor, einstein=self.einstein * factor, grid=grid)

    def rows(self, index: Tensor) -> "Modes":
        """The modes of some crystals."""
        return Modes(*(None if part is None else part[index] for part in self))

    def thermodynamics(self, temperature: Tensor) -> Thermodynamics:
        """U, Cv, S, F (n, m) per mole of atoms at temperatures (m,) or (n, m) in K, float64 arithmetic."""
        kelvin = temperature if temperature.dim() == 2 else temperature[None]
        totals: list[Tensor] = []
        for law, theta, share in (
            (thermodynamics, self.debye, self.debye_share),
            (einstein_thermodynamics, self.einstein, self.einstein_share),
        ):
            if theta.shape[1]:
                four = law(theta[:, :, None], kelvin[:, None, :])
                sums = [torch.einsum("nk,nkm->nm", share, part) for part in four]
                totals = [a + b for a, b in zip(totals, sums, strict=True)] if totals else sums
        return Thermodynamics(*totals)

    def zero_point(self) -> Tensor:
        """U at T = 0 (n,) in J per mole of atoms: 9/8 R theta of a Debye part, 3/2 R theta of an oscillator, by their shares."""
        means = [
            (share * theta).sum(1)
            for share, theta in ((self.debye_share, self.debye), (self.einstein_share, self.einstein))
        ]
        return GAS_CONSTANT * (1.125 * means[0] + 1.5 * means[1])

    def highest(self) -> Tensor:
        """The highest frequency (n,) in K."""
        return torch.cat([self.debye, self.einstein] if self.grid is None else [self.grid], dim=1).amax(1)

    def acoustic(self) -> Tensor:
        """Debye temperature (n,) in K of the T³ law: the density starts as 9 nu² / theta³ per atom."""
        return self.debye[:, 0] / self.debye_share[:, 0] ** (1 / 3)

    def density(self, frequency: Tensor) -> Tensor:
        """Modes per atom and K (n, m) at frequencies (n, m) in K; for debye and spectrum, the kinds that have a density."""
        theta, share = self.debye, self.debye_share
        start = torch.where(frequency <= theta, 9 * share * frequency.square() / theta**3, 0.0)
        if self.grid is None:
            return start
        steps = torch.tensor(np.diff(SHARES), dtype=self.grid.dtype, device=self.grid.device)
        heights = 3 * steps / self.grid.diff(dim=1)
        place = torch.searchsorted(self.grid.detach(), frequency) - 1
        inside = (place >= 0) & (place < heights.shape[1])
        return torch.where(inside, heights.gather(1, place.clamp(0, heights.shape[1] - 1)), start)


def make_modes(kind: str, raw: Tensor) -> Modes:
    """Modes from numbers without bounds (n, PARAMETERS[kind]); zeros give about the curve of TYPICAL_THETA.

    debye: the logarithm of theta. spectrum: that of the scale, then of the gaps between the logarithms of the grid points.
    einstein, debye_einstein: the same for the frequencies (the first of debye_einstein is theta), then logits of the shares.
    """
    none = raw.new_zeros(len(raw), 0)
    if kind == "debye":
        theta = TYPICAL_THETA * raw[:, :1].clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE).exp()
        return Modes(theta, torch.ones_like(theta), none, none)
    if kind == "spectrum":
        return _spectrum(_ladder(raw, [TYPICAL_THETA * share ** (1 / 3) for share in SHARES]))
    count = OSCILLATORS + 1
    frequency = _ladder(raw[:, :count], [TYPICAL_THETA * factor for factor in STARTS[kind]])
    share = torch.softmax(raw[:, count:], dim=1)
    if kind == "einstein":
        return Modes(none, none, frequency, share)
    return Modes(frequency[:, :1], share[:, :1], frequency[:, 1:], share[:, 1:])


def _ladder(raw: Tensor, start: list[float]) -> Tensor:
    """Ascending frequencies (n, k): raw zeros give `start`; the first number moves all, each other scales the gap before it."""
    logs = torch.tensor(np.log(start), dtype=raw.dtype, device=raw.device)
    bounded = raw.clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE)
    gaps = logs.diff() * bounded[:, 1:].clamp(-4, 3).exp()
    return torch.cat([logs[0] + bounded[:, :1], gaps], dim=1).cumsum(1).clamp(-2.0, 20.0).exp()


def _spectrum(grid: Tensor) -> Modes:
    """A quadratic start up to the first grid point, constant densities between the others."""
    x, w = np.polynomial.legendre.leggauss(POINTS)
    up, weight = (torch.tensor(part / 2, dtype=grid.dtype, device=grid.device) for part in (x + 1, w))
    steps = torch.tensor(np.diff(SHARES), dtype=grid.dtype, device=grid.device)
    low, width = grid[:, :-1, None], grid.diff(dim=1)[..., None]
    share = (steps[:, None] * weight).flatten().expand(len(grid), -1)
    first = torch.full_like(grid[:, :1], SHARES[0])
    return Modes(grid[:, :1], first, (low + up * width).flatten(1), share, grid)
