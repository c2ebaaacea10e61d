"""Heads: what a model predicts from the states of the encoder.

Heads of values work on a scale of their own (zero mean, unit spread of the training labels), kept in buffers so that a
saved model carries it; `restore` leads back to canonical units per mole of atoms.
"""

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.data import CRYSTAL_TARGETS, ORBIT_TARGETS
from cloudkit.errors import DataError
from cloudkit.models.inputs import Inputs
from cloudkit.models.runtime.heads import MAX_STATISTIC
from cloudkit.models.widths import Widths


class MaskedTokens(nn.Module):
    """Scores of all tokens at chosen places, and the recipe that hides them (Devlin 2018: 80 % mask, 10 % other, 10 % kept)."""

    def __init__(
        self,
        width: int,
        size: int,
        share: float,
        mask_id: int,
        ordinary: Sequence[int],
        orbits: bool = False,
        tied: bool = False,
        activation: Callable[[Tensor], Tensor] = functional.gelu,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.share, self.mask_id, self.orbits, self.activation = share, mask_id, orbits, activation
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, eps=eps)
        self.scores = None if tied else nn.Linear(width, size)
        self.bias = nn.Parameter(torch.zeros(size)) if tied else None
        self.register_buffer("ordinary", torch.tensor(ordinary), persistent=False)
        self.ordinary: Tensor

    def hide(self, inputs: Inputs, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Changed ids (tokens,) and the places (hidden,) to predict; special tokens stay, at least one place is hidden.

        draws (3, tokens), random in [0, 1), decide: whether a token is hidden, how, and which other one takes its place.
        With `orbits`, all tokens of an orbit (of its twins too, where the encoder merges them) are hidden together, by the
        draw of the first.
        """
        ids, ordinary = inputs.ids.cpu(), self.ordinary.cpu()
        eligible = torch.isin(ids, ordinary).nonzero()[:, 0]
        draw = draws[0, eligible]
        if self.orbits:
            unit = inputs.units.cpu()
            units, of = unit[eligible].unique(return_inverse=True)
            first = torch.full((len(units),), len(of)).scatter_reduce(0, of, torch.arange(len(of)), "amin")
            draw = draw[first[of]]
        places = eligible[draw <= max(self.share, float(draw.min()))]
        fate, other = draws[1, places], ordinary[(draws[2, places] * len(ordinary)).long()]
        changed = ids.clone()
        changed[places] = torch.where(fate < 0.8, self.mask_id, torch.where(fate < 0.9, other, ids[places]))
        return changed.to(inputs.ids.device), places.to(inputs.ids.device)

    def forward(self, states: Tensor, vectors: Tensor) -> Tensor:
        """Scores (places, vocabulary) from states (places, width); vectors (vocabulary, width): the embedding's, if tied."""
        found = self.norm(self.activation(self.dense(states)))
        if self.scores is None:
            return functional.linear(found, vectors, self.bias)
        scores: Tensor = self.scores(found)
        return scores


class ValueHead(nn.Module):
    """Base of heads that predict numbers: `outputs` names them, index into it is what `quantity` means everywhere."""

    center: Tensor
    spread: Tensor
    shift: Tensor
    stretch: Tensor

    def __init__(
        self, outputs: Sequence[str], pooled: int, statistics: int, hidden: int, numbers: int, dropout: float
    ) -> None:
        super().__init__()
        self.outputs, self.statistics = tuple(outputs), statistics
        self.body = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(pooled + statistics, hidden), nn.SiLU(), nn.Linear(hidden, numbers)
        )
        self.line = nn.Linear(statistics, numbers, bias=False) if statistics else None
        last = self.body[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)
        if self.line is not None:
            nn.init.zeros_(self.line.weight)
        self.register_buffer("center", torch.zeros(len(outputs)))
        self.register_buffer("spread", torch.ones(len(outputs)))
        self.register_buffer("shift", torch.zeros(statistics))
        self.register_buffer("stretch", torch.ones(statistics))

    def numbers(self, pooled: Tensor) -> Tensor:
        """What the network says of each string (strings, numbers): a straight line of the statistics and a small network.

        pooled (strings, states and statistics): the statistics come last.
        """
        both = self._scaled_inputs(pooled)
        found: Tensor = self.body(both)
        return found if self.line is None else self.line(both[:, -self.statistics :]) + found

    def hidden(self, pooled: Tensor) -> Tensor:
        """What the last layer reads of each string (strings, hidden)."""
        found: Tensor = self.body[:-1](self._scaled_inputs(pooled))
        return found

    def _scaled_inputs(self, pooled: Tensor) -> Tensor:
        """The same with statistics on the scale of the training crystals."""
        if not self.statistics:
            return pooled
        states, statistics = pooled.split([pooled.shape[1] - self.statistics, self.statistics], dim=1)
        known = ((statistics - self.shift) * self.stretch).clamp(-MAX_STATISTIC, MAX_STATISTIC)
        return torch.cat([states, known], dim=1)

    def fit_inputs(self, statistics: Tensor) -> None:
        """Take mean and spread of the statistics (strings, statistics) from the training crystals."""
        if self.statistics:
            spread = statistics.std(dim=0, correction=0)
            self.shift.copy_(statistics.mean(dim=0))
            self.stretch.copy_(torch.where(spread > 1e-6, 1 / spread.clamp(min=1e-6), 0.0))

    def fit_scale(self, quantity: Tensor, value: Tensor) -> None:
        """Take the scale from training labels; quantity int64 and value float64, both (observations,)."""
        for index in quantity.unique().tolist():
            self._fit_one(index, self.transform(value[quantity == index]))

    def _fit_one(self, index: int, labels: Tensor) -> None:
        spread, center = float(labels.std(correction=0)), float(labels.mean())
        self.center[index] = center
        self.spread[index] = (
            spread if spread > 1e-12 * abs(center) else 1.0
        )  # rounding leaves equal labels a spread

    def transform(self, value: Tensor) -> Tensor:
        """The scale on which labels are learned, before centering."""
        return value

    def invert(self, value: Tensor) -> Tensor:
        """Undo `transform`."""
        return value

    def standardize(self, value: Tensor, quantity: Tensor) -> Tensor:
        """Labels (observations,) float64 to the head's scale, float32."""
        center, spread = self.center.double()[quantity], self.spread.double()[quantity]
        return ((self.transform(value) - center) / spread).float()

    def restore(self, scaled: Tensor, quantity: Tensor) -> Tensor:
        """From the head's scale to canonical units, float64."""
        center, spread = self.center.double()[quantity], self.spread.double()[quantity]
        return self.invert(scaled.double() * spread + center)

    def errors(
        self, predicted: Tensor, value: Tensor, quantity: Tensor, measure: Callable[..., Tensor]
    ) -> Tensor:
        """What the loss adds up (observations,): `measure` between predictions on the head's scale and labels."""
        return measure(predicted, self.standardize(value, quantity), reduction="none")

    def label_weights(self, value: Tensor) -> Tensor:
        """How much each label (observations,) counts in the loss by its value."""
        return torch.ones_like(value)

    def forward(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, temperature: Tensor) -> Tensor:
        """Predictions (observations,) on the head's scale.

        pooled (strings, width); sequence: which string; quantity: which output; temperature in K; all (observations,).
        """
        raise NotImplementedError


