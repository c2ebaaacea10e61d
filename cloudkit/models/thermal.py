"""The thermal head: vibrational modes of each crystal, and every quantity that a label may be given for."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cloudkit.kernels import Thermodynamics, einstein_thermodynamics, thermodynamics
from cloudkit.models.heads import BandedHead
from cloudkit.models.runtime.heads import (
    MAX_LOG_SCALE,
    OSCILLATORS,
    PARAMETERS,
    POINTS,
    SHARES,
    STARTS,
    TYPICAL_THETA,
)
from cloudkit.units import GAS_CONSTANT, KELVIN_PER_THZ, MOLAR_QUANTITIES


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


MOLAR: Final = tuple(MOLAR_QUANTITIES)
FACTORS: Final = 61  # factors on all frequencies that are tried when bands are fitted
WIDEST_BAND: Final = 0.6  # ln of the largest factor


class Thermal(BandedHead):
    """Modes of one kind; all outputs follow from them per mole of atoms.

    `cp_minus_cv` (mol/J): Cp = Cv + cp_minus_cv · Cv² · T (Nernst and Lindemann 1911), for labels of heat_capacity_p.
    Its width is the logarithm of the factor on all frequencies that spans the uncertainty of a crystal.
    """

    def __init__(
        self,
        outputs: Sequence[str],
        kind: str,
        pooled: int,
        statistics: int,
        hidden: int,
        cp_minus_cv: float,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(outputs, pooled, statistics, hidden, PARAMETERS[kind], dropout, 1)
        self.kind, self.cp_minus_cv = kind, cp_minus_cv

    def _fit_one(self, index: int, labels: Tensor) -> None:
        super()._fit_one(index, labels)
        self.center[index] = 0.0

    def modes(self, pooled: Tensor) -> Modes:
        """Modes of strings with the states `pooled`, in its precision, at least float32."""
        return make_modes(self.kind, self.numbers(pooled).float())

    def forward(
        self,
        pooled: Tensor,
        sequence: Tensor,
        quantity: Tensor,
        temperature: Tensor,
        factor: Tensor | None = None,
    ) -> Tensor:
        """Predictions (observations,) on the head's scale; `temperature` in K, for a density the frequency in K.

        factor (observations,): on all frequencies.
        """
        modes = self.modes(pooled)
        if factor is not None:
            modes = modes.rows(sequence).scaled(factor[:, None])
            sequence = torch.arange(len(sequence), device=sequence.device)
        values = self.values(modes, sequence, quantity, temperature)
        return values / self.spread[quantity].to(values.dtype)

    def values(self, modes: Modes, sequence: Tensor, quantity: Tensor, at: Tensor) -> Tensor:
        """Values (observations,) in canonical units, in the precision of the modes."""
        at = at.to(modes.einstein.dtype)
        out = torch.zeros_like(at)
        asked = [self.outputs[index] for index in quantity.unique().tolist()]
        molar = torch.isin(quantity, torch.tensor(self._places(MOLAR), device=quantity.device))
        if any(name in MOLAR for name in asked):
            found = _at(self.outputs, modes, sequence[molar], at[molar], self.cp_minus_cv)
            columns = torch.stack([found[name] for name in self.outputs if name in found], dim=1)
            places = torch.zeros(len(self.outputs), dtype=torch.int64, device=quantity.device)
            places[self._places(MOLAR)] = torch.arange(columns.shape[1], device=quantity.device)
            out = out.masked_scatter(molar, columns.gather(1, places[quantity[molar]][:, None])[:, 0])
        for name in asked:
            if name not in MOLAR:
                rows = quantity == self.outputs.index(name)
                out = out.masked_scatter(rows, _of_spectrum(name, modes, sequence[rows], at[rows]))
        return out

    def _places(self, names: Sequence[str]) -> list[int]:
        return [index for index, name in enumerate(self.outputs) if name in names]

    @torch.no_grad()
    def best_factors(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, at: Tensor, value: Tensor) -> Tensor:  # fmt: skip
        """Logarithm (strings,) of the factor on all frequencies that fits the labels (observations,) of each crystal best."""
        modes, count = self.modes(pooled), len(pooled)
        factors = torch.linspace(-WIDEST_BAND, WIDEST_BAND, FACTORS)
        errors = []
        for factor in factors.tolist():
            found = self.values(modes.scaled(float(torch.tensor(factor).exp())), sequence, quantity, at)
            error = ((found - value.to(found)) / self.spread[quantity]).abs()
            errors.append(error.new_zeros(count).index_add_(0, sequence, error))
        return factors[torch.stack(errors).argmin(0).cpu()]

    @torch.no_grad()
    def needed_factors(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, at: Tensor, value: Tensor) -> Tensor:  # fmt: skip
        """Logarithm (observations,) of the smallest factor such that a label lies between its values at all frequencies lower and
        higher by it; WIDEST_BAND at most.
        """
        modes = self.modes(pooled)
        needed = torch.full(value.shape, WIDEST_BAND, dtype=torch.float64)
        for factor in torch.linspace(WIDEST_BAND, 0, FACTORS).tolist():
            ends = [
                self.values(modes.scaled(float(np.exp(sign * factor))), sequence, quantity, at).cpu().double()
                for sign in (-1, 1)
            ]
            inside = (torch.minimum(*ends) <= value) & (value <= torch.maximum(*ends))
            needed[inside] = factor
        return needed


def _at(
    names: Sequence[str], modes: Modes, sequence: Tensor, kelvin: Tensor, cp_minus_cv: float
) -> dict[str, Tensor]:
    """Those of `names` that are molar, (observations,), of crystal `sequence` at `kelvin`."""
    own = modes.rows(sequence)
    four = own.thermodynamics(kelvin[:, None])
    found = {name: getattr(four, name)[:, 0] for name in four._fields}
    if "heat_capacity_p" in names:
        cv = found["heat_capacity"]
        found["heat_capacity_p"] = cv + cp_minus_cv * cv.square() * kelvin
    if "enthalpy_increment" in names:
        found["enthalpy_increment"] = found["internal_energy"] - own.zero_point()
    return found


def _of_spectrum(name: str, modes: Modes, sequence: Tensor, at: Tensor) -> Tensor:
    """Quantities of the spectrum itself (observations,): canonical units K, THz and modes/THz/atom."""
    own = modes.rows(sequence)
    if name == "debye_temperature":
        return own.acoustic()
    if name == "highest_frequency":
        return own.highest() / KELVIN_PER_THZ
    return own.density(at[:, None])[:, 0] * KELVIN_PER_THZ
