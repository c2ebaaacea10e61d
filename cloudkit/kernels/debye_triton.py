"""Debye thermodynamics as two pointwise Triton kernels; same formulas, names and coefficients as debye_torch.py.

Per element of b bytes the forward kernel moves 6 b (reads 2, writes 4) and the backward kernel 8 b (reads 6,
writes 2). The forward kernel runs about 60 float64 multiply-adds, 7 divisions, one exponential and two
logarithms, the backward kernel 40 multiply-adds and 4 divisions more; arithmetic is float64 for every dtype.
Second derivatives take the torch path.
"""

from typing import Any, Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from cloudkit.kernels import debye_torch
from cloudkit.kernels._debye_coefficients import BULGE, CURVATURE, SERIES, SPLIT, STIFFENING
from cloudkit.kernels.debye_torch import COLD, POLYLOG, TAIL, TINY, Four
from cloudkit.units import GAS_CONSTANT

BLOCK: Final = 256  # elements of one program; not tuned, no GPU was at hand

_R = tl.constexpr(GAS_CONSTANT)
_SPLIT, _SERIES = tl.constexpr(SPLIT), tl.constexpr(SERIES)
_COLD, _TINY, _TAIL = tl.constexpr(COLD), tl.constexpr(TINY), tl.constexpr(TAIL)
_BULGE, _CURVATURE, _STIFFENING = tl.constexpr(BULGE), tl.constexpr(CURVATURE), tl.constexpr(STIFFENING)
_LI2, _LI3, _LI4 = (tl.constexpr(coefficients) for coefficients in POLYLOG)


@triton.jit
def _polynomial(coefficients: tl.constexpr, degree: tl.constexpr, y):  # type: ignore[no-untyped-def]
    value = tl.zeros_like(y) + coefficients[0]
    for i in tl.static_range(1, degree + 1):
        value = value * y + coefficients[i]
    return value


@triton.jit
def _expm1(x):  # type: ignore[no-untyped-def]
    """e^x - 1 to full precision, 0 < x <= 600 (Kahan: the rounding of e^x cancels against its logarithm)."""
    u = tl.exp(x)
    near_one = u == 1.0
    return tl.where(near_one, x, (u - 1.0) * (x / tl.log(tl.where(near_one, 2.0, u))))


@triton.jit
def _log1p(n):  # type: ignore[no-untyped-def]
    """ln(1 + n) to full precision for n >= 0, by the same device."""
    u = 1.0 + n
    near_one = u == 1.0
    return tl.where(near_one, n, tl.log(u) * (n / tl.where(near_one, 1.0, u - 1.0)))


@triton.jit
def _evaluate(theta, temperature):  # type: ignore[no-untyped-def]
    """x, n and U, Cv, S, F as debye_torch.evaluate."""
    warm = temperature > 0.0
    x = tl.where(warm, theta / tl.where(warm, temperature, 1.0), _COLD)
    x = tl.minimum(tl.maximum(x, _TINY), _COLD)
    n = 1.0 / _expm1(tl.minimum(x, 600.0))
    n = tl.where(x < 600.0, n, 0.0)
    log1p_n = _log1p(n)
    near = tl.minimum(x, _SPLIT)
    debye_near = 1.0 + near * (near * _polynomial(_BULGE, 14, near * near) - 0.375)
    r, q = 1.0 / tl.maximum(x, _SPLIT), n / (1.0 + n)
    tail = _polynomial(_LI2, 7, q) + 2.0 * r * (_polynomial(_LI3, 7, q) + r * _polynomial(_LI4, 7, q))
    debye_far = r * r * r * _TAIL - 3.0 * log1p_n - 9.0 * q * r * tail
    debye = tl.where(x < _SPLIT, debye_near, debye_far)
    energy = _R * (1.125 * theta + 3.0 * temperature * debye)
    heat_capacity = _R * (12.0 * debye - 9.0 * x * n)
    entropy = _R * (4.0 * debye + 3.0 * log1p_n)
    free_energy = _R * (1.125 * theta - temperature * (3.0 * log1p_n + debye))
    return x, n, energy, heat_capacity, entropy, free_energy


