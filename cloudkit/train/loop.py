"""The training loop: AdamW, warmup and cosine, clipping, an average of the weights, one checkpoint per epoch.

Everything random in an epoch follows from (seed, epoch), so a checkpoint needs no generator states: an interrupted run
goes on after its last finished epoch and ends with the weights of an unbroken one.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.data import epoch_batches
from cloudkit.errors import CloudkitError
from cloudkit.train.checkpoint import State
from cloudkit.train.progress import Progress

Rows = NDArray[np.int64]
Loss = Callable[[nn.Module, Rows, int], tuple[Tensor, int]]  # (module, crystals, seed) -> mean, of how many

VALIDATION_SEED: Final = 1  # the same tokens are hidden at every validation


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    clip: largest norm of the gradient. average: decay of the running mean of the weights.
    keep_best: end with the epoch of least validation loss instead of the last.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: float
    clip: float | None
    seed: int
    average: float
    keep_best: bool


def fit(
    fabric: Fabric,
    module: nn.Module,
    loss: Loss,
    train: Rows,
    valid: Rows,
    recipe: Recipe,
    folder: Path,
    progress: Progress,
    label: str,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Train `module` on the crystals `train`; `valid` only measures. Returns averaged weights and learning curves.

    Keeps checkpoints in `folder`, and goes on from them if they are there. Raises CloudkitError if training diverges.
    """
    average = copy.deepcopy(module).requires_grad_(False).eval()
    wrapped, optimizer = fabric.setup(module, _optimizer(module, recipe))
    state = State(module, fabric.to_device(average), optimizer)
    state.resume(folder)
    per_epoch = math.ceil(len(train) / recipe.batch)
    progress.start(label, recipe.epochs * per_epoch, state.epoch * per_epoch)
    while state.epoch < recipe.epochs:
        train_loss = _epoch(fabric, wrapped, state, loss, train, recipe, progress)
        _finish_epoch(
            state, train_loss, _measure(state.average, loss, valid, recipe), per_epoch, recipe, folder
        )
    progress.stop()
    return state.weights(folder), state.curves


def _epoch(
    fabric: Fabric, wrapped: Any, state: State, loss: Loss, train: Rows, recipe: Recipe, progress: Progress
) -> float:
    """One pass over the training crystals; the mean of its losses."""
    torch.manual_seed(_seed(recipe.seed, state.epoch))
    wrapped.train()
    batches = epoch_batches(train, recipe.batch, recipe.seed, state.epoch)
    losses = []
    for number, rows in enumerate(batches):
        step = state.epoch * len(batches) + number
        rate = recipe.learning_rate * _schedule(step, recipe.epochs * len(batches), recipe.warmup)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        value, _ = loss(wrapped, rows, _seed(recipe.seed, step))
        fabric.backward(value)
        if recipe.clip is not None:
            fabric.clip_gradients(wrapped, state.optimizer, max_norm=recipe.clip, error_if_nonfinite=False)
        state.optimizer.step()
        state.optimizer.zero_grad()
        _follow(state.average, state.module, min(recipe.average, (step + 1) / (step + 10)))
        losses.append(value.detach())
        progress.advance(1, f"epoch {state.epoch + 1} of {recipe.epochs}")
    return float(torch.stack(losses).mean())


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only."""
    groups = [
        {"params": [p for p in module.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in module.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the learning rate: a line up over the share `warmup` of the steps, then a cosine down to 0."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))


@torch.no_grad()
def _follow(average: nn.Module, module: nn.Module, decay: float) -> None:
    for mean, now in zip(average.parameters(), module.parameters(), strict=True):
        mean.lerp_(now, 1 - decay)


@torch.no_grad()
def _measure(module: nn.Module, loss: Loss, rows: Rows, recipe: Recipe) -> float | None:
    """Mean loss over the validation crystals, None without any."""
    starts = range(0, len(rows), recipe.batch)
    parts = [loss(module, rows[start : start + recipe.batch], VALIDATION_SEED) for start in starts]
    count = sum(number for _, number in parts)
    return sum(float(value) * number for value, number in parts) / count if count else None


def _finish_epoch(
    state: State, train_loss: float, valid_loss: float | None, per_epoch: int, recipe: Recipe, folder: Path
) -> None:
    """Record the epoch and save it."""
    if not math.isfinite(train_loss) or not math.isfinite(valid_loss or 0.0):
        found = f"the loss is {train_loss}, on validation {valid_loss}"
        raise CloudkitError(f"training diverged in epoch {state.epoch + 1}: {found}; lower learning_rate")
    state.epoch += 1
    losses = {"train_loss": train_loss, "valid_loss": valid_loss}
    state.curves.append({"epoch": state.epoch, "step": state.epoch * per_epoch, **losses})
    if recipe.keep_best and valid_loss is not None and valid_loss < state.best:
        state.best = valid_loss
        state.save_best(folder)
    state.save(folder)
