"""The training loop: AdamW, warmup and cosine, clipping, an average of the weights, one checkpoint per epoch.

Everything random in an epoch follows from (seed, epoch), so a checkpoint needs no generator states: an interrupted run
goes on after its last finished epoch and ends with the weights of an unbroken one.
"""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from cloudkit.data import epoch_batches
from cloudkit.errors import CloudkitError
from cloudkit.models import save_weights
from cloudkit.train.progress import Progress

Rows = NDArray[np.int64]
Loss = Callable[[nn.Module, Rows, int], tuple[Tensor, int]]  # (module, crystals, seed) -> mean loss, how many it is the mean of

VALIDATION_SEED: Final = 1  # the same tokens are hidden at every validation
AVERAGE: Final = {"pretrain": 0.998, "finetune": 0.99}  # decay of the average of the weights


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. average: decay of the running mean of the weights; keep_best: end with the epoch of least validation loss."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: float
    clip: float | None
    seed: int
    average: float
    keep_best: bool


@dataclass(slots=True)
class State:
    """What a checkpoint holds. epoch: epochs done; curves: one row each; best: least validation loss so far."""

    module: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int
    curves: list[dict[str, float]]
    best: float


def fit(
    fabric: Fabric, module: nn.Module, loss: Loss, train: Rows, valid: Rows, recipe: Recipe, folder: Path, progress: Progress
) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Train `module` on the crystals `train`; `valid` only measures. Returns averaged weights and learning curves.

    Leaves ``checkpoint.safetensors`` and ``best.safetensors`` in `folder`, and goes on from them if they are there.
    """
    state = _start(module, recipe)
    wrapped, optimizer = fabric.setup(state.module, state.optimizer)
    fabric.to_device(state.average)
    _resume(state, folder)
    steps = recipe.epochs * math.ceil(len(train) / recipe.batch)
    step = state.epoch * (steps // recipe.epochs)
    progress.start(folder.name.split("-")[0], steps, step)
    for epoch in range(state.epoch, recipe.epochs):
        torch.manual_seed(_seed(recipe.seed, epoch))
        wrapped.train()
        losses = []
        for rows in epoch_batches(train, recipe.batch, recipe.seed, epoch):
            _set_rate(optimizer, recipe, step, steps)
            value, _ = loss(wrapped, rows, _seed(recipe.seed, epoch, step))
            fabric.backward(value)
            if recipe.clip is not None:
                fabric.clip_gradients(wrapped, optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            _follow(state.average, state.module, min(recipe.average, step / (step + 10)))
            losses.append(value.detach())
            progress.advance(1, f"epoch {epoch + 1} of {recipe.epochs}")
        _finish_epoch(state, step, float(torch.stack(losses).mean()), _measure(state.average, loss, valid, recipe), recipe, folder)
    progress.stop()
    return _result(state, recipe, folder), state.curves


def _start(module: nn.Module, recipe: Recipe) -> State:
    """AdamW with weight decay on matrices only, and a frozen copy of the module for the average."""
    average = copy.deepcopy(module).requires_grad_(False)
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return State(module, average.eval(), torch.optim.AdamW(groups, lr=0.0), 0, [], math.inf)


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _set_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int, steps: int) -> None:
    """A line up over the share `warmup` of the steps, then a cosine down to 0."""
    rise = recipe.warmup * steps
    scale = (step + 1) / (rise + 1) if step < rise else 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * scale


@torch.no_grad()
def _follow(average: nn.Module, module: nn.Module, decay: float) -> None:
    for mean, now in zip(average.parameters(), module.parameters(), strict=True):
        mean.lerp_(now, 1 - decay)


@torch.no_grad()
def _measure(module: nn.Module, loss: Loss, rows: Rows, recipe: Recipe) -> float | None:
    """Mean loss over the validation crystals, None without any."""
    parts = [loss(module, rows[start : start + recipe.batch], VALIDATION_SEED) for start in range(0, len(rows), recipe.batch)]
    count = sum(number for _, number in parts)
    return sum(float(value) * number for value, number in parts) / count if count else None


def _finish_epoch(
    state: State, step: int, train_loss: float, valid_loss: float | None, recipe: Recipe, folder: Path
) -> None:
    """Record the epoch and save it; the best weights go first, so that a checkpoint never points to missing ones."""
    if not math.isfinite(train_loss) or not math.isfinite(valid_loss or 0.0):
        raise CloudkitError(f"training diverged in epoch {state.epoch + 1}: the loss is {train_loss}; lower learning_rate")
    state.epoch += 1
    row: dict[str, Any] = {"epoch": state.epoch, "step": step, "train_loss": train_loss, "valid_loss": valid_loss}
    state.curves.append(row)
    if recipe.keep_best and valid_loss is not None and valid_loss < state.best:
        state.best = valid_loss
        save_weights(state.average.state_dict(), folder / "best.safetensors")
    head = {"epoch": state.epoch, "best": state.best, "curves": state.curves}
    save_weights(_tensors(state), folder / "checkpoint.safetensors", {"state": json.dumps(head)})


def _tensors(state: State) -> dict[str, Tensor]:
    tensors = {f"module.{name}": tensor for name, tensor in state.module.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.state_dict().items()}
    moments = state.optimizer.state_dict()["state"]
    return tensors | {f"optimizer.{i}.{name}": tensor for i, one in moments.items() for name, tensor in one.items()}


def _resume(state: State, folder: Path) -> None:
    """Take over the checkpoint in `folder`, if there is one."""
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return
    with safe_open(path, "pt") as file:
        head = json.loads(file.metadata()["state"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    state.epoch, state.best, state.curves = head["epoch"], head["best"], head["curves"]
    for prefix, module in (("module.", state.module), ("average.", state.average)):
        module.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = tensor
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": moments})


def _result(state: State, recipe: Recipe, folder: Path) -> dict[str, Tensor]:
    best = folder / "best.safetensors"
    if not (recipe.keep_best and best.exists()):
        return state.average.state_dict()
    with safe_open(best, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
