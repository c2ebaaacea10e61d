"""The head that says, from the string alone, what the structure behind it looks like."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.data import CRYSTAL_TARGETS, ORBIT_TARGETS

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
