"""Debye thermodynamics in torch, float64: the path for CPUs, and the twin that the Triton kernel must equal.

x = theta / T, n = 1 / (e^x - 1), D the Debye function, E = x² n (n + 1) the heat capacity of one Einstein
mode. Below SPLIT, D is a polynomial in x²; above, exponential series. Of the eight first derivatives five are
outputs over theta, T or 1; dU/dtheta and those of Cv (x dCv/dx = 9 R E - 3 Cv) cancel for small x and have
polynomials of their own below SERIES.
Derivation and error: spec/decisions/0002-debye-quadrature.md.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from cloudkit.kernels._debye_coefficients import BULGE, CURVATURE, SERIES, SPLIT, STIFFENING
from cloudkit.units import GAS_CONSTANT as R

Four = tuple[Tensor, Tensor, Tensor, Tensor]

COLD: Final = 1e120  # x at T = 0: its inverse cube is 0 in float64, its square is finite
TINY: Final = 2.3e-308  # smallest x, so that ln x stays finite
TAIL: Final = math.pi**4 / 5  # D -> TAIL / x³
# Li_s(q) / q for s = 2, 3, 4 and q <= e^-SPLIT, highest power first
POLYLOG: Final = tuple(tuple(float(k) ** -s for k in range(8, 0, -1)) for s in (2, 3, 4))


def polynomial(coefficients: Sequence[float], y: Tensor) -> Tensor:
    """Horner's rule, highest power first."""
    first, second, *rest = torch.tensor(coefficients, dtype=y.dtype, device=y.device).unbind()
    value = torch.addcmul(second, first, y)
    for coefficient in rest:
        value = torch.addcmul(coefficient, value, y)
    return value


def evaluate(theta: Tensor, temperature: Tensor) -> Four:
    """U, Cv, S and F of one mole of atoms; float64 tensors of one shape, theta > 0, temperature >= 0."""
    x = (theta / temperature).clamp(TINY, COLD)
    n = torch.expm1(x).reciprocal()
    log1p_n = torch.log1p(n)  # -ln(1 - e^-x), to full precision at both ends
    near = x.clamp(max=SPLIT)
    debye_near = 1 + near * (near * polynomial(BULGE, near * near) - 0.375)
    r, q = x.clamp(min=SPLIT).reciprocal(), n / (1 + n)
    li2, li3, li4 = (polynomial(c, q) for c in POLYLOG)
    debye_far = r * r * r * TAIL - 3 * log1p_n - 9 * q * r * (li2 + 2 * r * (li3 + r * li4))
    debye = choose(x < SPLIT, debye_near, debye_far)
    energy = R * (1.125 * theta + 3 * temperature * debye)
    heat_capacity = R * (12 * debye - 9 * x * n)
    entropy = R * (4 * debye + 3 * log1p_n)
    return energy, heat_capacity, entropy, R * (1.125 * theta - temperature * (3 * log1p_n + debye))


def choose(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """torch.where for finite tensors: exact, and without its branch, which costs 4 ns an element on a CPU."""
    return torch.lerp(no, yes, condition.to(yes.dtype))


def stiffening(x: Tensor, heat_capacity: Tensor) -> Tensor:
    """dU/dtheta; differentiable."""
    near, far = x.clamp(max=SERIES), x.clamp(min=1.0)
    n = torch.expm1(far.clamp(max=600.0)).reciprocal()
    above = R * (1.125 + 2.25 * n) - 0.75 * heat_capacity / far
    return choose(x < SERIES, R * near * polynomial(STIFFENING, near * near), above)


def curvature(x: Tensor, heat_capacity: Tensor) -> Tensor:
    """x dCv/dx = theta dCv/dtheta = -T dCv/dT; differentiable."""
    y, far = x.clamp(max=SERIES).square(), x.clamp(1.0, 1400.0)
    root = far / torch.sinh(0.5 * far)  # its square is 4 E(x), and 0 in float64 at the upper end
    return choose(x < SERIES, R * y * polynomial(CURVATURE, y), 2.25 * R * root * root - 3 * heat_capacity)


def above_zero(temperature: Tensor) -> Tensor:
    """The temperature as a divisor: 1 at T = 0, where every numerator is 0."""
    return torch.where(temperature > 0, temperature, 1.0)


def pull_back(
    theta: Tensor, temperature: Tensor, energy: Tensor, cv: Tensor, entropy: Tensor, *grads: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Gradients for theta and temperature from those of U, Cv, S and F (None: unused); differentiable."""
    for_u, for_cv, for_s, for_f = grads
    divisor = above_zero(temperature)
    by_theta, by_temperature = torch.zeros_like(theta), torch.zeros_like(theta)
    x = torch.where(temperature > 0, theta / divisor, COLD)
    if for_u is not None:
        by_theta, by_temperature = by_theta + for_u * stiffening(x, cv), by_temperature + for_u * cv
    if for_cv is not None:
        change = for_cv * curvature(x, cv)
        by_theta, by_temperature = by_theta + change / theta, by_temperature - change / divisor
    if for_s is not None:
        change = for_s * cv
        by_theta, by_temperature = by_theta - change / theta, by_temperature + change / divisor
    if for_f is not None:
        by_theta, by_temperature = by_theta + for_f * (energy / theta), by_temperature - for_f * entropy
    return by_theta, by_temperature


class Debye(torch.autograd.Function):
    """(theta, temperature) -> U, Cv, S, F; float64 tensors of one shape, differentiable to any order."""

    @staticmethod
    def forward(theta: Tensor, temperature: Tensor) -> Four:
        return evaluate(theta, temperature)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Four) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *output[:3])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, Tensor]:
        return pull_back(*ctx.saved_tensors, *grads)
