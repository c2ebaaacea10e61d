"""What training keeps on disk: one safetensors file, replaced in one step, and the best weights so far."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import Precision
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from cloudkit.models import save_weights
from cloudkit.train.sharding import divided, whole

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"


@dataclass(slots=True)
class State:
    """Training between two steps, as one of its processes has it; all of them call each method.

    Weights that are divided over devices are whole on disk, so that another strategy can go on from them. leads: whether
    this process writes. average: running mean of the module's weights. epoch: epochs done; step: steps done since; losses: theirs.
    curves: a row for each epoch. best: least validation loss so far.
    """

    module: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    precision: Precision
    leads: bool
    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    best: float = math.inf

    def save(self, folder: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        names = ("epoch", "step", "losses", "best", "curves")
        head = {name: getattr(self, name) for name in names} | {"precision": self.precision.state_dict()}
        tensors = whole(self._tensors(), self.leads)
        if self.leads:
            save_weights(tensors, folder / CHECKPOINT, {"state": json.dumps(head)})

    def save_best(self, folder: Path) -> None:
        """Write the averaged weights as the best so far; goes before `save`, so that no checkpoint lacks them."""
        tensors = whole(self.average.state_dict(), self.leads)
        if self.leads:
            save_weights(tensors, folder / BEST)

    def resume(self, folder: Path) -> None:
        """Take over the checkpoint in `folder`, if there is one."""
        if not (folder / CHECKPOINT).exists():
            return
        with safe_open(folder / CHECKPOINT, "pt") as file:
            head = json.loads(file.metadata()["state"])
        tensors = load_file(folder / CHECKPOINT)
        self.precision.load_state_dict(head.pop("precision"))
        for name, value in head.items():
            setattr(self, name, value)
        for part, module in (("module.", self.module), ("average.", self.average)):
            own = module.state_dict()
            kept = _under(part, tensors).items()
            module.load_state_dict({name: divided(tensor, own[name]) for name, tensor in kept})
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("optimizer.", tensors).items():
            index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = divided(tensor, weights[int(index)])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})

    def stalled(self, patience: int | None) -> bool:
        """Whether the validation loss has not fallen for so many epochs."""
        losses = [row["valid_loss"] for row in self.curves]
        if patience is None or not losses or None in losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    def weights(self, folder: Path) -> dict[str, Tensor]:
        """The averaged weights: of the best epoch if one was saved, else of the last. None for those who do not lead."""
        last = whole(self.average.state_dict(), self.leads)
        return load_file(folder / BEST) if self.leads and (folder / BEST).exists() else last

    def _tensors(self) -> dict[str, Tensor]:
        moments = self.optimizer.state_dict()["state"]
        parts = {"module": self.module.state_dict(), "average": self.average.state_dict()}
        parts["optimizer"] = {
            f"{i}.{name}": tensor for i, one in moments.items() for name, tensor in one.items()
        }
        return {f"{part}.{name}": tensor for part, some in parts.items() for name, tensor in some.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
