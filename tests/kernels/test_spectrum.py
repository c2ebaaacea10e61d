"""Thermodynamics of a density of states: against mpmath, its laws for any density, its gradients, its refusals."""

import math
import re

import mpmath as mp
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import grad, gradcheck, gradgradcheck

from cloudkit.kernels import spectrum_thermodynamics, thermodynamics

R = 8.31446261815324
GRID = torch.logspace(1.5, 3.3, 14, dtype=torch.float64)


@st.composite
def densities(draw: st.DrawFn) -> Tensor:
    values = draw(st.lists(st.floats(1e-3, 10), min_size=len(GRID), max_size=len(GRID)))
    return torch.tensor(values, dtype=torch.float64)


def test_values_equal_the_integral_over_the_density_at_30_digits() -> None:
    grid, density, kelvin = [100.0, 150.0, 260.0, 400.0], [0.5, 2.0, 0.3, 1.5], 70.0

    def g(nu: mp.mpf) -> mp.mpf:
        if nu <= grid[0]:
            return density[0] * (nu / grid[0]) ** 2
        k = min(i for i, end in enumerate(grid) if nu <= end)
        share = (nu - grid[k - 1]) / (grid[k] - grid[k - 1])
        return density[k - 1] * (1 - share) + density[k] * share

    def n(nu: mp.mpf) -> mp.mpf:
        return 1 / mp.expm1(nu / kelvin)

    forms = {
        "internal_energy": lambda nu: nu * (0.5 + n(nu)),
        "heat_capacity": lambda nu: (nu / kelvin) ** 2 * n(nu) * (n(nu) + 1),
        "entropy": lambda nu: nu / kelvin * n(nu) - mp.log(-mp.expm1(-nu / kelvin)),
        "free_energy": lambda nu: nu / 2 + kelvin * mp.log(-mp.expm1(-nu / kelvin)),
    }
    found = spectrum_thermodynamics(grid, density, torch.tensor(kelvin, dtype=torch.float64))
    with mp.workdps(30):
        ends = [mp.mpf("1e-12"), 10, *grid]
        whole = mp.quad(g, ends)
        for name, form in forms.items():
            wanted = 3 * R * mp.quad(lambda nu, form=form: g(nu) * form(nu), ends) / whole
            assert getattr(found, name).item() == pytest.approx(float(wanted), rel=1e-6), name
    exact = spectrum_thermodynamics(
        torch.tensor(grid, dtype=torch.float64), torch.tensor(density, dtype=torch.float64), kelvin
    )
    for name, form in forms.items():
        wanted = 3 * R * mp.quad(lambda nu, form=form: g(nu) * form(nu), ends) / whole
        assert getattr(exact, name).item() == pytest.approx(float(wanted), rel=1e-11), name


@settings(max_examples=40, deadline=None)
@given(densities())
def test_the_laws_hold_for_every_density(density: Tensor) -> None:
    kelvin = torch.tensor(
        [0.0, 0.5, 3.0, 20.0, 77.0, 300.0, 2000.0, 1e6], dtype=torch.float64, requires_grad=True
    )
    u, cv, s, f = spectrum_thermodynamics(GRID, density, kelvin)
    (slope_u,) = grad(u.sum(), kelvin, retain_graph=True)
    (slope_s,) = grad(s.sum(), kelvin, retain_graph=True)
    torch.testing.assert_close(slope_u, cv, rtol=1e-12, atol=0)
    torch.testing.assert_close(slope_s[1:], (cv / kelvin)[1:], rtol=1e-12, atol=0)
    torch.testing.assert_close(f, u - kelvin * s, rtol=1e-12, atol=1e-12 * float(u.max().detach()))
    assert cv[0] == s[0] == 0 and (cv.diff() > 0).all() and (cv <= 3 * R * (1 + 1e-12)).all()


@settings(max_examples=40, deadline=None)
@given(densities())
def test_the_cube_law_holds_with_the_temperature_of_the_quadratic_start(density: Tensor) -> None:
    total = density[0] * GRID[0] / 3 + torch.trapezoid(density, GRID)
    # its density starts as 3 total nu² / theta³
    theta = float((3 * GRID[0] ** 2 * total / density[0]) ** (1 / 3))
    for part in (1.0, 0.3):
        kelvin = part * min(theta / 50, float(GRID[0]) / 20)
        cv = spectrum_thermodynamics(GRID, density, kelvin).heat_capacity.item()
        assert cv == pytest.approx(12 * math.pi**4 / 5 * R * (kelvin / theta) ** 3, rel=1e-2)


def test_a_quadratic_density_is_a_debye_solid() -> None:
    grid = torch.linspace(20, 400, 400, dtype=torch.float64)
    kelvin = torch.tensor([1.0, 10.0, 100.0, 1000.0], dtype=torch.float64)
    found = spectrum_thermodynamics(grid, grid**2, kelvin, n_atoms=2)
    for ours, debye in zip(found, thermodynamics(400.0, kelvin, n_atoms=2), strict=True):
        torch.testing.assert_close(ours, debye, rtol=1e-4, atol=0)


def test_gradients_of_both_orders_pass_the_numeric_check() -> None:
    density = torch.rand(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    kelvin = torch.tensor([20.0, 90.0, 400.0], dtype=torch.float64)
    arguments = (GRID[3:8].clone().requires_grad_(), density.requires_grad_(), kelvin.requires_grad_())
    assert gradcheck(spectrum_thermodynamics, arguments)
    assert gradgradcheck(spectrum_thermodynamics, arguments)


@pytest.mark.parametrize(
    ("frequency", "density", "temperature", "message"),
    [
        ([100.0, 90.0], [1.0, 1.0], 1.0, "frequency must be in ascending order"),
        ([0.0, 90.0], [1.0, 1.0], 1.0, "frequency must be finite and > 0, found 0.0 at index (0,)"),
        ([80.0, 90.0], [1.0, -1.0], 1.0, "density must be finite and >= 0, found -1.0 at index (1,)"),
        ([80.0, 90.0], [0.0, 0.0], 1.0, "density must be above 0 somewhere"),
        ([80.0, 90.0], [1.0, 1.0, 1.0], 1.0, "density must have one value per point of frequency (2)"),
        ([80.0], [1.0], 1.0, "frequency must be a grid of at least two points"),
        ([80.0, 90.0], [1.0, 1.0], [-1.0], "temperature must be finite and >= 0, found -1.0 at index (0,)"),
        ([80.0, 90.0], [1.0, 1.0], [[1.0]], "temperature must be a number or (m,), found shape (1, 1)"),
    ],
)
def test_a_bad_argument_is_named_with_the_rule_it_breaks(
    frequency: object, density: object, temperature: object, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        spectrum_thermodynamics(frequency, density, temperature)
