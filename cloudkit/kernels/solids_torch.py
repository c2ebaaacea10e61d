"""Debye and Einstein thermodynamics in torch, float64: the path for CPUs, and the reference of the Triton kernels.

x = theta / T, n = 1 / (e^x - 1), E = (x/2 / sinh(x/2))² = x² n (n + 1) the heat capacity of one oscillator, D the Debye function.
Debye: below SPLIT, D is a polynomial in x²; above, exponential series. dU/dtheta and x dCv/dx = 9 R E - 3 Cv.
Einstein: U = 3RT (x/2 + x n), Cv = 3R E, S = 3R (x n + ln(1 + n)), F = 3RT (x/2 - ln(1 + n)); dU/dtheta = 3R (1/2 + n - E/x)
and x dCv/dx = 3R E (2 - x (2n + 1)).
Of the eight first derivatives of U, Cv, S and F five are outputs over theta, T or 1. The other three follow from
dU/dtheta and x dCv/dx, which a `Solid` provides: they cancel for small x, where polynomials below SERIES are used.
Derivation and error: spec/decisions/0002-debye-quadrature.md.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from cloudkit.kernels import _debye_coefficients as of_debye
from cloudkit.kernels import _einstein_coefficients as of_einstein
from cloudkit.units import GAS_CONSTANT as R

FourTensors = tuple[Tensor, Tensor, Tensor, Tensor]

X_AT_ZERO: Final = 1e120  # x at T = 0: its inverse cube is 0 in float64, its square is finite
X_MIN: Final = 2.3e-308  # smallest x, so that ln x stays finite
X_MAX: Final = 708.0  # the largest x for which e^-x is a normal number
# elements per thread that go through all operations together; 128 KiB per tensor fit into L2
BLOCK: Final = 16384


class Solid(NamedTuple):
    """A model of solids with one characteristic temperature; float64 tensors of one shape, n = 1 / (e^x - 1).

    evaluate(theta, T) -> U, Cv, S, F per mole of atoms, and n. slopes(x, n, Cv) -> dU/dtheta and x dCv/dx, differentiable.
    """

    evaluate: Callable[[Tensor, Tensor], tuple[Tensor, ...]]
    slopes: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def polynomial(coefficients: tuple[float, ...], y: Tensor) -> Tensor:
    """Evaluate a polynomial by Horner's rule, highest power first."""
    if torch.compiler.is_compiling():
        first, second, *rest = torch.tensor(coefficients, dtype=y.dtype, device=y.device).unbind()
    else:
        first, second, *rest = _on(coefficients, y.device)
    value = torch.addcmul(second, first, y)
    for coefficient in rest:
        value = torch.addcmul(coefficient, value, y)
    return value


@cache
def _on(coefficients: tuple[float, ...], device: torch.device) -> tuple[Tensor, ...]:
    """Return coefficients as float64 tensors, cached: for short blocks, making them takes as long as the polynomial."""
    with torch.inference_mode(False):
        return torch.tensor(coefficients, dtype=torch.float64, device=device).unbind()


