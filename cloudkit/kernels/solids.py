"""U, Cv, S and F of solids: checks and broadcasts the arguments, runs the torch or the Triton path.

A density of states on a frequency grid: below the first grid point the density grows as the square of the frequency, so
that part is a Debye solid, exactly; between the points it is linear and integrated by Gauss-Legendre points, each of which
is an Einstein solid. The laws (dU/dT = Cv, ...) hold for each of them and so for the sum, whatever the number of points.
The cost is one small table (modes, temperatures) of Debye and Einstein functions, by their own torch or Triton path, and
four matrix products with the shares of the modes.
"""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cloudkit.kernels.arguments import Impl, Thermodynamics, as_tensors, check_shapes, uses_triton
from cloudkit.kernels.solids_torch import FourTensors, debye, einstein


def thermodynamics(theta: Any, temperature: Any, n_atoms: Any = 1, *, impl: Impl = "auto") -> Thermodynamics:
    """Compute U, Cv, S and F of a solid with one Debye temperature (Debye 1912), with exact gradients of any order.

    At T = 0: U = F = 9/8 n R theta, Cv = S = 0, and gradients are the limits. As T grows: Cv -> 3 n R. Arithmetic is float64.

    Parameters
    ----------
    theta, temperature
        Debye temperature > 0 and temperature >= 0 in K, finite: tensors on one device, arrays or numbers.
    n_atoms
        Atoms per cell, >= 0. The three broadcast together.
    impl
        "torch": any device with float64; "triton": GPUs; "auto": Triton on a GPU if it is installed, and torch under
        `torch.compile`, which fuses it (values are not checked there).

    Returns
    -------
    Thermodynamics
        Per mole of cells; of the broadcast shape and the dtype to which torch promotes the three.

    Raises
    ------
    ValueError
        Naming the argument and its rule.
    MissingExtra
        For "triton" without Triton (extra `gpu`).

    Examples
    --------
    >>> round(float(thermodynamics(428, 300).heat_capacity), 2)
    22.58
    """
    return _solid("debye", theta, temperature, n_atoms, impl)


def einstein_thermodynamics(
    theta: Any, temperature: Any, n_atoms: Any = 1, *, impl: Impl = "auto"
) -> Thermodynamics:
    """Compute U, Cv, S and F of a solid whose 3 modes per atom have one frequency (Einstein 1907).

    At T = 0: U = F = 3/2 n R theta.

    Parameters
    ----------
    theta
        The frequency as a temperature, h nu / k, in K, > 0.
    temperature, n_atoms, impl
        As in `thermodynamics`.

    Returns
    -------
    Thermodynamics
        As `thermodynamics`.

    Raises
    ------
    ValueError, MissingExtra
        As `thermodynamics`.

    Examples
    --------
    >>> round(float(einstein_thermodynamics(300, 300).heat_capacity), 2)
    22.96
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


def spectrum_thermodynamics(
    frequency: Any, density: Any, temperature: Any, n_atoms: Any = 1, *, points: int = 8, impl: Impl = "auto"
) -> Thermodynamics:
    """Compute U, Cv, S and F of harmonic oscillators with a density of states, with exact gradients of any order.

    At low temperature, Cv follows Debye's T³ law with the theta whose density, 9 nu² / theta³, starts like this one.

    Parameters
    ----------
    frequency
        Grid (g,), h nu / k in K, ascending, > 0.
    density
        (..., g) at the grid points, >= 0, not all 0; linear between them, quadratic from 0 to the first. Normalized here to
        3 modes per atom.
    temperature
        (m,) or (), in K, >= 0.
    n_atoms
        Atoms per cell, >= 0; broadcasts with the results.
    points
        Gauss-Legendre points between neighbours on the grid; 8 keep the integrals within 1e-9 if each frequency is at most
        twice the one before.
    impl
        As in `thermodynamics`.

    Returns
    -------
    Thermodynamics
        (..., m), per mole of cells.

    Raises
    ------
    ValueError, MissingExtra
        As `thermodynamics`.

    Examples
    --------
    >>> grid = torch.linspace(50, 428, 64)
    >>> round(float(spectrum_thermodynamics(grid, grid**2, 300).heat_capacity), 2)
    22.58
    """
    arguments = as_tensors(
        {"frequency": frequency, "density": density, "temperature": temperature, "n_atoms": n_atoms}
    )
    grid, wide = arguments["frequency"].double(), arguments["density"].double()
    _check_grid(grid, wide, arguments["temperature"])
    kelvin = arguments["temperature"].double()
    row = kelvin.reshape(1, -1)
    nodes, shares = _modes(grid, wide, points)
    first = thermodynamics(grid[:1, None], row, impl=impl)
    rest = einstein_thermodynamics(nodes[:, None], row, impl=impl)
    atoms, shape = arguments["n_atoms"].double(), (*wide.shape[:-1], *kelvin.shape)
    return Thermodynamics(
        *(
            ((shares @ torch.cat([a, b])).reshape(shape) * atoms).to(arguments["density"].dtype)
            for a, b in zip(first, rest, strict=True)
        )
    )


def _modes(grid: Tensor, density: Tensor, points: int) -> tuple[Tensor, Tensor]:
    """Return frequencies (k,) of the Einstein modes, and shares (..., 1 + k) of the Debye part and of each mode; their sum is 1.

    Shares are linear in the density (..., g) before they are normalized. All float64.
    """
    x, w = (torch.as_tensor(part, device=grid.device) for part in np.polynomial.legendre.leggauss(points))
    up = (0.5 * (1 + x))[:, None]  # between two neighbours, 0 to 1
    low, high = grid[:-1], grid[1:]
    nodes = low + up * (high - low)
    weight = 0.5 * w[:, None] * (high - low)
    between = density[..., None, :-1] * (1 - up) + density[..., None, 1:] * up
    below = density[..., :1] * grid[:1] / 3
    amounts = torch.cat([below, (weight * between).flatten(-2)], dim=-1)
    return nodes.flatten(), amounts / amounts.sum(-1, keepdim=True)


def _check_grid(grid: Tensor, density: Tensor, temperature: Tensor) -> None:
    if grid.dim() != 1 or len(grid) < 2:
        raise ValueError(f"frequency must be a grid of at least two points, found shape {tuple(grid.shape)}")
    if density.dim() < 1 or density.shape[-1] != len(grid):
        raise ValueError(
            f"density must have one value per point of frequency ({len(grid)}) in its last dimension, "
            f"found shape {tuple(density.shape)}"
        )
    if temperature.dim() > 1:
        raise ValueError(f"temperature must be a number or (m,), found shape {tuple(temperature.shape)}")
    if torch.compiler.is_compiling():
        return
    if not bool((grid[1:] > grid[:-1]).all()):
        raise ValueError("frequency must be in ascending order")
    if not bool((density.detach().amax(-1) > 0).all()):
        raise ValueError("density must be above 0 somewhere in each row")
