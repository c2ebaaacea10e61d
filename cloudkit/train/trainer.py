"""The training loop: AdamW, warmup and cosine decay, gradient clipping, EMA of the weights, timed checkpoints.

All random numbers of a step are derived from (seed, step), so checkpoints hold no generator states, and a resumed run ends with
the weights of an uninterrupted one. With n processes, each takes `batch` crystals per step, and losses are weighted by their number
of terms, so that training equals that of one process with n times the batch (except for dropout, which differs per process).
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import Precision
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from cloudkit.data import epoch_batches
from cloudkit.errors import CloudkitError
from cloudkit.models import layer_groups, save_weights
from cloudkit.train.devices import (
    ema_copy,
    gather_full_state,
    reset_scaler,
    scales_loss,
    shard_like,
    update_ema,
)

Rows = NDArray[np.int64]
# (module, crystals, seed) -> mean loss, and its number of terms, the weight in means over batches
Loss = Callable[[nn.Module, Rows, int], tuple[Tensor, float]]

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
VALIDATION_SEED: Final = 1  # the same tokens are masked at every validation
ALLOCATOR_MESSAGES: Final = ("out of memory", "can't allocate memory", "not enough memory")


class Progress(Protocol):
    """Progress protocol: how training reports progress; the command line shows it as a bar.

    Examples
    --------
    >>> class Printed:
    ...     def start(self, label, total, done=0):
    ...         print(label, total)
    ...     def advance(self, steps=1, note=""): ...
    ...     def stop(self): ...
    >>> progress: Progress = Printed()
    >>> progress.start("finetune thermal", 500)
    finetune thermal 500
    """

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Begin a stage of `total` steps, `done` of them finished before an interruption."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Report `steps` more; `note` is a short status such as ``epoch 3, valid 0.12``."""

    def stop(self) -> None:
        """End the stage."""


class Silent:
    """A Progress that shows nothing."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Do nothing."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class OutOfMemory(CloudkitError):
    """The device ran out of memory; the checkpoint is kept, so that a run with more memory can resume."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Training settings.

    Attributes
    ----------
    batch
        Crystals per step and process.
    warmup
        Fraction of the steps with linearly increasing learning rate.
    max_grad_norm
        Norm to which gradients are clipped.
    ema_decay
        Decay per step of the moving average of the weights.
    keep_best
        Return the weights of the epoch with the lowest validation loss instead of the last.
    bucket_batches
        Batches that are drawn together and sorted by length.
    checkpoint
        Seconds between two checkpoints within an epoch.
    freeze
        Number of `layer_groups` that are frozen, from the embedding upward; -1: all but the heads.
    layer_decay
        Factor of the learning rate from one layer group to the one below.
    patience
        Epochs without improvement of the validation loss after which training stops.
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


