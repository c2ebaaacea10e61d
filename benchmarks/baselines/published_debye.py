"""Rival: Debye thermodynamics as the published model computes it: 20 Gauss-Legendre points, autograd for gradients.

Published are U = 9/8 R theta + 9RT (T/theta)³ ∫ t³ / (e^t - 1) and Cv = 9R (T/theta)³ ∫ t⁴ e^t / (e^t - 1)², each with its own
integral and nodes that are made on every call. S and F are not published; here they take the integral of U.
"""

import numpy as np
import torch
from torch import Tensor

R = 8.31446261815324
POINTS = 20


def _nodes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Points and weights (..., 20) on [0, x]."""
    points, weights = (torch.tensor(a, dtype=x.dtype) for a in np.polynomial.legendre.leggauss(POINTS))
    half = 0.5 * x[..., None]
    return half * (points + 1), half * weights


def heat_capacity(theta: Tensor, temperature: Tensor) -> Tensor:
    """Cv in J/mol_atom/K."""
    x = theta / temperature
    t, w = _nodes(x)
    e = torch.exp(t)
    return 9 * R / x**3 * (w * t**4 * e / (e - 1) ** 2).sum(-1)


def all_four(theta: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """U, Cv, S, F per mole of atoms."""
    x = theta / temperature
    t, w = _nodes(x)
    debye = 3 / x**3 * (w * t**3 / (torch.exp(t) - 1)).sum(-1)
    log = torch.log(1 - torch.exp(-x))
    energy = R * (9 / 8 * theta + 3 * temperature * debye)
    entropy = R * (4 * debye - 3 * log)
    return (
        energy,
        heat_capacity(theta, temperature),
        entropy,
        R * (9 / 8 * theta + temperature * (3 * log - debye)),
    )
