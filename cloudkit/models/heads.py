"""Heads: predictions from the states of the encoder.

Value heads work with standardized labels (zero mean and unit spread of the training labels); mean and spread are buffers, so they
are saved with the model. `restore` converts back to canonical units per mole of atoms.
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
    """Masked-token head: logits of all tokens at the masked positions, and the masking itself.

    Devlin (2018): of the selected tokens 80 % become [MASK], 10 % a random token, 10 % stay.

    Attributes
    ----------
    share : float
        Fraction of tokens that is selected.
    orbits : bool
        Whether all tokens of an orbit are selected together.
    ordinary : Tensor
        Ids of all tokens that are not special.

    Examples
    --------
    >>> head = MaskedTokens(width=8, size=20, share=0.15, mask_id=4, ordinary=range(5, 20))
    >>> head(torch.zeros(3, 8), torch.zeros(20, 8)).shape
    torch.Size([3, 20])
    """

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

    def mask(self, inputs: Inputs, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Mask tokens: return the new ids (tokens,) and the positions to predict (masked,), at least one; special tokens stay.

        draws (3, tokens), uniform in [0, 1): whether a token is selected, what happens to it, and which token replaces it. With
        `orbits` the first token of an orbit (or of merged orbits) decides for all of them.
        """
        ids, ordinary = inputs.ids.cpu(), self.ordinary.cpu()
        eligible = torch.isin(ids, ordinary).nonzero()[:, 0]
        draw = draws[0, eligible]
        if self.orbits:
            unit = inputs.units.cpu()
            units, of = unit[eligible].unique(return_inverse=True)
            first = torch.full((len(units),), len(of)).scatter_reduce(0, of, torch.arange(len(of)), "amin")
            draw = draw[first[of]]
        positions = eligible[draw <= max(self.share, float(draw.min()))]
        action, other = draws[1, positions], ordinary[(draws[2, positions] * len(ordinary)).long()]
        masked = ids.clone()
        masked[positions] = torch.where(
            action < 0.8, self.mask_id, torch.where(action < 0.9, other, ids[positions])
        )
        return masked.to(inputs.ids.device), positions.to(inputs.ids.device)

    def forward(self, states: Tensor, vectors: Tensor) -> Tensor:
        """Return logits (positions, vocabulary) of states (positions, width); vectors (vocabulary, width): embedding, if tied."""
        transformed = self.norm(self.activation(self.dense(states)))
        if self.scores is None:
            return functional.linear(transformed, vectors, self.bias)
        scores: Tensor = self.scores(transformed)
        return scores


