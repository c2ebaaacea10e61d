"""The torch path of Debye's and Einstein's solids: against mpmath, its laws, its limits, its gradients, its refusals."""

import math
import re
from collections.abc import Callable
from functools import cache

import mpmath as mp
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import grad, gradcheck, gradgradcheck

import cloudkit.kernels
from cloudkit.kernels import Thermodynamics, einstein_thermodynamics, thermodynamics

from . import debye_reference, derive_debye, derive_einstein

R = 8.31446261815324
NAMES = ("U", "Cv", "S", "F")
TOLERANCE = {torch.float32: 1e-7, torch.float64: 2e-14}  # measured: 6.5e-8 and 7e-15 over 4000 points
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: str(dtype).removeprefix("torch."))
LAWS = {
    "debye": (thermodynamics, debye_reference.debye_terms),
    "einstein": (einstein_thermodynamics, debye_reference.einstein_terms),
}
LAW = pytest.mark.parametrize("law", LAWS)
Points = list[tuple[float, float, dict[str, mp.mpf]]]


@cache
def points(law: str) -> Points:
    """(theta, temperature, reference), inputs exact in float32; theta / T from 1e-6 to 1e6 and at every seam."""
    seams = [1.0, 1.335, *(seam * (1 + side) for seam in (2.0, 4.0) for side in (-1.2e-7, 0.0, 1.2e-7))]
    ratios = [*seams, *np.logspace(-6, 6, 29), 0.3, 0.7, 1.6, 2.7, 5.2, 7.0, 40.0, 90.0]
    temperatures = [1.0, 300.0, 1e-3, 1e9, 20.0]
    inputs = [
        (np.float32(ratio * t), np.float32(t)) for ratio, t in zip(ratios, temperatures * 9, strict=False)
    ]
    pairs = [(float(a), float(b)) for a, b in inputs]
    return [(a, b, debye_reference.quantities(a, b, LAWS[law][1])) for a, b in pairs]


