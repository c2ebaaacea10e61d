"""The thermal head: vibrational modes of each crystal, and every quantity that a label may be given for."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from cloudkit.models.constants import PARAMETERS
from cloudkit.models.heads import COVERAGE, ValueHead
from cloudkit.models.modes import Modes, make_modes
from cloudkit.units import KELVIN_PER_THZ, MOLAR_QUANTITIES

MOLAR: Final = tuple(MOLAR_QUANTITIES)
MEMBERS: Final = 61  # scale factors tried when bands are fitted
WIDEST_BAND: Final = 0.6  # ln of the largest factor


class Thermal(ValueHead):
    """Modes of one kind; all outputs follow from them per mole of atoms.

    `cp_minus_cv` (mol/J): Cp = Cv + cp_minus_cv · Cv² · T (Nernst and Lindemann 1911), for labels of heat_capacity_p.
    `band`: logarithm of the factor on all frequencies that spans the uncertainty; 0 until it is fitted.
    """

    band: Tensor

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
        super().__init__(outputs, pooled, statistics, hidden, PARAMETERS[kind], dropout)
        self.kind, self.cp_minus_cv = kind, cp_minus_cv
        self.register_buffer("band", torch.zeros(()))

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
    def fit_band(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, at: Tensor, value: Tensor) -> None:
        """Take the band from crystals that training has not seen: the scale of frequencies that fits each one best.

        Split conformal prediction (Vovk 2005) of the logarithm of that factor: COVERAGE of new crystals lie within.
        """
        modes, count = self.modes(pooled), len(pooled)
        factors = torch.linspace(-WIDEST_BAND, WIDEST_BAND, MEMBERS)
        errors = []
        for factor in factors.tolist():
            found = self.values(modes.scaled(float(torch.tensor(factor).exp())), sequence, quantity, at)
            error = ((found - value.to(found)) / self.spread[quantity]).abs()
            errors.append(error.new_zeros(count).index_add_(0, sequence, error))
        best = factors[torch.stack(errors).argmin(0).cpu()].abs().sort().values
        rank = min(int((count + 1) * COVERAGE + 0.999999), count)
        self.band.fill_(float(best[rank - 1]))


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
