"""Checkpoints of training: one safetensors file, replaced atomically, and the best weights so far."""

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
from cloudkit.train.devices import gather_full_state, shard_like

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"


@dataclass(slots=True)
class TrainState:
    """The state of training between two steps; all processes call each method.

    Sharded weights are gathered before they are written, so a checkpoint can be resumed with another strategy.

    Attributes
    ----------
    ema
        A frozen copy of the module with the exponential moving average of its weights.
    leads
        Whether this process writes.
    epoch, step, losses
        Epochs done; steps done in the current one, and their losses.
    curves
        One row per epoch.
    best
        Smallest validation loss so far.
    """

    module: nn.Module
    ema: nn.Module
    optimizer: torch.optim.Optimizer
    precision: Precision
    leads: bool
    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    best: float = math.inf

    def save(self, folder: Path) -> None:
        """Write the checkpoint atomically."""
        names = ("epoch", "step", "losses", "best", "curves")
        head = {name: getattr(self, name) for name in names} | {"precision": self.precision.state_dict()}
        tensors = gather_full_state(self._tensors(), self.leads)
        if self.leads:
            save_weights(tensors, folder / CHECKPOINT, {"state": json.dumps(head)})

    def save_best(self, folder: Path) -> None:
        """Write the EMA weights as the best so far; call it before `save`, so that every checkpoint has them."""
        tensors = gather_full_state(self.ema.state_dict(), self.leads)
        if self.leads:
            save_weights(tensors, folder / BEST)

    def resume(self, folder: Path) -> None:
        """Load the checkpoint in `folder`, if there is one."""
        if not (folder / CHECKPOINT).exists():
            return
        with safe_open(folder / CHECKPOINT, "pt") as file:
            head = json.loads(file.metadata()["state"])
        tensors = load_file(folder / CHECKPOINT)
        self.precision.load_state_dict(head.pop("precision"))
        for name, value in head.items():
            setattr(self, name, value)
        for prefix, module in (("module.", self.module), ("ema.", self.ema)):
            own = module.state_dict()
            kept = _with_prefix(prefix, tensors).items()
            module.load_state_dict({name: shard_like(tensor, own[name]) for name, tensor in kept})
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _with_prefix("optimizer.", tensors).items():
            index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = shard_like(tensor, weights[int(index)])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})

    def out_of_patience(self, patience: int | None) -> bool:
        """Whether the validation loss has not improved for `patience` epochs."""
        losses = [row["valid_loss"] for row in self.curves]
        if patience is None or not losses or None in losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    def weights(self, folder: Path) -> dict[str, Tensor]:
        """The EMA weights of the best epoch if one was saved, else of the last; empty in processes that do not lead."""
        last = gather_full_state(self.ema.state_dict(), self.leads)
        return load_file(folder / BEST) if self.leads and (folder / BEST).exists() else last

    def _tensors(self) -> dict[str, Tensor]:
        moments = self.optimizer.state_dict()["state"]
        parts = {"module": self.module.state_dict(), "ema": self.ema.state_dict()}
        parts["optimizer"] = {
            f"{index}.{name}": tensor for index, one in moments.items() for name, tensor in one.items()
        }
        return {f"{part}.{name}": tensor for part, some in parts.items() for name, tensor in some.items()}


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
