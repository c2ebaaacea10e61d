"""Weights of which each device keeps a part (`run.strategy: fsdp`). What is whole on each device passes through unchanged."""

import copy
from collections.abc import Mapping
from typing import Any

from lightning.fabric import Fabric
from lightning.fabric.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor


def shard(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Divide the weights of what training sees over the devices of a mesh, in place: each layer by itself, the rest as one.

    A pass gathers the weights of a layer and drops them again, also those of the rest: outside of passes all are parts.
    The mesh is that of a ModelParallelStrategy, whose second dimension, of tensors, has one device.
    """
    for layer in module.encoder.layers:
        fully_shard(layer, mesh=mesh["data_parallel"])
    fully_shard(module, mesh=mesh["data_parallel"], reshard_after_forward=True)
    return module


def still_twin(fabric: Fabric, module: nn.Module) -> nn.Module:
    """A copy that nothing trains, in the precision and laid out over devices as `fabric` will have the module itself."""
    strategy = fabric.strategy
    twin = strategy.precision.convert_module(copy.deepcopy(module).requires_grad_(False).eval())
    twin = fabric.to_device(twin)
    return shard(twin, strategy.device_mesh) if isinstance(strategy, ModelParallelStrategy) else twin


def whole(tensors: Mapping[str, Tensor], keep: bool = True) -> dict[str, Tensor]:
    """Named tensors with their parts gathered, on the CPU; all processes call it, and those that do not `keep` get none."""
    found = {}
    for name, tensor in tensors.items():
        gathered = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if keep:
            found[name] = gathered.detach().cpu()
    return found


def divided(tensor: Tensor, like: Any) -> Tensor:
    """A whole tensor, the same in each process, laid out as `like`, of the same shape."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
