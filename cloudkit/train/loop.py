"""The training loop: AdamW, warmup and cosine, clipping, an average of the weights, checkpoints by the clock.

Everything random in a step follows from (seed, step), so a checkpoint needs no generator states: an interrupted run goes on
after its last checkpoint and ends with the weights of an unbroken one. Several processes take `batch` crystals each of every
step and weight what they find by its count, so that they follow the curve of one process with so much larger a batch (but for
dropout, which each draws for itself).
"""

import math
import time
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
from cloudkit.models import layer_groups
from cloudkit.train.checkpoint import State
from cloudkit.train.memory import explained
from cloudkit.train.precision import restart, scales
from cloudkit.train.progress import Progress
from cloudkit.train.sharding import still_twin

Rows = NDArray[np.int64]
Loss = Callable[
    [nn.Module, Rows, int], tuple[Tensor, float]
]  # (module, crystals, seed) -> mean, of how many (or of what weight)

VALIDATION_SEED: Final = 1  # the same tokens are hidden at every validation


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    batch: crystals per step and process. max_grad_norm: the gradient is clipped to it. ema_decay: of the moving average of the weights.
    keep_best: end with the epoch of least validation loss instead of the last. bucket_batches: batches drawn together and sorted by
    length among themselves. checkpoint: seconds between two checkpoints within an epoch. freeze: how many of
    `layer_groups` stay as they are; -1: all but the heads. layer_decay: factor of the rate from one part to the one below.
    patience: epochs without a better validation loss after which training ends.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup: float
    max_grad_norm: float | None
    seed: int
    ema_decay: float
    keep_best: bool
    bucket_batches: int = 1
    checkpoint: float = 300.0
    freeze: int = 0
    layer_decay: float = 1.0
    patience: int | None = None


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
    lengths: Rows | None = None,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Train `module` on the crystals `train`; `valid` only measures. Returns averaged weights and learning curves.

    Keeps checkpoints in `folder`, and goes on from them if they are there. lengths (crystals,): tokens of each string, for
    `recipe.bucket_batches`. Of several processes only the leader writes and returns weights.
    Raises CloudkitError if training diverges, OutOfMemory with the checkpoint kept.
    """
    average = still_twin(fabric, module)
    _freeze(module, recipe)
    wrapped = fabric.setup_module(module)
    optimizer = fabric.setup_optimizers(_optimizer(module, recipe, fabric))
    restart(fabric.strategy.precision)
    state = State(module, average, optimizer, fabric.strategy.precision, fabric.is_global_zero)
    state.resume(folder)
    run = _Run(fabric, wrapped, state, loss, train, lengths, recipe, folder, progress)
    progress.start(label, recipe.epochs * run.per_epoch, state.epoch * run.per_epoch + state.step)
    while state.epoch < recipe.epochs and not state.stalled(recipe.patience):
        run.epoch()
        _finish_epoch(run, _measure(run, valid))
    progress.stop()
    fabric.barrier()  # what the leader has written is there
    return state.weights(folder), state.curves


@dataclass(slots=True)
class _Run:
    """What the steps of one training share."""

    fabric: Fabric
    wrapped: Any
    state: State
    loss: Loss
    train: Rows
    lengths: Rows | None
    recipe: Recipe
    folder: Path
    progress: Progress

    @property
    def per_epoch(self) -> int:
        """Steps of one epoch."""
        return math.ceil(len(self.train) / (self.recipe.batch * self.fabric.world_size))

    def epoch(self) -> None:
        """The steps of an epoch that are not done yet."""
        state, recipe, world = self.state, self.recipe, self.fabric.world_size
        batches = epoch_batches(self.train, recipe.batch * world, recipe.seed, state.epoch, self.lengths, recipe.bucket_batches)  # fmt: skip
        self.wrapped.train()
        saved = time.monotonic()
        for rows in batches[state.step :]:
            due = self.fabric.is_global_zero and time.monotonic() - saved >= recipe.checkpoint
            with explained(f"epoch {state.epoch + 1}, step {state.step + 1}", len(rows) // world):
                loss, due = self.step(rows, due)
            state.losses.append(loss)
            state.step += 1
            self.progress.advance(1, f"epoch {state.epoch + 1} of {recipe.epochs}")
            if due:
                self.state.save(self.folder)
                saved = time.monotonic()

    def step(self, rows: Rows, due: bool) -> tuple[float, bool]:
        """One step on the crystals `rows`, of which this process takes its part.

        Returns the loss of all of them, and whether a checkpoint is due at any process (the leader has the clock).
        """
        fabric, state, recipe = self.fabric, self.state, self.recipe
        number = state.epoch * self.per_epoch + state.step
        rate = recipe.learning_rate * _schedule(number, recipe.epochs * self.per_epoch, recipe.warmup)
        for group in state.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        torch.manual_seed(_seed(recipe.seed, number, fabric.global_rank))
        value, count = self.loss(self.wrapped, _part(fabric, rows), _seed(recipe.seed, number))
        share, mean, due = _weigh(fabric, value, count, due)
        fabric.backward(value * share)
        if recipe.max_grad_norm is not None:
            fabric.clip_gradients(
                self.wrapped, state.optimizer, max_norm=recipe.max_grad_norm, error_if_nonfinite=False
            )
        state.optimizer.step()
        state.optimizer.zero_grad()
        _follow(state.average, state.module, min(recipe.ema_decay, (number + 1) / (number + 10)))
        return mean, due


def _part(fabric: Fabric, rows: Rows) -> Rows:
    """The rows of this process; all of them where there are fewer rows than processes, so that none has nothing."""
    return rows[fabric.global_rank :: fabric.world_size] if len(rows) >= fabric.world_size else rows


def _weigh(fabric: Fabric, value: Tensor, count: float, due: bool) -> tuple[float, float, bool]:
    """What to multiply a loss by so that the mean over processes is that over all that they count; that mean; is any due?"""
    if fabric.world_size == 1:
        return 1.0, float(value.detach()), due
    total, number, asked = _sums(fabric, float(value.detach()) * count, count, float(due))
    return count * fabric.world_size / number, total / number, asked > 0


def _sums(fabric: Fabric, *numbers: float) -> list[float]:
    """Numbers added up over all processes, in one exchange."""
    if fabric.world_size == 1:
        return list(numbers)
    own = torch.tensor(numbers, dtype=torch.float64, device=fabric.device)
    return list(fabric.all_reduce(own, reduce_op="sum").tolist())


def _freeze(module: nn.Module, recipe: Recipe) -> None:
    for part in layer_groups(module)[: recipe.freeze]:
        for parameter in part:
            parameter.requires_grad_(False)


def _optimizer(module: nn.Module, recipe: Recipe, fabric: Fabric) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only; `share` of the learning rate by how deep a weight lies."""
    parts = layer_groups(module)
    groups: list[dict[str, Any]] = []
    for above, part in enumerate(reversed(parts[recipe.freeze :])):
        share = recipe.layer_decay ** max(above - 2, 0)  # heads, last norm and topmost layer: all of it
        for matrices, decay in ((True, recipe.weight_decay), (False, 0.0)):
            chosen = [parameter for parameter in part if (parameter.ndim > 1) == matrices]
            groups.append({"params": chosen, "weight_decay": decay, "share": share})
    groups = [group for group in groups if group["params"]]
    fused = fabric.device.type == "cpu" and not scales(
        fabric.strategy.precision
    )  # a fused step cannot be clipped in between
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=fused or None)


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
    means, now = list(average.parameters()), list(module.parameters())
    torch._foreach_lerp_(means, now, 1 - decay)


