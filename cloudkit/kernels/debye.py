"""Thermodynamics of the Debye model: checks and broadcasts the arguments, runs the torch or the Triton path."""

import math
from collections.abc import Callable
from functools import cache, reduce
from importlib.util import find_spec
from typing import Any, Final, Literal, NamedTuple

import torch
from torch import Tensor

from cloudkit.errors import require
from cloudkit.kernels.debye_torch import Debye, Four

Impl = Literal["auto", "torch", "triton"]
CPU: Final = torch.device("cpu")
RULES: Final = {"theta": "> 0", "temperature": ">= 0", "n_atoms": ">= 0"}


class Thermodynamics(NamedTuple):
    """Of `n_atoms` moles of atoms: U and F in J/mol, with the zero-point energy; Cv and S in J/mol/K."""

    internal_energy: Tensor
    heat_capacity: Tensor
    entropy: Tensor
    free_energy: Tensor


def thermodynamics(theta: Any, temperature: Any, n_atoms: Any = 1, *, impl: Impl = "auto") -> Thermodynamics:
    """U, Cv, S and F of a solid with one Debye temperature (Debye 1912), with exact gradients of any order.

    theta: Debye temperature in K, finite and > 0. temperature: in K, finite and >= 0. n_atoms: atoms per
    cell, >= 0. Tensors (floating or integer) on one device, arrays or numbers, that broadcast together; the
    results have the broadcast shape and the dtype that torch promotes the three to. Arithmetic is float64.
    impl: "torch" on any device with float64; "triton" on GPUs; "auto" takes Triton on a GPU that has it, and
    leaves the fusing to the compiler under `torch.compile` (where values are not checked).
    At T = 0: U = F = 9/8 n R theta, Cv = S = 0, and gradients are the limits. Limit as T grows: Cv -> 3 n R.
    Raises ValueError naming the argument and the rule it breaks; MissingExtra without Triton.
    """
    if impl not in ("auto", "torch", "triton"):
        raise ValueError(f"impl must be 'auto', 'torch' or 'triton', found {impl!r}")
    arguments = _as_tensors(theta, temperature, n_atoms)
    if not torch.compiler.is_compiling():
        _check_values(arguments)
    dtype = arguments["theta"].dtype
    thetas, temperatures = torch.broadcast_tensors(arguments["theta"], arguments["temperature"])
    outputs: Four
    if impl == "triton" or (impl == "auto" and _prefers_triton(thetas)):
        outputs = _triton_path()(thetas, temperatures)
        atoms = arguments["n_atoms"]
    else:
        outputs = Debye.apply(thetas.double(), temperatures.double())
        atoms = arguments["n_atoms"].double()
    if not (isinstance(n_atoms, int) and n_atoms == 1):
        energy, heat_capacity, entropy, free_energy = (value * atoms for value in outputs)
        outputs = energy, heat_capacity, entropy, free_energy
    return Thermodynamics(*(value.to(dtype) for value in outputs))


def _as_tensors(theta: Any, temperature: Any, n_atoms: Any) -> dict[str, Tensor]:
    """The arguments as real floating tensors of one dtype on one device, of shapes that broadcast."""
    given = {"theta": theta, "temperature": temperature, "n_atoms": n_atoms}
    device = next((value.device for value in given.values() if isinstance(value, Tensor)), CPU)
    tensors = {name: _as_tensor(name, value, device) for name, value in given.items()}
    try:
        torch.broadcast_shapes(*(tensor.shape for tensor in tensors.values()))
    except RuntimeError as error:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"the shapes of the arguments must broadcast together, found {shapes}") from error
    dtype = _promote([tensor for name, tensor in tensors.items() if not isinstance(given[name], int | float)])
    return {name: tensor.to(dtype) for name, tensor in tensors.items()}


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
    """torch's rule: tensors with dimensions decide, else those without, else the default; integers never."""
    for group in ([t.dtype for t in tensors if t.dim()], [t.dtype for t in tensors]):
        dtype = reduce(torch.promote_types, group, torch.uint8)
        if dtype.is_floating_point:
            return dtype
    return torch.get_default_dtype()


def _check_values(tensors: dict[str, Tensor]) -> None:
    """One pass over each argument and one answer from the device; the culprit is sought only on failure."""
    legal = [_legal(name, *torch.aminmax(t.detach())) for name, t in tensors.items() if t.numel()]
    if not legal or bool(torch.stack(legal).all()):
        return
    for name, tensor in tensors.items():
        wrong = (~_legal(name, tensor, tensor)).nonzero()
        if len(wrong):
            where = tuple(wrong[0].tolist())
            place = f" at index {where}" if where else ""
            raise ValueError(f"{name} must be finite and {RULES[name]}, found {tensor[where].item()}{place}")


def _legal(name: str, low: Tensor, high: Tensor) -> Tensor:
    return (low > 0 if RULES[name] == "> 0" else low >= 0) & (high < math.inf)


def _prefers_triton(tensor: Tensor) -> bool:
    return tensor.is_cuda and not torch.compiler.is_compiling() and _has_triton()


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _triton_path() -> Callable[[Tensor, Tensor], Four]:
    require("triton", "gpu")
    from cloudkit.kernels.debye_triton import debye

    return debye
