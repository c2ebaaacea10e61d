"""Where a build runs: one process, or several that torchrun or SLURM has started, each with one device."""

import logging
import os
from datetime import timedelta
from typing import Final, NamedTuple

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy, ModelParallelStrategy, Strategy

from cloudkit.errors import CloudkitError
from cloudkit.modelspec import Run
from cloudkit.train.precision import make_precision
from cloudkit.train.sharding import shard

SMALL: Final = 256  # encoder.width
PATIENCE: Final = timedelta(hours=12)  # the leader may read and evaluate that long while the others wait


class Launched(NamedTuple):
    """Processes of this build: on this machine, and in all."""

    local: int
    world: int


def launched() -> Launched:
    """What torchrun or SLURM has started, by the variables that they set; one process otherwise."""
    known = os.environ.get
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return Launched(int(known("LOCAL_WORLD_SIZE", "1")), int(known("WORLD_SIZE", "1")))
    if "SLURM_PROCID" in os.environ and known("SLURM_JOB_NAME") not in ("bash", "interactive"):
        world = int(known("SLURM_NTASKS", "1"))
        return Launched(world // int(known("SLURM_NNODES", "1")), world)
    return Launched(1, 1)


def make_fabric(run: Run) -> Fabric:
    """Lightning Fabric; `auto` precision is 32-true on a CPU, bf16-mixed on a GPU that has it.

    Raises CloudkitError where other processes run than the spec asks for.
    """
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    gpu = run.accelerator == "cuda" or (run.accelerator == "auto" and torch.cuda.is_available())
    precision = run.precision
    if precision == "auto":
        precision = "bf16-mixed" if gpu and torch.cuda.is_bf16_supported() else "32-true"
    found = launched()
    _check(run, found)
    device = "cuda" if gpu else "cpu"
    fabric = Fabric(
        accelerator=device,
        devices=found.local,
        num_nodes=found.world // found.local,
        plugins=[make_precision(precision, device)],
        strategy=_strategy(run, found, None if gpu else "gloo") if found.world > 1 else "auto",
    )
    if found.world > 1:
        fabric.launch()
    return fabric


def _check(run: Run, found: Launched) -> None:
    devices = found.local if run.devices == "auto" else run.devices
    nodes = found.world // found.local if run.devices == "auto" and run.nodes == 1 else run.nodes
    if devices * nodes != found.world or devices != found.local:
        raise CloudkitError(
            f"run.devices = {run.devices} and run.nodes = {run.nodes} ask for {devices * nodes} processes, and {found.world} "
            f"run{'s' if found.world == 1 else ''}: start it as torchrun --nproc_per_node={devices} --nnodes={nodes} "
            "-m cloudkit build SPEC, or by srun, or set devices: auto"
        )


def _strategy(run: Run, found: Launched, backend: str | None) -> Strategy:
    """Whole weights on each device, or parts of them."""
    if run.strategy == "fsdp":
        return ModelParallelStrategy(
            shard, data_parallel_size=found.world, tensor_parallel_size=1, timeout=PATIENCE, process_group_backend=backend
        )  # fmt: skip
    # heads may leave parts of the encoder unused
    return DDPStrategy(find_unused_parameters=True, timeout=PATIENCE, process_group_backend=backend)


def steady_threads(width: int) -> None:
    """One CPU thread for small models: a second gains little, and waits long where the machine has other work to do."""
    if width < SMALL:
        torch.set_num_threads(1)