def choose(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Do torch.where for finite tensors: exact, without its branch, which costs 4 ns per element on a CPU."""
    return torch.lerp(no, yes, condition.to(yes.dtype))


def apply_blockwise(
    function: Callable[..., tuple[Tensor, ...]], *tensors: Tensor | None
) -> tuple[Tensor, ...]:
    """Apply `function` to tensors of one shape (None stays None) block by block, so that intermediates stay in the cache.

    From 100,000 elements on, this is twice as fast on one thread. Not for tensors whose gradients are recorded.
    """
    first = next(tensor for tensor in tensors if tensor is not None)
    if torch.compiler.is_compiling() or first.device.type != "cpu":
        return function(*tensors)
    threads = torch.get_num_threads()
    size = (
        BLOCK if threads == 1 else 2 * BLOCK * threads
    )  # torch uses several threads from 32,768 elements on
    if first.numel() <= size:
        return function(*tensors)
    flat = [None if tensor is None else tensor.reshape(-1) for tensor in tensors]
    outputs: list[Tensor] = []
    for start in range(0, first.numel(), size):
        found = function(*(None if one is None else one[start : start + size] for one in flat))
        outputs = outputs or [torch.empty(first.shape, dtype=torch.float64) for _ in found]
        for whole, part in zip(outputs, found, strict=True):
            whole.view(-1)[start : start + size] = part
    return tuple(outputs)


def ratio(theta: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
    """Return x and n; differentiable, also at T = 0, where x is X_AT_ZERO."""
    x = (theta / temperature.clamp(min=1 / X_AT_ZERO)).clamp(max=X_AT_ZERO)
    n = torch.expm1(x.clamp(X_MIN, X_MAX)).reciprocal()
    return x, n * (x < X_MAX)


def pull_back(
    solid: Solid,
    theta: Tensor,
    temperature: Tensor,
    energy: Tensor,
    cv: Tensor,
    entropy: Tensor,
    x: Tensor,
    n: Tensor,
    *grads: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return gradients of theta and temperature from those of U, Cv, S and F (None: unused); differentiable."""
    for_u, for_cv, for_s, for_f = grads
    by_theta: list[Tensor] = []
    by_temperature: list[Tensor] = []
    change: list[Tensor] = []
    if for_u is not None or for_cv is not None:
        stiffening, curvature = solid.slopes(x, n, cv)
    if for_u is not None:
        by_theta.append(for_u * stiffening)
        by_temperature.append(for_u * cv)
    if for_cv is not None:
        change.append(for_cv * curvature)
    if for_s is not None:
        change.append(for_s * -cv)
    if change:  # at T = 0 it is 0
        both = sum(change[1:], change[0])
        by_theta.append(both / theta)
        by_temperature.append(both / temperature.clamp(min=1 / X_AT_ZERO) * -1)
    if for_f is not None:
        by_theta.append(for_f * energy / theta)
        by_temperature.append(for_f * -entropy)
    return sum(by_theta[1:], by_theta[0]), sum(by_temperature[1:], by_temperature[0])


def differentiable(solid: Solid) -> Callable[[Tensor, Tensor], FourTensors]:
    """Return a function (theta, temperature) -> U, Cv, S, F of float64 tensors of one shape, differentiable to any order."""

    class Law(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, theta: Tensor, temperature: Tensor) -> FourTensors:
            energy, cv, entropy, free_energy, n = apply_blockwise(solid.evaluate, theta, temperature)
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(theta, temperature, energy, cv, entropy, n)
            return energy, cv, entropy, free_energy

        @staticmethod
        def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
            if all(grad is None for grad in grads):
                return None, None
            theta, temperature, *outputs, n = ctx.saved_tensors
            if torch.is_grad_enabled():  # create_graph: second derivatives follow
                return pull_back(solid, theta, temperature, *outputs, *ratio(theta, temperature), *grads)

            def block(theta: Tensor, temperature: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
                x = (theta / temperature.clamp(min=1 / X_AT_ZERO)).clamp(max=X_AT_ZERO)
                return pull_back(solid, theta, temperature, *rest[:3], x, *rest[3:])

            by_theta, by_temperature = apply_blockwise(block, theta, temperature, *outputs, n, *grads)
            return by_theta, by_temperature

    law: Callable[[Tensor, Tensor], FourTensors] = Law.apply
    return law


TAIL: Final = math.pi**4 / 5  # D -> TAIL / x³


def evaluate_debye(theta: Tensor, temperature: Tensor) -> tuple[Tensor, ...]:
    """Return U, Cv, S and F of one mole of atoms, and n; float64 tensors of one shape, theta > 0, temperature >= 0."""
    x = (theta / temperature).clamp(X_MIN, X_AT_ZERO)
    n = torch.expm1(x).reciprocal()
    log1p_n = torch.log1p(n)  # -ln(1 - e^-x), to full precision at both ends
    near = x.clamp(max=of_debye.SPLIT)
    debye_near = (near * polynomial(of_debye.BULGE, near * near)).sub_(0.375).mul_(near).add_(1)
    r, q = x.clamp(min=of_debye.SPLIT).reciprocal(), n / (1 + n)
    li3 = torch.addcmul(polynomial(of_debye.LI3, q), r, polynomial(of_debye.LI4, q))
    li2 = torch.addcmul(polynomial(of_debye.LI2, q), r, li3, value=2)
    debye_far = (r * r * r).mul_(TAIL).sub_(log1p_n, alpha=3).addcmul_(q * r, li2, value=-9)
    debye = choose(x < of_debye.SPLIT, debye_near, debye_far)
    zero_point = theta * (1.125 * R)
    energy = torch.addcmul(zero_point, temperature, debye, value=3 * R)
    heat_capacity = (debye * (12 * R)).addcmul_(x, n, value=-9 * R)
    entropy = (debye * (4 * R)).add_(log1p_n, alpha=3 * R)
    free_energy = zero_point.addcmul_(temperature, debye.add_(log1p_n, alpha=3), value=-R)
    return energy, heat_capacity, entropy, free_energy, n


def debye_slopes(x: Tensor, n: Tensor, heat_capacity: Tensor) -> tuple[Tensor, Tensor]:
    """Return dU/dtheta, and x dCv/dx = theta dCv/dtheta = -T dCv/dT; differentiable."""
    near, far, n = x.clamp(max=of_debye.SERIES), x.clamp(min=1.0), n.clamp(max=0.6)  # n(1) = 0.58
    y, short = near * near, (x < of_debye.SERIES).to(x.dtype)
    soft, bent = near * R * polynomial(of_debye.STIFFENING, y), y * R * polynomial(of_debye.CURVATURE, y)
    hard = (2.25 * R) * n + 1.125 * R - 0.75 * heat_capacity / far
    steep = (far * n) * (far * (n + 1)) * (9 * R) - 3 * heat_capacity
    return torch.lerp(hard, soft, short), torch.lerp(steep, bent, short)


DEBYE: Final = Solid(evaluate_debye, debye_slopes)
debye: Final = differentiable(DEBYE)

FROZEN: Final = 1400.0  # x above which E is 0 in float64


def evaluate_einstein(theta: Tensor, temperature: Tensor) -> tuple[Tensor, ...]:
    """Return U, Cv, S and F of one mole of atoms, and n; float64 tensors of one shape, theta > 0, temperature >= 0."""
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


def einstein_slopes(x: Tensor, n: Tensor, heat_capacity: Tensor) -> tuple[Tensor, Tensor]:
    """Return dU/dtheta, and x dCv/dx = theta dCv/dtheta = -T dCv/dT; differentiable."""
    near, far, n = x.clamp(max=of_einstein.SERIES), x.clamp(1.0, FROZEN), n.clamp(max=0.6)  # n(1) = 0.58
    y, short = near * near, (x < of_einstein.SERIES).to(x.dtype)
    soft, bent = (
        near * R * polynomial(of_einstein.STIFFENING, y),
        y * R * polynomial(of_einstein.CURVATURE, y),
    )
    hard = (3 * R) * n + 1.5 * R - heat_capacity / far
    steep = heat_capacity * (2 - far * (2 * n + 1))
    return torch.lerp(hard, soft, short), torch.lerp(steep, bent, short)


EINSTEIN: Final = Solid(evaluate_einstein, einstein_slopes)
einstein: Final = differentiable(EINSTEIN)