@torch.no_grad()
def _measure(run: _Run, rows: Rows) -> float | None:
    """Mean loss over the validation crystals, None without any.

    Processes take turns at batches, each as many, since those that share weights pass through them together: a last one
    that is left without repeats the first, and does not count it.
    """
    fabric, size, total, count = run.fabric, run.recipe.batch, 0.0, 0.0
    starts = range(0, len(rows), size)
    for first in range(0, len(starts), fabric.world_size):
        turn = first + fabric.global_rank
        start = starts[turn % len(starts)]
        value, number = run.loss(run.state.average, rows[start : start + size], VALIDATION_SEED)
        if turn < len(starts):
            total, count = total + float(value) * number, count + number
    total, counted = _sums(fabric, total, count)
    return total / counted if counted else None


def _finish_epoch(run: _Run, valid_loss: float | None) -> None:
    """Record the epoch and save it."""
    state, recipe = run.state, run.recipe
    train_loss = sum(state.losses) / len(state.losses)
    if not math.isfinite(train_loss) or not math.isfinite(valid_loss or 0.0):
        found = f"the loss is {train_loss}, on validation {valid_loss}"
        raise CloudkitError(f"training diverged in epoch {state.epoch + 1}: {found}; lower learning_rate")
    state.epoch, state.step, state.losses = state.epoch + 1, 0, []
    losses = {"train_loss": train_loss, "valid_loss": valid_loss}
    state.curves.append({"epoch": state.epoch, "step": state.epoch * run.per_epoch, **losses})
    if recipe.keep_best and valid_loss is not None and valid_loss < state.best:
        state.best = valid_loss
        state.save_best(run.folder)
    state.save(run.folder)