@dataclass(slots=True)
class TrainState:
    """The state of training between two steps; all processes call each method.

    Sharded weights are gathered before they are written, so a checkpoint can be resumed with another strategy.

    Attributes
    ----------
    ema
        A frozen copy (the EMA weights).
    leads
        Whether this process writes.
    epoch, step, losses
        Finished epochs; finished steps of the current epoch, and their losses.
    curves
        One row per epoch.
    best
        Lowest validation loss so far.
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
        """Write the EMA weights as the best so far; call it before `save`, so that all checkpoints have them."""
        tensors = gather_full_state(self.ema.state_dict(), self.leads)
        if self.leads:
            save_weights(tensors, folder / BEST)

    def resume(self, folder: Path) -> None:
        """Load the checkpoint in `folder`, if there is one."""
        if not (folder / CHECKPOINT).exists():
            return
        head = _read_head(folder)
        tensors = load_file(folder / CHECKPOINT)
        self.precision.load_state_dict(head.pop("precision"))
        for name, value in head.items():
            setattr(self, name, value)
        for prefix, module in (("module.", self.module), ("ema.", self.ema)):
            like = module.state_dict()
            saved = _with_prefix(prefix, tensors).items()
            module.load_state_dict({name: shard_like(tensor, like[name]) for name, tensor in saved})
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _with_prefix("optimizer.", tensors).items():
            index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = shard_like(tensor, weights[int(index)])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})

    def out_of_patience(self, patience: int | None) -> bool:
        """Return whether the validation loss has not improved for `patience` epochs."""
        losses = [row["valid_loss"] for row in self.curves]
        if patience is None or not losses or None in losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= patience

    def weights(self, folder: Path) -> dict[str, Tensor]:
        """Return the EMA weights of the best epoch if one was saved, else of the last; {} except on rank 0."""
        last = gather_full_state(self.ema.state_dict(), self.leads)
        return load_file(folder / BEST) if self.leads and (folder / BEST).exists() else last

    def _tensors(self) -> dict[str, Tensor]:
        moments = self.optimizer.state_dict()["state"]
        parts = {"module": self.module.state_dict(), "ema": self.ema.state_dict()}
        parts["optimizer"] = {
            f"{index}.{name}": tensor for index, state in moments.items() for name, tensor in state.items()
        }
        return {f"{part}.{name}": tensor for part, state in parts.items() for name, tensor in state.items()}


def _read_head(folder: Path) -> dict[str, Any]:
    """Read the header of a checkpoint."""
    with safe_open(folder / CHECKPOINT, "pt") as file:
        head: dict[str, Any] = json.loads(file.metadata()["state"])
    return head


def describe_checkpoint(folder: Path) -> str:
    """Describe where the checkpoint in a folder resumes."""
    head = _read_head(folder)
    return f"epoch {head['epoch'] + 1}" + (f", step {head['step'] + 1}" if head["step"] else "")


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def fit(
    fabric: Fabric,
    module: nn.Module,
    loss: Loss,
    train: Rows,
    valid: Rows,
    config: TrainConfig,
    folder: Path,
    progress: Progress,
    label: str,
    lengths: Rows | None = None,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Train a module and return its EMA weights and its learning curve, one row per epoch.

    Parameters
    ----------
    train, valid
        Indices of the training and validation crystals.
    folder
        Folder of the checkpoints, from which training resumes.
    lengths
        Tokens of each string, (crystals,), for `config.bucket_batches`.

    Raises
    ------
    CloudkitError
        If the loss becomes infinite or NaN.
    OutOfMemory
        With the checkpoint kept.

    Notes
    -----
    Only rank 0 writes and returns weights. torch's global generator is restored at the end.
    """
    devices = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        ema = ema_copy(fabric, module)
        _freeze(module, config)
        wrapped = fabric.setup_module(module)
        optimizer = fabric.setup_optimizers(_make_optimizer(module, config, fabric))
        reset_scaler(fabric.strategy.precision)
        state = TrainState(module, ema, optimizer, fabric.strategy.precision, fabric.is_global_zero)
        state.resume(folder)
        loop = _Loop(fabric, wrapped, state, loss, train, lengths, config, folder, progress)
        per_epoch = loop.steps_per_epoch
        progress.start(label, config.epochs * per_epoch, state.epoch * per_epoch + state.step)
        while state.epoch < config.epochs and not state.out_of_patience(config.patience):
            loop.run_epoch()
            _finish_epoch(loop, _validate(loop, valid))
        progress.stop()
        fabric.barrier()  # rank 0 has written everything
        return state.weights(folder), state.curves