def pair(theta: object, temperature: object, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Two tensors of one shape that want gradients."""
    theta, temperature = torch.broadcast_tensors(
        torch.as_tensor(theta, dtype=dtype), torch.as_tensor(temperature, dtype=dtype)
    )
    return theta.clone().requires_grad_(), temperature.clone().requires_grad_()


def with_derivatives(theta: Tensor, temperature: Tensor, law: str = "debye") -> dict[str, Tensor]:
    """Outputs by name, and their derivatives as "Cv/theta", "Cv/T", …"""
    outputs = dict(zip(NAMES, LAWS[law][0](theta, temperature), strict=True))
    for name in NAMES:
        by_theta, by_temperature = grad(outputs[name].sum(), (theta, temperature), retain_graph=True)
        outputs |= {f"{name}/theta": by_theta, f"{name}/T": by_temperature}
    return outputs


@DTYPES
@LAW
def test_values_and_first_derivatives_equal_mpmath_at_60_digits(law: str, dtype: torch.dtype) -> None:
    theta, temperature = pair([p[0] for p in points(law)], [p[1] for p in points(law)], dtype)
    smallest = torch.finfo(dtype).smallest_normal
    for name, column in with_derivatives(theta, temperature, law).items():
        assert column.dtype == dtype
        for value, (a, b, reference) in zip(column.tolist(), points(law), strict=True):
            size = reference["scale"] if name == "F" else abs(reference[name])
            error = abs(mp.mpf(value) - reference[name]) / (size + smallest)
            # e^-x of a rounded x: off by up to x times half a unit in the last place of float64
            limit = TOLERANCE[dtype] + (1.2e-16 * a / b if law == "einstein" and a / b < 750 else 0)
            assert error < limit, f"{name} at theta={a}, T={b}: off by {mp.nstr(error, 3)}"


def test_the_reference_series_equal_the_integral_that_defines_them() -> None:
    with mp.workdps(30):
        for x in (mp.mpf("0.01"), mp.mpf("1.4"), mp.mpf("1.6"), mp.mpf(12)):
            integral = 3 / x**3 * mp.quad(lambda t: t**3 / mp.expm1(t), mp.linspace(0, x, 5))
            assert abs(debye_reference.debye_function(x) - integral) < 1e-25


def test_the_committed_coefficients_are_the_derived_ones() -> None:
    for module in (derive_debye, derive_einstein):
        assert module.TARGET.read_text(encoding="utf-8") == module.derive()


def test_free_energy_is_energy_minus_temperature_times_entropy() -> None:
    theta, temperature = (
        torch.logspace(-4, 5, 200, dtype=torch.float64),
        torch.tensor(30.0, dtype=torch.float64),
    )
    u, _, s, f = thermodynamics(theta, temperature)
    assert ((f - (u - temperature * s)).abs() <= 1e-14 * torch.maximum(u, temperature * s)).all()


def test_heat_capacity_is_the_slope_of_energy_and_of_entropy_times_temperature() -> None:
    theta, temperature = (
        torch.logspace(0, 3.5, 50, dtype=torch.float64),
        torch.tensor(300.0, dtype=torch.float64),
    )
    step = 1e-4 * temperature
    after, before = thermodynamics(theta, temperature + step), thermodynamics(theta, temperature - step)
    cv = thermodynamics(theta, temperature).heat_capacity
    torch.testing.assert_close(
        (after.internal_energy - before.internal_energy) / (2 * step), cv, rtol=1e-6, atol=0
    )
    torch.testing.assert_close(
        temperature * (after.entropy - before.entropy) / (2 * step), cv, rtol=1e-6, atol=0
    )


@DTYPES
def test_heat_capacity_tends_to_dulong_petit_and_to_the_cube_law(dtype: torch.dtype) -> None:
    theta = torch.tensor([10.0, 90.0], dtype=dtype)
    hot = thermodynamics(theta, 1e9, n_atoms=2).heat_capacity.double()
    torch.testing.assert_close(hot, torch.full_like(hot, 6 * R), rtol=TOLERANCE[dtype], atol=0)
    cold = thermodynamics(theta, 0.1).heat_capacity.double()
    law = 12 * math.pi**4 / 5 * R * (torch.tensor(0.1, dtype=dtype).double() / theta.double()) ** 3
    torch.testing.assert_close(cold, law, rtol=TOLERANCE[dtype], atol=0)


@DTYPES
@LAW
def test_at_zero_temperature_only_the_zero_point_energy_is_left_and_gradients_are_the_limits(
    law: str, dtype: torch.dtype
) -> None:
    theta, temperature = pair([1e-3, 300.0, 1e9], 0.0, dtype)
    found = with_derivatives(theta, temperature, law)
    per_theta = R * (1.125 if law == "debye" else 1.5)
    for name in ("U", "F"):
        torch.testing.assert_close(found[name], (per_theta * theta.double()).to(dtype))
        torch.testing.assert_close(found[f"{name}/theta"], torch.full_like(theta, per_theta))
        assert (found[f"{name}/T"] == 0).all()
    for name in ("Cv", "S"):
        assert all((found[key] == 0).all() for key in (name, f"{name}/theta", f"{name}/T"))


@LAW
def test_extreme_float32_inputs_give_no_nan(law: str) -> None:
    ends = torch.tensor([1e-45, 1e-30, 1.0, 1e30, 3.4e38])
    theta, temperature = pair(ends[:, None], torch.cat([torch.zeros(1), ends]), torch.float32)
    for name, column in with_derivatives(theta, temperature, law).items():
        assert not column.isnan().any(), name
    assert not LAWS[law][0](theta, temperature).heat_capacity.isinf().any()


@LAW
def test_gradients_of_both_orders_pass_the_numeric_check(law: str) -> None:
    theta, temperature = pair([1.0, 300.0, 0.5, 2.5, 70.0], [2.0, 60.0, 3.0, 1.0, 1.5])
    n_atoms = torch.tensor([1.0, 2.0, 3.5, 4.0, 0.5], dtype=torch.float64, requires_grad=True)
    assert gradcheck(LAWS[law][0], (theta, temperature, n_atoms))
    assert gradgradcheck(LAWS[law][0], (theta, temperature, n_atoms))


def test_all_outputs_are_linear_in_the_number_of_atoms() -> None:
    one, seven = thermodynamics(250.0, 300.0), thermodynamics(250.0, 300.0, n_atoms=torch.tensor([0, 7]))
    for single, many in zip(one, seven, strict=True):
        torch.testing.assert_close(many, torch.stack([0 * single, 7 * single]))


def test_arguments_broadcast_and_promote_as_torch_does() -> None:
    grid = thermodynamics(
        torch.ones(3, 1, dtype=torch.float64), np.ones(2, dtype=np.float32), torch.tensor([1, 2])
    )
    assert all(value.shape == (3, 2) and value.dtype == torch.float64 for value in grid)
    assert thermodynamics(torch.tensor([300]), 300).entropy.dtype == torch.float32
    assert thermodynamics(torch.ones(2, dtype=torch.bfloat16), 300.0).entropy.dtype == torch.bfloat16
    assert thermodynamics(torch.ones(0, 4), 300.0).entropy.shape == (0, 4)


def test_a_python_number_keeps_all_its_digits_beside_a_float64_tensor() -> None:
    theta = torch.tensor([251.3], dtype=torch.float64)
    exact = thermodynamics(theta, torch.tensor([300.1], dtype=torch.float64))
    assert thermodynamics(theta, 300.1).entropy.item() == exact.entropy.item()


@pytest.mark.parametrize(
    ("theta", "temperature", "n_atoms", "message"),
    [
        (torch.tensor([[1.0], [-2.0]]), 1.0, 1, "theta must be finite and > 0, found -2.0 at index (1, 0)"),
        (0.0, 1.0, 1, "theta must be finite and > 0, found 0.0"),
        (torch.tensor([1.0, math.nan]), 1.0, 1, "theta must be finite and > 0, found nan at index (1,)"),
        (math.inf, 1.0, 1, "theta must be finite and > 0, found inf"),
        (1.0, torch.tensor([3.0, -1.0]), 1, "temperature must be finite and >= 0, found -1.0 at index (1,)"),
        (1.0, math.nan, 1, "temperature must be finite and >= 0, found nan"),
        (1.0, 1.0, -1, "n_atoms must be finite and >= 0, found -1.0"),
        (torch.tensor([True]), 1.0, 1, "theta must be real numbers, found torch.bool"),
        (1.0, torch.tensor([1j]), 1, "temperature must be real numbers, found torch.complex64"),
        ("hot", 1.0, 1, "theta must be a tensor, an array or a number, found str"),
        (torch.ones(2), torch.ones(2, device="meta"), 1, "temperature must be on cpu"),
        (
            torch.ones(2),
            torch.ones(3),
            1,
            "must broadcast together, found theta (2,), temperature (3,), n_atoms ()",
        ),
    ],
)
def test_a_bad_argument_is_named_with_the_rule_it_breaks(
    theta: object, temperature: object, n_atoms: object, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        thermodynamics(theta, temperature, n_atoms)


def test_an_unknown_path_and_triton_without_a_gpu_are_refused() -> None:
    with pytest.raises(ValueError, match="impl must be 'auto', 'torch' or 'triton', found 'numpy'"):
        thermodynamics(1.0, 1.0, impl="numpy")
    pytest.importorskip("triton")
    with pytest.raises(ValueError, match="needs theta on a GPU, found cpu; use impl='torch'"):
        thermodynamics(1.0, 1.0, impl="triton")


def test_the_compiler_takes_the_whole_function_without_a_break() -> None:
    traced: Callable[..., Thermodynamics] = torch.compile(thermodynamics, backend="aot_eager", fullgraph=True)
    theta, temperature = pair([200.0, 400.0], 300.0)
    expected, found = thermodynamics(theta, temperature, 3), traced(theta, temperature, 3)
    torch.testing.assert_close(tuple(found), tuple(expected))
    torch.testing.assert_close(grad(found.entropy.sum(), theta), grad(expected.entropy.sum(), theta))


def test_large_inputs_are_worked_on_in_blocks_that_change_nothing() -> None:
    theta, temperature = pair(torch.linspace(10, 3000, 50_001), 200.0)
    whole, (head, tail) = with_derivatives(theta, temperature), (slice(0, 9), slice(-9, None))
    for part in (head, tail):
        pieces = with_derivatives(*pair(theta[part].detach(), 200.0))
        for name, piece in pieces.items():
            torch.testing.assert_close(whole[name][part], piece, rtol=1e-15, atol=0)


def test_the_package_exports_its_laws() -> None:
    names = {"Thermodynamics", "thermodynamics", "einstein_thermodynamics", "spectrum_thermodynamics"}
    assert names <= set(cloudkit.kernels.__all__)
