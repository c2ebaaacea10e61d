"""The thermal head: vibrational modes of a crystal, and all thermal quantities computed from them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cloudkit.kernels import Thermodynamics, einstein_thermodynamics, thermodynamics
from cloudkit.models.heads import IntervalHead
from cloudkit.models.runtime.heads import (
    GRID_FRACTIONS,
    INITIAL_FREQUENCIES,
    MAX_LOG_SCALE,
    N_OSCILLATORS,
    N_PARAMETERS,
    QUADRATURE_POINTS,
    TYPICAL_THETA,
)
from cloudkit.units import GAS_CONSTANT, KELVIN_PER_THZ, MOLAR_QUANTITIES


class Modes(NamedTuple):
    """Vibrational modes of n crystals; frequencies are h ν / k in K.

    debye (n, 0 or 1), einstein (n, k): frequencies, with shares that add up to 1. grid (n, g): for a spectrum, the frequencies
    below which GRID_FRACTIONS of the modes lie; the density between grid points is constant.
    """

    debye: Tensor
    debye_share: Tensor
    einstein: Tensor
    einstein_share: Tensor
    grid: Tensor | None = None

    def scaled(self, factor: float | Tensor) -> "Modes":
        """Scale all frequencies by a factor."""
        grid = None if self.grid is None else self.grid * factor
        return self._replace(debye=self.debye * factor, einstein=self.einstein * factor, grid=grid)

    def rows(self, index: Tensor) -> "Modes":
        """Select crystals by index."""
        return Modes(*(None if part is None else part[index] for part in self))

    def thermodynamics(self, temperature: Tensor) -> Thermodynamics:
        """Compute U, Cv, S, F (n, m) per mole of atoms at temperatures (m,) or (n, m) in K, in float64."""
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
        """Compute U at T = 0 (n,) in J per mole of atoms: 9/8 R θ for the Debye part, 3/2 R θ for oscillators, by their shares."""
        means = [
            (share * theta).sum(1)
            for share, theta in ((self.debye_share, self.debye), (self.einstein_share, self.einstein))
        ]
        return GAS_CONSTANT * (1.125 * means[0] + 1.5 * means[1])

    def highest(self) -> Tensor:
        """Return the highest frequency (n,) in K."""
        return torch.cat([self.debye, self.einstein] if self.grid is None else [self.grid], dim=1).amax(1)

    def acoustic(self) -> Tensor:
        """Return the Debye temperature (n,) in K of the T³ law: at low ν the density is 9 ν² / θ³ per atom."""
        return self.debye[:, 0] / self.debye_share[:, 0] ** (1 / 3)

    def density(self, frequency: Tensor) -> Tensor:
        """Return the density of modes (n, m) per atom and K at frequencies (n, m) in K, for kinds debye and spectrum."""
        theta, share = self.debye, self.debye_share
        start = torch.where(frequency <= theta, 9 * share * frequency.square() / theta**3, 0.0)
        if self.grid is None:
            return start
        steps = torch.tensor(np.diff(GRID_FRACTIONS), dtype=self.grid.dtype, device=self.grid.device)
        heights = 3 * steps / self.grid.diff(dim=1)
        place = torch.searchsorted(self.grid.detach(), frequency) - 1
        inside = (place >= 0) & (place < heights.shape[1])
        return torch.where(inside, heights.gather(1, place.clamp(0, heights.shape[1] - 1)), start)


def make_modes(kind: str, raw: Tensor) -> Modes:
    """Convert unbounded parameters (n, N_PARAMETERS[kind]) to modes; zeros give roughly the curve of TYPICAL_THETA.

    debye: ln θ. spectrum: ln of the scale, then ln of the gaps between the logarithms of the grid points. einstein,
    debye_einstein: the same for the frequencies (the first of debye_einstein is θ), then logits of the shares.
    """
    none = raw.new_zeros(len(raw), 0)
    if kind == "debye":
        theta = TYPICAL_THETA * raw[:, :1].clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE).exp()
        return Modes(theta, torch.ones_like(theta), none, none)
    if kind == "spectrum":
        return _spectrum(
            _ascending_frequencies(raw, [TYPICAL_THETA * share ** (1 / 3) for share in GRID_FRACTIONS])
        )
    count = N_OSCILLATORS + 1
    frequency = _ascending_frequencies(
        raw[:, :count], [TYPICAL_THETA * factor for factor in INITIAL_FREQUENCIES[kind]]
    )
    share = torch.softmax(raw[:, count:], dim=1)
    if kind == "einstein":
        return Modes(none, none, frequency, share)
    return Modes(frequency[:, :1], share[:, :1], frequency[:, 1:], share[:, 1:])


def _ascending_frequencies(raw: Tensor, start: list[float]) -> Tensor:
    """Return ascending frequencies (n, k); zeros give `start`, the first parameter shifts all, the others scale the gaps."""
    logs = torch.tensor(np.log(start), dtype=raw.dtype, device=raw.device)
    bounded = raw.clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE)
    gaps = logs.diff() * bounded[:, 1:].clamp(-4, 3).exp()
    return torch.cat([logs[0] + bounded[:, :1], gaps], dim=1).cumsum(1).clamp(-2.0, 20.0).exp()


def _spectrum(grid: Tensor) -> Modes:
    """Build a density that is quadratic up to the first grid point and constant between the others."""
    x, w = np.polynomial.legendre.leggauss(QUADRATURE_POINTS)
    up, weight = (torch.tensor(part / 2, dtype=grid.dtype, device=grid.device) for part in (x + 1, w))
    steps = torch.tensor(np.diff(GRID_FRACTIONS), dtype=grid.dtype, device=grid.device)
    low, width = grid[:, :-1, None], grid.diff(dim=1)[..., None]
    share = (steps[:, None] * weight).flatten().expand(len(grid), -1)
    first = torch.full_like(grid[:, :1], GRID_FRACTIONS[0])
    return Modes(grid[:, :1], first, (low + up * width).flatten(1), share, grid)


MOLAR: Final = tuple(MOLAR_QUANTITIES)
N_FACTORS: Final = 61  # grid of factors on all frequencies when bands are fitted
MAX_LOG_FACTOR: Final = 0.6  # ln of the largest of them


class Thermal(IntervalHead):
    """Vibrational modes of one kind; all outputs are computed from them, per mole of atoms.

    Its interval width is the logarithm of the factor on all frequencies that spans the uncertainty of a crystal.

    Attributes
    ----------
    kind : str
        debye, einstein, debye_einstein or spectrum.
    cp_minus_cv : float
        In mol/J, for outputs of heat_capacity_p: Cp = Cv + cp_minus_cv · Cv² · T (Nernst and Lindemann 1911).

    Examples
    --------
    >>> head = Thermal(["heat_capacity"], "debye", pooled=8, statistics=0, hidden=4, cp_minus_cv=0.0)
    >>> modes = head.modes(torch.zeros(2, 8))
    >>> modes.debye.shape, modes.thermodynamics(torch.tensor([0.0, 300.0])).entropy.shape
    (torch.Size([2, 1]), torch.Size([2, 2]))
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
        super().__init__(outputs, pooled, statistics, hidden, N_PARAMETERS[kind], dropout, 1)
        self.kind, self.cp_minus_cv = kind, cp_minus_cv

    def _fit_one(self, index: int, labels: Tensor) -> None:
        super()._fit_one(index, labels)
        self.center[index] = 0.0

    def modes(self, pooled: Tensor) -> Modes:
        """Return the modes of strings with pooled states (strings, pooled width), in at least float32."""
        return make_modes(self.kind, self.raw_outputs(pooled).float())

    def forward(
        self,
        pooled: Tensor,
        sequence: Tensor,
        quantity: Tensor,
        temperature: Tensor,
        factor: Tensor | None = None,
    ) -> Tensor:
        """Return standardized predictions (observations,); temperature in K, or frequency in K for a density.

        factor (observations,): scales all frequencies.
        """
        modes = self.modes(pooled)
        if factor is not None:
            modes = modes.rows(sequence).scaled(factor[:, None])
            sequence = torch.arange(len(sequence), device=sequence.device)
        values = self.values(modes, sequence, quantity, temperature)
        return values / self.spread[quantity].to(values.dtype)

    def values(self, modes: Modes, sequence: Tensor, quantity: Tensor, at: Tensor) -> Tensor:
        """Compute values (observations,) in canonical units, in the precision of the modes."""
        at = at.to(modes.einstein.dtype)
        out = torch.zeros_like(at)
        names = [self.outputs[index] for index in quantity.unique().tolist()]
        molar = torch.isin(quantity, torch.tensor(self._indices(MOLAR), device=quantity.device))
        if any(name in MOLAR for name in names):
            found = _molar_values(self.outputs, modes, sequence[molar], at[molar], self.cp_minus_cv)
            columns = torch.stack([found[name] for name in self.outputs if name in found], dim=1)
            column = torch.zeros(len(self.outputs), dtype=torch.int64, device=quantity.device)
            column[self._indices(MOLAR)] = torch.arange(columns.shape[1], device=quantity.device)
            out = out.masked_scatter(molar, columns.gather(1, column[quantity[molar]][:, None])[:, 0])
        for name in names:
            if name not in MOLAR:
                rows = quantity == self.outputs.index(name)
                out = out.masked_scatter(rows, _spectral_values(name, modes, sequence[rows], at[rows]))
        return out

    def _indices(self, names: Sequence[str]) -> list[int]:
        return [index for index, name in enumerate(self.outputs) if name in names]

    @torch.no_grad()
    def best_factors(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, at: Tensor, value: Tensor) -> Tensor:  # fmt: skip
        """Return the logarithm (strings,) of the factor on all frequencies that fits the labels of each crystal best."""
        modes, count = self.modes(pooled), len(pooled)
        factors = torch.linspace(-MAX_LOG_FACTOR, MAX_LOG_FACTOR, N_FACTORS)
        errors = []
        for factor in factors.tolist():
            predicted = self.values(modes.scaled(float(torch.tensor(factor).exp())), sequence, quantity, at)
            error = ((predicted - value.to(predicted)) / self.spread[quantity]).abs()
            errors.append(error.new_zeros(count).index_add_(0, sequence, error))
        return factors[torch.stack(errors).argmin(0).cpu()]

    @torch.no_grad()
    def covering_factors(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, at: Tensor, value: Tensor) -> Tensor:  # fmt: skip
        """Return the logarithm (observations,) of the smallest factor on all frequencies whose band contains each label.

        At most MAX_LOG_FACTOR.
        """
        modes = self.modes(pooled)
        needed = torch.full(value.shape, MAX_LOG_FACTOR, dtype=torch.float64)
        for factor in torch.linspace(MAX_LOG_FACTOR, 0, N_FACTORS).tolist():
            ends = [
                self.values(modes.scaled(float(np.exp(sign * factor))), sequence, quantity, at).cpu().double()
                for sign in (-1, 1)
            ]
            inside = (torch.minimum(*ends) <= value) & (value <= torch.maximum(*ends))
            needed[inside] = factor
        return needed


def _molar_values(
    names: Sequence[str], modes: Modes, sequence: Tensor, kelvin: Tensor, cp_minus_cv: float
) -> dict[str, Tensor]:
    """Compute the molar quantities among `names`, each (observations,), of crystals `sequence` at `kelvin`."""
    rows = modes.rows(sequence)
    four = rows.thermodynamics(kelvin[:, None])
    values = {name: getattr(four, name)[:, 0] for name in four._fields}
    if "heat_capacity_p" in names:
        cv = values["heat_capacity"]
        values["heat_capacity_p"] = cv + cp_minus_cv * cv.square() * kelvin
    if "enthalpy_increment" in names:
        values["enthalpy_increment"] = values["internal_energy"] - rows.zero_point()
    return values


def _spectral_values(name: str, modes: Modes, sequence: Tensor, at: Tensor) -> Tensor:
    """Compute a quantity of the spectrum (observations,), in K, THz or modes/THz/atom."""
    rows = modes.rows(sequence)
    if name == "debye_temperature":
        return rows.acoustic()
    if name == "highest_frequency":
        return rows.highest() / KELVIN_PER_THZ
    return rows.density(at[:, None])[:, 0] * KELVIN_PER_THZ
