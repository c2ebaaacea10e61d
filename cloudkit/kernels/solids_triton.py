"""Debye and Einstein thermodynamics as two pointwise Triton kernels; formulas and coefficients as in solids_torch.py.

Per element of b bytes the forward kernel moves 6 b (reads 2, writes 4) and the backward kernel 8 b (reads 6,
writes 2). For Debye the forward kernel runs about 60 float64 multiply-adds, 7 divisions, one exponential and two
logarithms, the backward kernel 40 multiply-adds and 4 divisions more; Einstein's are the same without the quadrature.
Arithmetic is float64 for every dtype. Second derivatives take the torch path.
"""

from typing import Any, Final, Literal

import torch
import triton
import triton.language as tl
from torch import Tensor

from cloudkit.kernels import _debye_coefficients as of_debye
from cloudkit.kernels import _einstein_coefficients as of_einstein
from cloudkit.kernels.solids_torch import (
    DEBYE,
    EINSTEIN,
    TAIL,
    X_AT_ZERO,
    X_MAX,
    X_MIN,
    FourTensors,
    debye,
    einstein,
    pull_back,
    ratio,
)
from cloudkit.units import GAS_CONSTANT

Law = Literal["debye", "einstein"]
BLOCK: Final = 256  # elements of one program; not tuned on a GPU

_R = tl.constexpr(GAS_CONSTANT)
_SPLIT, _SERIES = tl.constexpr(of_debye.SPLIT), tl.constexpr(of_debye.SERIES)
_X_AT_ZERO, _X_MIN, _TAIL = tl.constexpr(X_AT_ZERO), tl.constexpr(X_MIN), tl.constexpr(TAIL)
_X_MAX = tl.constexpr(X_MAX)
_BULGE = tl.constexpr(of_debye.BULGE)
_DEBYE_CURVATURE, _DEBYE_STIFFENING = tl.constexpr(of_debye.CURVATURE), tl.constexpr(of_debye.STIFFENING)
_EINSTEIN_CURVATURE = tl.constexpr(of_einstein.CURVATURE)
_EINSTEIN_STIFFENING = tl.constexpr(of_einstein.STIFFENING)
_LI2, _LI3, _LI4 = (tl.constexpr(c) for c in (of_debye.LI2, of_debye.LI3, of_debye.LI4))


@triton.jit
def _polynomial(coefficients: tl.constexpr, degree: tl.constexpr, y):  # type: ignore[no-untyped-def]
    value = tl.zeros_like(y) + coefficients[0]
    for i in tl.static_range(1, degree + 1):
        value = value * y + coefficients[i]
    return value


@triton.jit
def _expm1(x):  # type: ignore[no-untyped-def]
    """e^x - 1 to full precision, 0 < x <= 708 (Kahan: the rounding of e^x cancels against its logarithm)."""
    u = tl.exp(x)
    near_one = u == 1.0
    return tl.where(near_one, x, (u - 1.0) * (x / tl.log(tl.where(near_one, 2.0, u))))


@triton.jit
def _log1p(n):  # type: ignore[no-untyped-def]
    """ln(1 + n) to full precision for n >= 0, by the same method."""
    u = 1.0 + n
    near_one = u == 1.0
    return tl.where(near_one, n, tl.log(u) * (n / tl.where(near_one, 1.0, u - 1.0)))


@triton.jit
def _ratio(theta, temperature):  # type: ignore[no-untyped-def]
    """x = theta / T and n = 1 / (e^x - 1)."""
    warm = temperature > 0.0
    x = tl.where(warm, theta / tl.where(warm, temperature, 1.0), _X_AT_ZERO)
    x = tl.minimum(tl.maximum(x, _X_MIN), _X_AT_ZERO)
    n = 1.0 / _expm1(tl.minimum(x, _X_MAX))
    return x, tl.where(x < _X_MAX, n, 0.0)


