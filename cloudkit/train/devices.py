"""Processes, devices and precision of training, and weights sharded over devices (FSDP).

Inputs are never converted to the training precision: token ids and positions are integers in a packed layout that Lightning cannot
copy, and 298.15 K would be rounded to 298 K in bfloat16.
"""

import copy
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import DoublePrecision, MixedPrecision, Precision
from lightning.fabric.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from cloudkit.errors import CloudkitError
from cloudkit.modelspec import Run

SINGLE_THREAD_WIDTH: Final = 256  # encoder.width below which one CPU thread is used
TIMEOUT: Final = timedelta(hours=12)  # the other processes wait while rank 0 reads and evaluates


class Processes(NamedTuple):
    """Number of processes of a build: on this machine, and in total."""

    local: int
    world: int


def launched_processes() -> Processes:
    """Count the processes that torchrun or SLURM has started, from their environment variables; else one."""
    variable = os.environ.get
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return Processes(int(variable("LOCAL_WORLD_SIZE", "1")), int(variable("WORLD_SIZE", "1")))
    if "SLURM_PROCID" in os.environ and variable("SLURM_JOB_NAME") not in ("bash", "interactive"):
        world = int(variable("SLURM_NTASKS", "1"))
        return Processes(world // int(variable("SLURM_NNODES", "1")), world)
    return Processes(1, 1)


def make_fabric(run: Run) -> Fabric:
    """Return a Lightning Fabric for `run`; precision `auto` is bf16-mixed on a GPU that supports it, else 32-true.

    Raises CloudkitError if the spec needs a GPU and there is none, or if its number of processes differs from those started.
    """
    if run.accelerator == "cuda" and not torch.cuda.is_available():
        built = "this torch is built without CUDA" if torch.version.cuda is None else "torch finds none"
        raise CloudkitError(
            f"run.accelerator = cuda needs a GPU, and {built}; set run.accelerator to auto or cpu, or see `nvidia-smi` and https://pytorch.org for a torch that fits"
        )
    gpu = run.accelerator == "cuda" or (run.accelerator == "auto" and torch.cuda.is_available())
    precision = run.precision
    if precision == "auto":
        precision = "bf16-mixed" if gpu and torch.cuda.is_bf16_supported() else "32-true"
    found = launched_processes()
    _check_processes(run, found)
    device = "cuda" if gpu else "cpu"
    with _warnings_only("lightning.fabric"):
        fabric = Fabric(
            accelerator=device,
            devices=found.local,
            num_nodes=found.world // found.local,
            plugins=[make_precision(precision, device)],
            strategy=_make_strategy(run, found, None if gpu else "gloo") if found.world > 1 else "auto",
        )
        if found.world > 1:
            fabric.launch()
    return fabric


@contextmanager
def _warnings_only(name: str) -> Iterator[None]:
    """Silence messages of a logger below warnings inside the block."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _check_processes(run: Run, found: Processes) -> None:
    devices = found.local if run.devices == "auto" else run.devices
    nodes = found.world // found.local if run.devices == "auto" and run.nodes == 1 else run.nodes
    if devices * nodes != found.world or devices != found.local:
        raise CloudkitError(
            f"run.devices = {run.devices} and run.nodes = {run.nodes} ask for {devices * nodes} processes, and {found.world} "
            f"run{'s' if found.world == 1 else ''}: start it as torchrun --nproc_per_node={devices} --nnodes={nodes} "
            "-m cloudkit build SPEC, or by srun, or set devices: auto"
        )


def _make_strategy(run: Run, found: Processes, backend: str | None) -> Strategy:
    """Make DDP, with all weights on each device, or FSDP, with a shard on each."""
    if run.strategy == "fsdp":
        return ModelParallelStrategy(
            shard_module, data_parallel_size=found.world, tensor_parallel_size=1, timeout=TIMEOUT, process_group_backend=backend
        )  # fmt: skip
    # heads may leave parts of the encoder unused
    return DDPStrategy(find_unused_parameters=True, timeout=TIMEOUT, process_group_backend=backend)


@contextmanager
def threads_for(width: int) -> Iterator[None]:
    """Use one CPU thread inside the block for encoders narrower than SINGLE_THREAD_WIDTH.

    A second thread hardly helps them, and slows them down on a busy machine. The number of threads is restored afterwards.
    """
    before = torch.get_num_threads()
    if width < SINGLE_THREAD_WIDTH:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Mixed(MixedPrecision):
    def convert_input(self, data: Any) -> Any:
        return data


class _Double(DoublePrecision):
    def convert_input(self, data: Any) -> Any:
        return data


def make_precision(name: str, device: str) -> Precision:
    """Return the Lightning plugin for `run.precision` on a device type, cpu or cuda."""
    if name == "16-mixed" or name == "bf16-mixed":
        return _Mixed(name, device)
    return _Double() if name == "64-true" else Precision()


def scales_loss(precision: Precision) -> bool:
    """Return whether the loss is scaled so that small gradients do not underflow (16-mixed)."""
    return isinstance(precision, MixedPrecision) and precision.scaler is not None


def reset_scaler(precision: Precision) -> None:
    """Reset the loss scale to its initial value, since an earlier training run may have changed it."""
    if scales_loss(precision):
        precision.load_state_dict(GradScaler(precision.device).state_dict())


def shard_module(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Shard the weights of a training module over a device mesh, in place: one unit per layer, and one for the rest.

    A pass gathers the weights of a unit and frees them again. The mesh is that of a ModelParallelStrategy, with one device in its
    tensor dimension.
    """
    for layer in module.encoder.layers:
        fully_shard(layer, mesh=mesh["data_parallel"])
    fully_shard(module, mesh=mesh["data_parallel"], reshard_after_forward=True)
    return module


def ema_copy(fabric: Fabric, module: nn.Module) -> nn.Module:
    """Make a frozen copy of a module for the EMA weights, with the precision and sharding of `fabric`."""
    strategy = fabric.strategy
    frozen = strategy.precision.convert_module(copy.deepcopy(module).requires_grad_(False).eval())
    frozen = fabric.to_device(frozen)
    return (
        shard_module(frozen, strategy.device_mesh) if isinstance(strategy, ModelParallelStrategy) else frozen
    )


@torch.no_grad()
def update_ema(ema: nn.Module, module: nn.Module, decay: float) -> None:
    """Update the EMA weights: ema = decay * ema + (1 - decay) * weight."""
    torch._foreach_lerp_(list(ema.parameters()), list(module.parameters()), 1 - decay)


def gather_full_state(tensors: Mapping[str, Tensor], keep: bool = True) -> dict[str, Tensor]:
    """Gather sharded tensors on the CPU. All processes must call it; {} unless `keep`."""
    state = {}
    for name, tensor in tensors.items():
        gathered = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if keep:
            state[name] = gathered.detach().cpu()
    return state


def shard_like(tensor: Tensor, like: Any) -> Tensor:
    """Shard a full tensor, equal in all processes, like another of the same shape."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
