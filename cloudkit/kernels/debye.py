"""Solids with one characteristic temperature: checks and broadcasts the arguments, runs the torch or the Triton path."""

from typing import Any, Literal

import torch
from torch import Tensor

from cloudkit.kernels.arguments import Impl, Thermodynamics, as_tensors, check_shapes, uses_triton
from cloudkit.kernels.debye_torch import debye
from cloudkit.kernels.einstein_torch import einstein
from cloudkit.kernels.modes_torch import FourTensors


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
    return _solid("debye", theta, temperature, n_atoms, impl)


def einstein_thermodynamics(
    theta: Any, temperature: Any, n_atoms: Any = 1, *, impl: Impl = "auto"
) -> Thermodynamics:
    """The same of a solid whose 3 modes per atom have one frequency, theta = h nu / k in K (Einstein 1907).

    At T = 0: U = F = 3/2 n R theta. All else as `thermodynamics`.
    """
    return _solid("einstein", theta, temperature, n_atoms, impl)


def _solid(
    law: Literal["debye", "einstein"], theta: Any, temperature: Any, n_atoms: Any, impl: Impl
) -> Thermodynamics:
    arguments = as_tensors({"theta": theta, "temperature": temperature, "n_atoms": n_atoms})
    check_shapes(arguments)
    atoms, dtype = arguments["n_atoms"], arguments["theta"].dtype
    thetas, temperatures = torch.broadcast_tensors(arguments["theta"], arguments["temperature"])
    outputs: FourTensors
    if uses_triton(impl, thetas):
        from cloudkit.kernels.solids_triton import solid

        outputs = solid(law, thetas, temperatures)
    else:
        outputs = {"debye": debye, "einstein": einstein}[law](thetas.double(), temperatures.double())
        atoms = atoms.double()
    if not (isinstance(n_atoms, int) and n_atoms == 1):
        outputs = _times(outputs, atoms)
    return Thermodynamics(*(value.to(dtype) for value in outputs))


def _times(outputs: FourTensors, atoms: Tensor) -> FourTensors:
    energy, heat_capacity, entropy, free_energy = (value * atoms for value in outputs)
    return energy, heat_capacity, entropy, free_energy
