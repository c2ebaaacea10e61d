"""Einstein thermodynamics in torch, float64: 3 oscillators per atom of one frequency; the twin of the Triton kernel.

x = theta / T, n = 1 / (e^x - 1), E = (x/2 / sinh(x/2))²: U = 3RT (x/2 + x n), Cv = 3R E, S = 3R (x n + ln(1 + n)),
F = 3RT (x/2 - ln(1 + n)). dU/dtheta = 3R (1/2 + n - E/x) and x dCv/dx = 3R E (2 - x (2n + 1)) have polynomials below SERIES.
Derivation and error: spec/decisions/0002-debye-quadrature.md.
"""

from typing import Final

import torch
from torch import Tensor

from cloudkit.kernels._einstein_coefficients import CURVATURE, SERIES, STIFFENING
from cloudkit.kernels.modes_torch import X_AT_ZERO, X_MIN, Solid, differentiable, polynomial
from cloudkit.units import GAS_CONSTANT as R

FROZEN: Final = 1400.0  # x above which E is 0 in float64


def evaluate(theta: Tensor, temperature: Tensor) -> tuple[Tensor, ...]:
    """U, Cv, S and F of one mole of atoms, and n; float64 tensors of one shape, theta > 0, temperature >= 0."""
    x = (theta / temperature).clamp(X_MIN, X_AT_ZERO)
    n = torch.expm1(x).reciprocal()
    log1p_n = torch.log1p(n)  # -ln(1 - e^-x), to full precision at both ends
    half = x.clamp(max=FROZEN).mul_(0.5)
    root = half / torch.sinh(half)
    heat_capacity = root.square_().mul_(3 * R)
    energy = (n + 0.5).mul_(theta).mul_(3 * R)
    entropy = torch.addcmul(log1p_n, x, n).mul_(3 * R)
    free_energy = (theta * (1.5 * R)).addcmul_(temperature, log1p_n, value=-3 * R)
    return energy, heat_capacity, entropy, free_energy, n


def slopes(x: Tensor, n: Tensor, heat_capacity: Tensor) -> tuple[Tensor, Tensor]:
    """dU/dtheta, and x dCv/dx = theta dCv/dtheta = -T dCv/dT; differentiable."""
    near, far, n = x.clamp(max=SERIES), x.clamp(1.0, FROZEN), n.clamp(max=0.6)  # n(1) = 0.58
    y, short = near * near, (x < SERIES).to(x.dtype)
    soft, bent = near * R * polynomial(STIFFENING, y), y * R * polynomial(CURVATURE, y)
    hard = (3 * R) * n + 1.5 * R - heat_capacity / far
    steep = heat_capacity * (2 - far * (2 * n + 1))
    return torch.lerp(hard, soft, short), torch.lerp(steep, bent, short)


EINSTEIN: Final = Solid(evaluate, slopes)
einstein: Final = differentiable(EINSTEIN)