@triton.jit
def debye_forward(  # type: ignore[no-untyped-def]
    theta_ptr, temperature_ptr, u_ptr, cv_ptr, s_ptr, f_ptr, size, BLOCK: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    theta = tl.load(theta_ptr + at, mask=inside, other=1.0).to(tl.float64)
    temperature = tl.load(temperature_ptr + at, mask=inside, other=1.0).to(tl.float64)
    _, _, energy, heat_capacity, entropy, free_energy = _evaluate(theta, temperature)
    tl.store(u_ptr + at, energy, mask=inside)
    tl.store(cv_ptr + at, heat_capacity, mask=inside)
    tl.store(s_ptr + at, entropy, mask=inside)
    tl.store(f_ptr + at, free_energy, mask=inside)


@triton.jit
def debye_backward(  # type: ignore[no-untyped-def]
    theta_ptr,
    temperature_ptr,
    u_ptr,
    cv_ptr,
    s_ptr,
    f_ptr,
    by_theta_ptr,
    by_temperature_ptr,
    size,
    BLOCK: tl.constexpr,
):
    """Gradients of theta and temperature from those of U, Cv, S and F, as debye_torch.pull_back."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    theta = tl.load(theta_ptr + at, mask=inside, other=1.0).to(tl.float64)
    temperature = tl.load(temperature_ptr + at, mask=inside, other=1.0).to(tl.float64)
    for_u = tl.load(u_ptr + at, mask=inside, other=0.0).to(tl.float64)
    for_cv = tl.load(cv_ptr + at, mask=inside, other=0.0).to(tl.float64)
    for_s = tl.load(s_ptr + at, mask=inside, other=0.0).to(tl.float64)
    for_f = tl.load(f_ptr + at, mask=inside, other=0.0).to(tl.float64)
    x, n, energy, heat_capacity, entropy, _ = _evaluate(theta, temperature)
    near, far = tl.minimum(x, _SERIES), tl.minimum(tl.maximum(x, 1.0), 600.0)
    y = near * near
    above = _R * (1.125 + 2.25 * n) - 0.75 * heat_capacity / tl.maximum(x, 1.0)
    stiffening = tl.where(x < _SERIES, _R * near * _polynomial(_STIFFENING, 10, y), above)
    einstein = far * far * n * (n + 1.0)
    above = 9.0 * _R * einstein - 3.0 * heat_capacity
    curvature = tl.where(x < _SERIES, _R * y * _polynomial(_CURVATURE, 10, y), above)
    divisor = tl.where(temperature > 0.0, temperature, 1.0)
    change = for_cv * curvature - for_s * heat_capacity
    by_theta = for_u * stiffening + change / theta + for_f * (energy / theta)
    by_temperature = for_u * heat_capacity - change / divisor - for_f * entropy
    tl.store(by_theta_ptr + at, by_theta, mask=inside)
    tl.store(by_temperature_ptr + at, by_temperature, mask=inside)


class FusedDebye(torch.autograd.Function):
    """(theta, temperature) -> U, Cv, S, F in their dtype; contiguous tensors of one shape, dtype and device."""

    @staticmethod
    def forward(theta: Tensor, temperature: Tensor) -> Four:
        energy, cv = torch.empty_like(theta), torch.empty_like(theta)
        entropy, free_energy = torch.empty_like(theta), torch.empty_like(theta)
        _launch(debye_forward, theta, temperature, energy, cv, entropy, free_energy)
        return energy, cv, entropy, free_energy

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Four) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        theta, temperature = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: second derivatives follow
            wide = theta.double(), temperature.double()
            wide_grads = (grad.double() for grad in grads)
            pulled = debye_torch.pull_back(*wide, *debye_torch.Debye.apply(*wide)[:3], *wide_grads)
            return pulled[0].to(theta.dtype), pulled[1].to(theta.dtype)
        by_theta, by_temperature = torch.empty_like(theta), torch.empty_like(theta)
        given = (grad.contiguous() for grad in grads)
        _launch(debye_backward, theta, temperature, *given, by_theta, by_temperature)
        return by_theta, by_temperature


def debye(theta: Tensor, temperature: Tensor) -> Four:
    """U, Cv, S and F of one mole of atoms on a GPU (on the CPU under TRITON_INTERPRET=1); tensors of one shape."""
    if not theta.is_cuda and not triton.knobs.runtime.interpret:
        raise ValueError(f"impl='triton' needs theta on a GPU, found {theta.device}; use impl='torch' there")
    outputs: Four = FusedDebye.apply(theta.contiguous(), temperature.contiguous())
    return outputs


def _launch(kernel: Any, *tensors: Tensor) -> None:
    size = tensors[0].numel()
    if size:
        with torch.cuda.device_of(tensors[0]):
            kernel[(triton.cdiv(size, BLOCK),)](*tensors, size, BLOCK=BLOCK)