@triton.jit
def _debye(theta, temperature):  # type: ignore[no-untyped-def]
    """x, n and U, Cv, S, F as solids_torch.evaluate_debye."""
    x, n = _ratio(theta, temperature)
    log1p_n = _log1p(n)
    near = tl.minimum(x, _SPLIT)
    debye_near = 1.0 + near * (near * _polynomial(_BULGE, 14, near * near) - 0.375)
    r, q = 1.0 / tl.maximum(x, _SPLIT), n / (1.0 + n)
    tail = _polynomial(_LI2, 5, q) + 2.0 * r * (_polynomial(_LI3, 5, q) + r * _polynomial(_LI4, 5, q))
    debye_far = r * r * r * _TAIL - 3.0 * log1p_n - 9.0 * q * r * tail
    debye = tl.where(x < _SPLIT, debye_near, debye_far)
    energy = _R * (1.125 * theta + 3.0 * temperature * debye)
    heat_capacity = _R * (12.0 * debye - 9.0 * x * n)
    entropy = _R * (4.0 * debye + 3.0 * log1p_n)
    free_energy = _R * (1.125 * theta - temperature * (3.0 * log1p_n + debye))
    return x, n, energy, heat_capacity, entropy, free_energy


@triton.jit
def _einstein(theta, temperature):  # type: ignore[no-untyped-def]
    """x, n and U, Cv, S, F as solids_torch.evaluate_einstein."""
    x, n = _ratio(theta, temperature)
    log1p_n, warm = _log1p(n), tl.minimum(x, _X_MAX)
    energy = 3.0 * _R * theta * (0.5 + n)
    heat_capacity = 3.0 * _R * ((warm * n) * (warm * (n + 1.0)))
    entropy = 3.0 * _R * (x * n + log1p_n)
    free_energy = 3.0 * _R * (0.5 * theta - temperature * log1p_n)
    return x, n, energy, heat_capacity, entropy, free_energy