class ValueHead(nn.Module):
    """Base class of heads that predict numbers: a linear map of the statistics plus an MLP of the pooled states.

    Attributes
    ----------
    outputs : tuple of str
        Names of the predicted quantities; arguments `quantity` are indices into it.
    statistics : int
        Number of statistics at the end of the pooled states.
    center, spread : Tensor
        (outputs,), mean and standard deviation of the transformed training labels.
    shift, stretch : Tensor
        (statistics,), mean and inverse standard deviation of the statistics of the training crystals.

    Examples
    --------
    >>> head = ValueHead(["band_gap"], pooled=8, statistics=2, hidden=4, numbers=1, dropout=0.0)
    >>> head.raw_outputs(torch.zeros(3, 10)).shape
    torch.Size([3, 1])
    """

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

    def raw_outputs(self, pooled: Tensor) -> Tensor:
        """Return the raw outputs (strings, numbers) for pooled (strings, states + statistics); statistics come last."""
        inputs = self._scaled_inputs(pooled)
        out: Tensor = self.body(inputs)
        return out if self.line is None else self.line(inputs[:, -self.statistics :]) + out

    def hidden(self, pooled: Tensor) -> Tensor:
        """Return the inputs of the last layer (strings, hidden)."""
        out: Tensor = self.body[:-1](self._scaled_inputs(pooled))
        return out

    def _scaled_inputs(self, pooled: Tensor) -> Tensor:
        """Standardize and clip the statistics."""
        if not self.statistics:
            return pooled
        states, statistics = pooled.split([pooled.shape[1] - self.statistics, self.statistics], dim=1)
        scaled = ((statistics - self.shift) * self.stretch).clamp(-MAX_STATISTIC, MAX_STATISTIC)
        return torch.cat([states, scaled], dim=1)

    def fit_inputs(self, statistics: Tensor) -> None:
        """Set mean and spread from the statistics (strings, statistics) of the training crystals."""
        if self.statistics:
            spread = statistics.std(dim=0, correction=0)
            self.shift.copy_(statistics.mean(dim=0))
            self.stretch.copy_(torch.where(spread > 1e-6, 1 / spread.clamp(min=1e-6), 0.0))

    def fit_scale(self, quantity: Tensor, value: Tensor) -> None:
        """Set `center` and `spread` from training labels; quantity int64 and value float64, both (observations,)."""
        for index in quantity.unique().tolist():
            self._fit_one(index, self.transform(value[quantity == index]))

    def _fit_one(self, index: int, labels: Tensor) -> None:
        spread, center = float(labels.std(correction=0)), float(labels.mean())
        self.center[index] = center
        # rounding leaves equal labels a spread
        self.spread[index] = spread if spread > 1e-12 * abs(center) else 1.0

    def transform(self, value: Tensor) -> Tensor:
        """Transform labels before they are standardized."""
        return value

    def invert(self, value: Tensor) -> Tensor:
        """Undo `transform`."""
        return value

    def standardize(self, value: Tensor, quantity: Tensor) -> Tensor:
        """Transform and standardize labels (observations,), float64 to float32."""
        center, spread = self.center.double()[quantity], self.spread.double()[quantity]
        return ((self.transform(value) - center) / spread).float()

    def restore(self, scaled: Tensor, quantity: Tensor) -> Tensor:
        """Convert standardized values back to canonical units, float64."""
        center, spread = self.center.double()[quantity], self.spread.double()[quantity]
        return self.invert(scaled.double() * spread + center)

    def errors(
        self, predicted: Tensor, value: Tensor, quantity: Tensor, measure: Callable[..., Tensor]
    ) -> Tensor:
        """Return the errors that the loss averages (observations,): `measure` of standardized predictions and labels."""
        return measure(predicted, self.standardize(value, quantity), reduction="none")

    def label_weights(self, value: Tensor) -> Tensor:
        """Return the weight of each label (observations,) in the loss."""
        return torch.ones_like(value)

    def forward(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, temperature: Tensor) -> Tensor:
        """Return standardized predictions (observations,).

        pooled (strings, width); sequence: index of the string; quantity: index of the output; temperature in K; all (observations,).
        """
        raise NotImplementedError


class IntervalHead(ValueHead):
    """A value head with prediction intervals; buffers `width_…` hold the parts of `Widths`, all 0 until they are fitted.

    Attributes
    ----------
    widths : Widths
        How wide the intervals are.

    Examples
    --------
    >>> head = IntervalHead(["band_gap"], pooled=8, statistics=0, hidden=4, numbers=1, dropout=0.0, widths=1)
    >>> head.widths.band.tolist()
    [[0.0, 0.0, 0.0]]
    """

    def __init__(
        self, outputs: Sequence[str], pooled: int, statistics: int, hidden: int, numbers: int, dropout: float, widths: int
    ) -> None:  # fmt: skip
        super().__init__(outputs, pooled, statistics, hidden, numbers, dropout)
        for name, part in Widths.empty(widths, hidden)._asdict().items():
            self.register_buffer(f"width_{name}", torch.tensor(part, dtype=torch.float32))

    @property
    def widths(self) -> Widths:
        """Widths of the intervals."""
        return Widths.from_arrays({name: part.cpu().numpy() for name, part in self.named_buffers()})

    @torch.no_grad()
    def set_widths(self, widths: Widths) -> None:
        """Store fitted widths."""
        for name, part in widths._asdict().items():
            self.get_buffer(f"width_{name}").copy_(torch.tensor(part))