@dataclass(slots=True)
class _Loop:
    """Variables shared by the steps of one training run."""

    fabric: Fabric
    wrapped: Any
    state: TrainState
    loss: Loss
    train: Rows
    lengths: Rows | None
    config: TrainConfig
    folder: Path
    progress: Progress

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps of one epoch."""
        return math.ceil(len(self.train) / (self.config.batch * self.fabric.world_size))

    def run_epoch(self) -> None:
        """Run the remaining steps of the current epoch."""
        state, config, world = self.state, self.config, self.fabric.world_size
        batches = epoch_batches(
            self.train, config.batch * world, config.seed, state.epoch, self.lengths, config.bucket_batches
        )
        self.wrapped.train()
        saved = time.monotonic()
        for rows in batches[state.step :]:
            due = self.fabric.is_global_zero and time.monotonic() - saved >= config.checkpoint
            with translate_out_of_memory(
                f"epoch {state.epoch + 1}, step {state.step + 1}", len(rows) // world
            ):
                loss, due = self.run_step(rows, due)
            state.losses.append(loss)
            state.step += 1
            self.progress.advance(1, f"epoch {state.epoch + 1} of {config.epochs}")
            if due:
                self.state.save(self.folder)
                saved = time.monotonic()

    def run_step(self, rows: Rows, due: bool) -> tuple[float, bool]:
        """Run one optimizer step on this process's share of the crystals `rows`.

        Returns the loss over all of them, and whether a checkpoint is due (only rank 0 looks at the clock).
        """
        fabric, state, config = self.fabric, self.state, self.config
        number = state.epoch * self.steps_per_epoch + state.step
        rate = config.learning_rate * _lr_factor(number, config.epochs * self.steps_per_epoch, config.warmup)
        for group in state.optimizer.param_groups:
            group["lr"] = rate * group["lr_scale"]
        torch.manual_seed(_derive_seed(config.seed, number, fabric.global_rank))
        value, count = self.loss(self.wrapped, _shard_rows(fabric, rows), _derive_seed(config.seed, number))
        weight, mean, due = _weight_loss(fabric, value, count, due)
        fabric.backward(value * weight)
        if config.max_grad_norm is not None:
            fabric.clip_gradients(
                self.wrapped, state.optimizer, max_norm=config.max_grad_norm, error_if_nonfinite=False
            )
        state.optimizer.step()
        state.optimizer.zero_grad()
        update_ema(state.ema, state.module, min(config.ema_decay, (number + 1) / (number + 10)))
        return mean, due


def _shard_rows(fabric: Fabric, rows: Rows) -> Rows:
    """Return the rows of this process, or all rows if there are fewer than processes, so that no batch is empty."""
    return rows[fabric.global_rank :: fabric.world_size] if len(rows) >= fabric.world_size else rows


def _weight_loss(fabric: Fabric, value: Tensor, count: float, due: bool) -> tuple[float, float, bool]:
    """Return the loss weight that makes the mean over processes a mean over all terms, that mean, and whether any is due."""
    if fabric.world_size == 1:
        return 1.0, float(value.detach()), due
    total, number, any_due = _sum_over_processes(fabric, float(value.detach()) * count, count, float(due))
    return count * fabric.world_size / number, total / number, any_due > 0


def _sum_over_processes(fabric: Fabric, *numbers: float) -> list[float]:
    """Sum each number over all processes, in one all-reduce."""
    if fabric.world_size == 1:
        return list(numbers)
    local = torch.tensor(numbers, dtype=torch.float64, device=fabric.device)
    return list(fabric.all_reduce(local, reduce_op="sum").tolist())


def _freeze(module: nn.Module, config: TrainConfig) -> None:
    for group in layer_groups(module)[: config.freeze]:
        for parameter in group:
            parameter.requires_grad_(False)


def _make_optimizer(module: nn.Module, config: TrainConfig, fabric: Fabric) -> torch.optim.AdamW:
    """Make an AdamW with weight decay on matrices only; `lr_scale` of a group depends on its depth."""
    parts = layer_groups(module)
    groups: list[dict[str, Any]] = []
    for above, part in enumerate(reversed(parts[config.freeze :])):
        scale = config.layer_decay ** max(above - 2, 0)  # heads, last norm and topmost layer: the full rate
        for matrices, decay in ((True, config.weight_decay), (False, 0.0)):
            chosen = [parameter for parameter in part if (parameter.ndim > 1) == matrices]
            groups.append({"params": chosen, "weight_decay": decay, "lr_scale": scale})
    groups = [group for group in groups if group["params"]]
    # a fused step of scaled gradients cannot be clipped
    fused = fabric.device.type == "cpu" and not scales_loss(fabric.strategy.precision)
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=fused or None)


def _derive_seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _lr_factor(step: int, steps: int, warmup: float) -> float:
    """Return the learning rate factor: linear warmup over a fraction of the steps, then cosine decay to 0."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))


@torch.no_grad()
def _validate(loop: _Loop, rows: Rows) -> float | None:
    """Return the mean loss over the validation crystals with the EMA weights; None if there are none.

    Batches are distributed round-robin. All processes run the same number of passes, since gathering sharded weights is collective:
    a process without a batch in the last round repeats the first one, uncounted.
    """
    fabric, size, total, count = loop.fabric, loop.config.batch, 0.0, 0.0
    starts = range(0, len(rows), size)
    for first in range(0, len(starts), fabric.world_size):
        turn = first + fabric.global_rank
        start = starts[turn % len(starts)]
        value, number = loop.loss(loop.state.ema, rows[start : start + size], VALIDATION_SEED)
        if turn < len(starts):
            total, count = total + float(value) * number, count + number
    total, counted = _sum_over_processes(fabric, total, count)
    return total / counted if counted else None


def _finish_epoch(loop: _Loop, valid_loss: float | None) -> None:
    """Record the epoch and save a checkpoint."""
    state, config = loop.state, loop.config
    train_loss = sum(state.losses) / len(state.losses)
    if not math.isfinite(train_loss) or not math.isfinite(valid_loss or 0.0):
        values = f"training loss {train_loss}, validation loss {valid_loss}"
        raise CloudkitError(f"training diverged in epoch {state.epoch + 1} ({values}); lower learning_rate")
    state.epoch, state.step, state.losses = state.epoch + 1, 0, []
    losses = {"train_loss": train_loss, "valid_loss": valid_loss}
    state.curves.append({"epoch": state.epoch, "step": state.epoch * loop.steps_per_epoch, **losses})
    if config.keep_best and valid_loss is not None and valid_loss < state.best:
        state.best = valid_loss
        state.save_best(loop.folder)
    state.save(loop.folder)


@contextmanager
def translate_out_of_memory(where: str, batch: int) -> Iterator[None]:
    """Translate memory errors of Python and torch to OutOfMemory, with the step and a hint."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(
            message in str(error) for message in ALLOCATOR_MESSAGES
        ):
            raise
        reason = str(error).splitlines()[0] if str(error) else "MemoryError"
        raise OutOfMemory(
            f"out of memory in {where}, with {batch} crystals per step ({reason}); the checkpoint is kept: run the same command "
            "on a machine with more memory to resume, or restart with a smaller `batch` or encoder"
        ) from None
