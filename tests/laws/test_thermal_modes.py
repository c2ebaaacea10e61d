"""Laws of harmonic solids for every kind of modes, whatever the network says."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import grad

from cloudkit.models.runtime.heads import N_PARAMETERS
from cloudkit.models.thermal import Modes, make_modes

R = 8.31446261815324
KIND = pytest.mark.parametrize("kind", N_PARAMETERS)
KELVIN = (0.0, 1e-3, 0.4, 3.0, 20.0, 77.0, 300.0, 2000.0, 1e5, 1e6)
NUMBERS = st.lists(st.floats(-1.5, 1.5), min_size=13, max_size=13)


def modes_of(kind: str, numbers: list[float]) -> Modes:
    return make_modes(kind, torch.tensor([numbers[: N_PARAMETERS[kind]]], dtype=torch.float64))


def kelvin() -> Tensor:
    return torch.tensor(KELVIN, dtype=torch.float64, requires_grad=True)


@KIND
@settings(max_examples=40, deadline=None)
@given(numbers=NUMBERS)
def test_energy_and_entropy_rise_by_the_heat_capacity(kind: str, numbers: list[float]) -> None:
    at = kelvin()
    u, cv, s, _ = modes_of(kind, numbers).thermodynamics(at)
    (slope_u,) = grad(u.sum(), at, retain_graph=True)
    (slope_s,) = grad(s.sum(), at)
    torch.testing.assert_close(slope_u, cv[0], rtol=1e-6, atol=0)
    torch.testing.assert_close(slope_s[1:], cv[0, 1:] / at[1:], rtol=1e-6, atol=0)


@KIND
@settings(max_examples=40, deadline=None)
@given(numbers=NUMBERS)
def test_free_energy_by_its_own_formula_is_energy_minus_temperature_times_entropy(
    kind: str, numbers: list[float]
) -> None:
    at = kelvin()
    u, _, s, f = modes_of(kind, numbers).thermodynamics(at)
    size = torch.maximum(u, at * s)
    assert ((f - (u - at * s)).abs() <= 1e-13 * size).all()


@KIND
@settings(max_examples=40, deadline=None)
@given(numbers=NUMBERS)
def test_heat_capacity_rises_from_zero_to_at_most_dulong_and_petit(kind: str, numbers: list[float]) -> None:
    modes = modes_of(kind, numbers)
    u, cv, s, _ = modes.thermodynamics(kelvin())
    assert cv[0, 0] == s[0, 0] == 0 and not any(part.isnan().any() for part in (u, cv, s))
    assert (cv[0].diff() >= -1e-12).all() and (cv[0] <= 3 * R * (1 + 1e-12)).all()
    assert cv[0, -1].item() == pytest.approx(3 * R, rel=1e-3)
    assert u[0, 0].item() == pytest.approx(modes.zero_point().item(), rel=1e-12)


@KIND
@settings(max_examples=40, deadline=None)
@given(numbers=st.lists(st.floats(-1e30, 1e30), min_size=13, max_size=13))
def test_shares_add_up_to_all_modes_and_frequencies_are_positive_and_finite(
    kind: str, numbers: list[float]
) -> None:
    modes = modes_of(kind, numbers)
    shares = torch.cat([modes.debye_share, modes.einstein_share], dim=1)
    frequencies = torch.cat([modes.debye, modes.einstein], dim=1)
    assert shares.sum().item() == pytest.approx(1, abs=1e-12) and (shares >= 0).all()
    assert (frequencies > 0).all() and frequencies.isfinite().all()


@pytest.mark.parametrize("kind", ["debye", "debye_einstein", "spectrum"])
@settings(max_examples=40, deadline=None)
@given(numbers=NUMBERS, part=st.floats(0.2, 1.0))
def test_the_cube_law_holds_near_zero(kind: str, numbers: list[float], part: float) -> None:
    modes = modes_of(kind, numbers)
    theta = modes.acoustic().item()
    if kind == "spectrum":  # its quadratic segment ends at the first grid point
        at = part * min(theta / 50, modes.debye.item() / 20)
        cv = modes.thermodynamics(torch.tensor([at], dtype=torch.float64)).heat_capacity.item()
    else:  # the Debye part alone: an Einstein frequency below it adds to the whole
        at = part * modes.debye.item() / 50
        own = modes._replace(einstein=modes.einstein[:, :0], einstein_share=modes.einstein_share[:, :0])
        cv = own.thermodynamics(torch.tensor([at], dtype=torch.float64)).heat_capacity.item()
    assert cv == pytest.approx(12 * math.pi**4 / 5 * R * (at / theta) ** 3, rel=1e-2)


@pytest.mark.parametrize("kind", ["debye", "spectrum"])
@settings(max_examples=20, deadline=None)
@given(numbers=NUMBERS)
def test_the_density_integrates_to_three_and_starts_as_the_square(kind: str, numbers: list[float]) -> None:
    modes = modes_of(kind, numbers)
    top = modes.highest().item()
    nu = torch.linspace(0, top, 200_001, dtype=torch.float64)[None]
    density = modes.density(nu)
    assert (density >= 0).all() and modes.density(
        torch.tensor([[1.01 * top]], dtype=torch.float64)
    ).item() == 0
    assert torch.trapezoid(density[0], nu[0]).item() == pytest.approx(3, rel=1e-2)
    low = torch.tensor([[0.5 * modes.debye.item()]], dtype=torch.float64)
    assert modes.density(low).item() == pytest.approx(9 * low.item() ** 2 / modes.acoustic().item() ** 3)