class Regression(IntervalHead):
    """One number per output, with prediction intervals.

    Attributes
    ----------
    scale : {"none", "log", "sqrt"}
        Transform of the labels.

    Examples
    --------
    >>> head = Regression(["bulk_modulus"], pooled=8, statistics=0, hidden=4, transform="log")
    >>> head.restore(torch.zeros(1), torch.tensor([0])).tolist()
    [1.0]
    """

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

    def rescale(self, value: Tensor) -> Tensor:
        """Standardize predictions (n, outputs) in canonical units, float64; log and sqrt take negative values as 0."""
        return (self._scaled(value) - self.center.double()) / self.spread.double()

    def transform(self, value: Tensor) -> Tensor:
        """Apply none, log or sqrt. Raises DataError if log or sqrt get a label that is not above 0."""
        if self.scale != "none" and bool((value <= 0).any()):
            raise DataError(f"transform: {self.scale} needs labels above 0, found {float(value.min()):g}")
        return self._scaled(value)

    def _scaled(self, value: Tensor) -> Tensor:
        return {"none": value, "log": value.clamp(min=1e-300).log(), "sqrt": value.clamp(min=0).sqrt()}[
            self.scale
        ]

    def invert(self, value: Tensor) -> Tensor:
        """Undo `transform`; a negative square root counts as 0."""
        return {"none": value, "log": value.exp(), "sqrt": value.clamp(min=0).square()}[self.scale]

    def forward(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, temperature: Tensor) -> Tensor:
        """Return standardized predictions (observations,); the temperature is ignored."""
        return self.raw_outputs(pooled)[sequence, quantity]


HUBER_DELTA: Final = 1.0  # standard deviations; outliers should not dominate the loss


class Geometry(nn.Module):
    """Geometry head: orbit targets from the states of their elements, crystal targets from the pooled states.

    Attributes
    ----------
    of_orbits, of_crystals : list of str
        Targets, in the order of ORBIT_TARGETS and CRYSTAL_TARGETS.
    center, spread : Tensor
        (targets,), mean and standard deviation over the training structures, orbits first.

    Examples
    --------
    >>> head = Geometry(["log_nearest_distance", "log_volume_per_atom"], width=8, pooled=16, hidden=4)
    >>> [part.shape for part in head(torch.zeros(3, 8), torch.zeros(2, 16))]
    [torch.Size([3, 1]), torch.Size([2, 1])]
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
        """Set `center` and `spread` from labels of training structures: (elements, 6) and (crystals, 3), NaN if missing."""
        columns = [*self._orbit_columns(elements).unbind(1), *self._crystal_columns(crystals).unbind(1)]
        for index, column in enumerate(columns):
            labels = column[~column.isnan()]
            if len(labels):
                self.center[index] = labels.mean()
                self.spread[index] = labels.std(correction=0).clamp(min=1e-6)

    def forward(self, states: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Return standardized predictions (elements, orbit targets) and (strings, crystal targets)."""
        return self.orbit(states), self.crystal(pooled)

    def loss(self, predicted: tuple[Tensor, Tensor], elements: Tensor, crystals: Tensor) -> Tensor:
        """Return the mean Huber error over all labels that are not NaN; all targets have equal weight."""
        count = len(self.of_orbits)
        parts = [
            _errors(predicted[0], self._orbit_columns(elements), self.center[:count], self.spread[:count]),
            _errors(predicted[1], self._crystal_columns(crystals), self.center[count:], self.spread[count:]),
        ]
        return torch.cat(parts).mean()

    def _orbit_columns(self, elements: Tensor) -> Tensor:
        return elements[:, [ORBIT_TARGETS.index(name) for name in self.of_orbits]]

    def _crystal_columns(self, crystals: Tensor) -> Tensor:
        return crystals[:, [CRYSTAL_TARGETS.index(name) for name in self.of_crystals]]


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs))


def _errors(predicted: Tensor, labels: Tensor, center: Tensor, spread: Tensor) -> Tensor:
    """Return the mean error of each target (targets,), over the labels that are not NaN."""
    scaled = ((labels - center.double()) / spread.double()).to(predicted)
    labeled = ~scaled.isnan()
    error = functional.huber_loss(predicted, scaled.nan_to_num(), reduction="none", delta=HUBER_DELTA)
    return (error * labeled).sum(0) / labeled.sum(0).clamp(min=1)
