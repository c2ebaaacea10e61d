"""Result of the thermodynamic functions, and checks of their arguments before a kernel starts."""

import math
from collections.abc import Mapping
from functools import cache, reduce
from importlib.util import find_spec
from typing import Any, Final, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from cloudkit.errors import require

Impl = Literal["auto", "torch", "triton"]
CPU: Final = torch.device("cpu")
RULES: Final = {
    "theta": "> 0",
    "frequency": "> 0",
    "density": ">= 0",
    "temperature": ">= 0",
    "n_atoms": ">= 0",
}


class Thermodynamics(NamedTuple):
    """Result of `thermodynamics`, per mole of cells with `n_atoms` atoms each.

    Attributes
    ----------
    internal_energy, free_energy : Tensor
        U and F in J/mol, with the zero-point energy.
    heat_capacity, entropy : Tensor
        Cv and S in J/mol/K.

    Examples
    --------
    >>> from cloudkit.kernels import thermodynamics
    >>> energy, cv, entropy, free_energy = thermodynamics(428, torch.tensor([0.0, 300.0]))
    >>> cv
    tensor([ 0.0000, 22.5785])
    """

    internal_energy: Tensor
    heat_capacity: Tensor
    entropy: Tensor
    free_energy: Tensor


def as_tensors(given: Mapping[str, Any]) -> dict[str, Tensor]:
    """Convert arguments to real floating tensors of one dtype on one device.

    Raises ValueError naming the argument and its rule. Values are not checked under `torch.compile`.
    """
    device = next((value.device for value in given.values() if isinstance(value, Tensor)), CPU)
    tensors = {name: _as_tensor(name, value, device) for name, value in given.items()}
    dtype = _promote(
        [tensor for name, tensor in tensors.items() if not isinstance(given[name], (int, float))]
    )
    arguments = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    if not torch.compiler.is_compiling():
        _check_values(arguments)
    return arguments


def check_shapes(tensors: Mapping[str, Tensor]) -> torch.Size:
    """Return the common broadcast shape; raise ValueError with all shapes if there is none."""
    try:
        return torch.broadcast_shapes(*(tensor.shape for tensor in tensors.values()))
    except RuntimeError as error:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"the shapes of the arguments must broadcast together, found {shapes}") from error


def uses_triton(impl: Impl, tensor: Tensor) -> bool:
    """Return whether to use the Triton kernels for tensors like this one.

    "auto" uses them on a GPU if Triton is installed, but not under `torch.compile`, which fuses the torch code itself.
    Raises ValueError for an unknown `impl`, MissingExtra if Triton is required but not installed.
    """
    if impl not in get_args(Impl):
        raise ValueError(f"impl must be 'auto', 'torch' or 'triton', found {impl!r}")
    if impl == "triton":
        require("triton", "gpu")
        return True
    return impl == "auto" and tensor.is_cuda and not torch.compiler.is_compiling() and has_triton()


@cache
def has_triton() -> bool:
    """Return whether Triton is installed."""
    return find_spec("triton") is not None


def _as_tensor(name: str, value: Any, device: torch.device) -> Tensor:
    try:
        dtype = torch.float64 if type(value) in (int, float) else None
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=dtype, device=device)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        found = type(value).__name__
        raise ValueError(f"{name} must be a tensor, an array or a number, found {found}") from error
    if tensor.dtype == torch.bool or tensor.is_complex():
        raise ValueError(f"{name} must be real numbers, found {tensor.dtype}")
    if tensor.device != device:
        raise ValueError(f"{name} must be on {device} as the first tensor argument is, found {tensor.device}")
    return tensor


def _promote(tensors: list[Tensor]) -> torch.dtype:
    """Promote as torch does: tensors with dimensions decide, then those without, then the default dtype; never integers."""
    for group in ([t.dtype for t in tensors if t.dim()], [t.dtype for t in tensors]):
        dtype = reduce(torch.promote_types, group, torch.uint8)
        if dtype.is_floating_point:
            return dtype
    return torch.get_default_dtype()


def _check_values(tensors: dict[str, Tensor]) -> None:
    """Check values with one pass per argument and one transfer; the wrong element is located only if a check fails."""
    valid = [_is_valid(name, *torch.aminmax(t.detach())) for name, t in tensors.items() if t.numel()]
    if not valid or bool(torch.stack(valid).all()):
        return
    for name, tensor in tensors.items():
        wrong = (~_is_valid(name, tensor, tensor)).nonzero()
        if len(wrong):
            where = tuple(wrong[0].tolist())
            place = f" at index {where}" if where else ""
            raise ValueError(f"{name} must be finite and {RULES[name]}, found {tensor[where].item()}{place}")


def _is_valid(name: str, low: Tensor, high: Tensor) -> Tensor:
    return (low > 0 if RULES[name] == "> 0" else low >= 0) & (high < math.inf)