@triton.jit
def solid_forward(  # type: ignore[no-untyped-def]
    theta_ptr, temperature_ptr, u_ptr, cv_ptr, s_ptr, f_ptr, size, DEBYE: tl.constexpr, BLOCK: tl.constexpr
):
    """U, Cv, S and F of each (theta, T)."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    theta = tl.load(theta_ptr + at, mask=inside, other=1.0).to(tl.float64)
    temperature = tl.load(temperature_ptr + at, mask=inside, other=1.0).to(tl.float64)
    if DEBYE:
        _, _, energy, heat_capacity, entropy, free_energy = _debye(theta, temperature)
    else:
        _, _, energy, heat_capacity, entropy, free_energy = _einstein(theta, temperature)
    tl.store(u_ptr + at, energy, mask=inside)
    tl.store(cv_ptr + at, heat_capacity, mask=inside)
    tl.store(s_ptr + at, entropy, mask=inside)
    tl.store(f_ptr + at, free_energy, mask=inside)


@triton.jit
def solid_backward(  # type: ignore[no-untyped-def]
    theta_ptr,
    temperature_ptr,
    u_ptr,
    cv_ptr,
    s_ptr,
    f_ptr,
    by_theta_ptr,
    by_temperature_ptr,
    size,
    DEBYE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Gradients of theta and temperature from those of U, Cv, S and F, as solids_torch.pull_back."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    theta = tl.load(theta_ptr + at, mask=inside, other=1.0).to(tl.float64)
    temperature = tl.load(temperature_ptr + at, mask=inside, other=1.0).to(tl.float64)
    for_u = tl.load(u_ptr + at, mask=inside, other=0.0).to(tl.float64)
    for_cv = tl.load(cv_ptr + at, mask=inside, other=0.0).to(tl.float64)
    for_s = tl.load(s_ptr + at, mask=inside, other=0.0).to(tl.float64)
    for_f = tl.load(f_ptr + at, mask=inside, other=0.0).to(tl.float64)
    if DEBYE:
        x, n, energy, heat_capacity, entropy, _ = _debye(theta, temperature)
        y = tl.minimum(x, _SERIES) * tl.minimum(x, _SERIES)
        soft = _polynomial(_DEBYE_STIFFENING, 10, y)
        bent = _polynomial(_DEBYE_CURVATURE, 10, y)
        hard = _R * (1.125 + 2.25 * n) - 0.75 * heat_capacity / tl.maximum(x, 1.0)
        far = tl.minimum(x, _X_MAX)
        steep = 9.0 * _R * ((far * n) * (far * (n + 1.0))) - 3.0 * heat_capacity
    else:
        x, n, energy, heat_capacity, entropy, _ = _einstein(theta, temperature)
        y = tl.minimum(x, _SERIES) * tl.minimum(x, _SERIES)
        soft = _polynomial(_EINSTEIN_STIFFENING, 11, y)
        bent = _polynomial(_EINSTEIN_CURVATURE, 11, y)
        hard = 3.0 * _R * (0.5 + n) - heat_capacity / tl.maximum(x, 1.0)
        steep = heat_capacity * (2.0 - tl.minimum(x, _X_MAX) * (2.0 * n + 1.0))
    stiffening = tl.where(x < _SERIES, _R * tl.minimum(x, _SERIES) * soft, hard)
    curvature = tl.where(x < _SERIES, _R * y * bent, steep)
    divisor = tl.where(temperature > 0.0, temperature, 1.0)
    change = for_cv * curvature - for_s * heat_capacity
    by_theta = for_u * stiffening + change / theta + for_f * (energy / theta)
    by_temperature = for_u * heat_capacity - change / divisor - for_f * entropy
    tl.store(by_theta_ptr + at, by_theta, mask=inside)
    tl.store(by_temperature_ptr + at, by_temperature, mask=inside)


class FusedSolid(torch.autograd.Function):
    """(theta, temperature, law) -> U, Cv, S, F in their dtype; contiguous tensors of one shape, dtype and device."""

    @staticmethod
    def forward(theta: Tensor, temperature: Tensor, law: Law) -> FourTensors:
        """Compute all four functions; each value is read and written once."""
        energy, cv = torch.empty_like(theta), torch.empty_like(theta)
        entropy, free_energy = torch.empty_like(theta), torch.empty_like(theta)
        _launch(solid_forward, law, theta, temperature, energy, cv, entropy, free_energy)
        return energy, cv, entropy, free_energy

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Law], output: FourTensors) -> None:
        """Keep the inputs: the backward kernel recomputes the functions instead of reading them."""
        ctx.save_for_backward(*inputs[:2])
        ctx.law = inputs[2]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return gradients of theta and temperature; through torch in float64 if second derivatives follow."""
        theta, temperature = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: second derivatives follow
            solid, law = (DEBYE, debye) if ctx.law == "debye" else (EINSTEIN, einstein)
            wide = theta.double(), temperature.double()
            pulled = pull_back(
                solid, *wide, *law(*wide)[:3], *ratio(*wide), *(grad.double() for grad in grads)
            )
            return pulled[0].to(theta.dtype), pulled[1].to(theta.dtype), None
        by_theta, by_temperature = torch.empty_like(theta), torch.empty_like(theta)
        given = (grad.contiguous() for grad in grads)
        _launch(solid_backward, ctx.law, theta, temperature, *given, by_theta, by_temperature)
        return by_theta, by_temperature, None


def solid(law: Law, theta: Tensor, temperature: Tensor) -> FourTensors:
    """U, Cv, S and F of one mole of atoms on a GPU (on the CPU under TRITON_INTERPRET=1); tensors of one shape."""
    if not theta.is_cuda and not triton.knobs.runtime.interpret:
        raise ValueError(f"impl='triton' needs theta on a GPU, found {theta.device}; use impl='torch' there")
    outputs: FourTensors = FusedSolid.apply(theta.contiguous(), temperature.contiguous(), law)
    return outputs


def _launch(kernel: Any, law: Law, *tensors: Tensor) -> None:
    size = tensors[0].numel()
    if size:
        with torch.cuda.device_of(tensors[0]):
            kernel[(triton.cdiv(size, BLOCK),)](*tensors, size, DEBYE=law == "debye", BLOCK=BLOCK)
