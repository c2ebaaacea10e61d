"""Debye thermodynamics in torch, float64: the path for CPUs, and the twin that the Triton kernel must equal.

x = theta / T, n = 1 / (e^x - 1), D the Debye function, E = x² n (n + 1) the heat capacity of one Einstein
mode. Below SPLIT, D is a polynomial in x²; above, exponential series. dU/dtheta and x dCv/dx = 9 R E - 3 Cv
have polynomials of their own below SERIES.
Derivation and error: spec/decisions/0002-debye-quadrature.md.
"""

import math
from typing import Final

import torch
from torch import Tensor

from cloudkit.kernels._debye_coefficients import BULGE, CURVATURE, LI2, LI3, LI4, SERIES, SPLIT, STIFFENING
from cloudkit.kernels.modes_torch import X_AT_ZERO, X_MIN, Solid, choose, differentiable, polynomial
from cloudkit.units import GAS_CONSTANT as R

TAIL: Final = math.pi**4 / 5  # D -> TAIL / x³


def evaluate(theta: Tensor, temperature: Tensor) -> tuple[Tensor, ...]:
    """U, Cv, S and F of one mole of atoms, and n; float64 tensors of one shape, theta > 0, temperature >= 0."""
    x = (theta / temperature).clamp(X_MIN, X_AT_ZERO)
    n = torch.expm1(x).reciprocal()
    log1p_n = torch.log1p(n)  # -ln(1 - e^-x), to full precision at both ends
    near = x.clamp(max=SPLIT)
    debye_near = (near * polynomial(BULGE, near * near)).sub_(0.375).mul_(near).add_(1)
    r, q = x.clamp(min=SPLIT).reciprocal(), n / (1 + n)
    li3 = torch.addcmul(polynomial(LI3, q), r, polynomial(LI4, q))
    li2 = torch.addcmul(polynomial(LI2, q), r, li3, value=2)
    debye_far = (r * r * r).mul_(TAIL).sub_(log1p_n, alpha=3).addcmul_(q * r, li2, value=-9)
    debye = choose(x < SPLIT, debye_near, debye_far)
    zero_point = theta * (1.125 * R)
    energy = torch.addcmul(zero_point, temperature, debye, value=3 * R)
    heat_capacity = (debye * (12 * R)).addcmul_(x, n, value=-9 * R)
    entropy = (debye * (4 * R)).add_(log1p_n, alpha=3 * R)
    free_energy = zero_point.addcmul_(temperature, debye.add_(log1p_n, alpha=3), value=-R)
    return energy, heat_capacity, entropy, free_energy, n


def slopes(x: Tensor, n: Tensor, heat_capacity: Tensor) -> tuple[Tensor, Tensor]:
    """dU/dtheta, and x dCv/dx = theta dCv/dtheta = -T dCv/dT; differentiable."""
    near, far, n = x.clamp(max=SERIES), x.clamp(min=1.0), n.clamp(max=0.6)  # n(1) = 0.58
    y, short = near * near, (x < SERIES).to(x.dtype)
    soft, bent = near * R * polynomial(STIFFENING, y), y * R * polynomial(CURVATURE, y)
    hard = (2.25 * R) * n + 1.125 * R - 0.75 * heat_capacity / far
    steep = (far * n) * (far * (n + 1)) * (9 * R) - 3 * heat_capacity
    return torch.lerp(hard, soft, short), torch.lerp(steep, bent, short)


DEBYE: Final = Solid(evaluate, slopes)
debye: Final = differentiable(DEBYE)