class BandedHead(ValueHead):
    """A head whose values have intervals; `outputs_with_width`: how many numbers have a width of their own.

    Buffers `width_…`: the parts of `Widths`, all 0 until they are fitted.
    """

    def __init__(
        self, outputs: Sequence[str], pooled: int, statistics: int, hidden: int, numbers: int, dropout: float, widths: int
    ) -> None:  # fmt: skip
        super().__init__(outputs, pooled, statistics, hidden, numbers, dropout)
        for name, part in Widths.empty(widths, hidden)._asdict().items():
            self.register_buffer(f"width_{name}", torch.tensor(part, dtype=torch.float32))

    @property
    def widths(self) -> Widths:
        """How wide intervals are."""
        return Widths.of({name: part.cpu().numpy() for name, part in self.named_buffers()})

    @torch.no_grad()
    def set_widths(self, widths: Widths) -> None:
        """Keep fitted widths."""
        for name, part in widths._asdict().items():
            self.get_buffer(f"width_{name}").copy_(torch.tensor(part))


class Regression(BandedHead):
    """One number per output, with intervals; `transform`: learn the label, its logarithm or its square root."""

    def __init__(
        self,
        outputs: Sequence[str],
        pooled: int,
        statistics: int,
        hidden: int,
        transform: str,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(outputs, pooled, statistics, hidden, len(outputs), dropout, len(outputs))
        self.scale = transform

    def rescale(self, found: Tensor) -> Tensor:
        """Predictions (n, outputs) in canonical units on the scale of the head, float64; a log or root of what has none is that of 0."""
        return (self._scaled(found) - self.center.double()) / self.spread.double()

    def transform(self, value: Tensor) -> Tensor:
        """As the spec says: none, log or sqrt; log and sqrt need labels above 0."""
        if self.scale != "none" and bool((value <= 0).any()):
            raise DataError(f"transform: {self.scale} needs labels above 0, found {float(value.min()):g}")
        return self._scaled(value)

    def _scaled(self, value: Tensor) -> Tensor:
        return {"none": value, "log": value.clamp(min=1e-300).log(), "sqrt": value.clamp(min=0).sqrt()}[
            self.scale
        ]

    def invert(self, value: Tensor) -> Tensor:
        """Undo `transform`; a root below 0 counts as 0."""
        return {"none": value, "log": value.exp(), "sqrt": value.clamp(min=0).square()}[self.scale]

    def forward(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, temperature: Tensor) -> Tensor:
        """Predictions (observations,); the temperature plays no part."""
        return self.numbers(pooled)[sequence, quantity]


HEAVY: Final = 1.0  # spreads beyond which an error counts linearly: odd structures shall not rule


class Geometry(nn.Module):
    """Targets of orbits from the states of their elements, targets of crystals from the pooled states.

    Works on a scale of its own: mean 0 and spread 1 of the training structures, in the buffers `center` and `spread`,
    both (targets,), in the order of ORBIT_TARGETS and CRYSTAL_TARGETS as far as they are learned.
    """

    center: Tensor
    spread: Tensor

    def __init__(self, targets: Sequence[str], width: int, pooled: int, hidden: int) -> None:
        super().__init__()
        self.of_orbits = [name for name in ORBIT_TARGETS if name in targets]
        self.of_crystals = [name for name in CRYSTAL_TARGETS if name in targets]
        self.orbit = _network(width, hidden, len(self.of_orbits))
        self.crystal = _network(pooled, hidden, len(self.of_crystals))
        self.register_buffer("center", torch.zeros(len(targets)))
        self.register_buffer("spread", torch.ones(len(targets)))

    def fit_scale(self, elements: Tensor, crystals: Tensor) -> None:
        """Take the scale from labels of training structures: (elements, 6) and (crystals, 3), NaN where not known."""
        columns = [*self._orbit_columns(elements).unbind(1), *self._crystal_columns(crystals).unbind(1)]
        for index, column in enumerate(columns):
            known = column[~column.isnan()]
            if len(known):
                self.center[index] = known.mean()
                self.spread[index] = known.std(correction=0).clamp(min=1e-6)

    def forward(self, states: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled predictions (elements, orbit targets) and (strings, crystal targets)."""
        return self.orbit(states), self.crystal(pooled)

    def loss(self, found: tuple[Tensor, Tensor], elements: Tensor, crystals: Tensor) -> Tensor:
        """Mean Huber error over all labels that are known; every target weighs alike."""
        count = len(self.of_orbits)
        parts = [
            _errors(found[0], self._orbit_columns(elements), self.center[:count], self.spread[:count]),
            _errors(found[1], self._crystal_columns(crystals), self.center[count:], self.spread[count:]),
        ]
        return torch.cat(parts).mean()

    def _orbit_columns(self, elements: Tensor) -> Tensor:
        return elements[:, [ORBIT_TARGETS.index(name) for name in self.of_orbits]]

    def _crystal_columns(self, crystals: Tensor) -> Tensor:
        return crystals[:, [CRYSTAL_TARGETS.index(name) for name in self.of_crystals]]


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs))


def _errors(found: Tensor, wanted: Tensor, center: Tensor, spread: Tensor) -> Tensor:
    """Mean error of each target (targets,), over the rows where it is known."""
    scaled = ((wanted - center.double()) / spread.double()).to(found)
    known = ~scaled.isnan()
    error = functional.huber_loss(found, scaled.nan_to_num(), reduction="none", delta=HEAVY)
    return (error * known).sum(0) / known.sum(0).clamp(min=1)
