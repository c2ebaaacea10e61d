"""Heads: what masking hides, and the scale on which labels are learned."""

import math

import numpy as np
import pytest
import torch

from cloudkit.errors import DataError
from cloudkit.kernels import thermodynamics
from cloudkit.models import MaskedTokens, Regression, Thermal, make_inputs
from cloudkit.models.runtime.heads import N_PARAMETERS
from cloudkit.units import KELVIN_PER_THZ

KINDS = list(N_PARAMETERS)


@pytest.fixture
def head() -> MaskedTokens:
    return MaskedTokens(8, 100, 0.15, mask_id=4, ordinary=range(5, 100))


def test_masking_hides_its_share_of_ordinary_tokens_and_no_special_one(head: MaskedTokens) -> None:
    ids = torch.randint(0, 100, (40_000,), generator=torch.Generator().manual_seed(1))
    inputs = make_inputs(ids.numpy(), np.array([0, len(ids)]), None, "reduced")
    changed, places = head.mask(inputs, torch.rand(3, len(ids), generator=torch.Generator().manual_seed(2)))
    assert (ids[places] >= 5).all()
    assert len(places) / int((ids >= 5).sum()) == pytest.approx(0.15, abs=0.01)
    assert ((changed != ids).nonzero()[:, 0][:, None] == places).any(dim=1).all()
    masked = (changed[places] == 4).float().mean().item()
    kept = (changed[places] == ids[places]).float().mean().item()
    assert (masked, kept) == pytest.approx((0.8, 0.1), abs=0.02)


def test_masking_always_hides_something(head: MaskedTokens) -> None:
    inputs = make_inputs(np.array([0, 7, 2]), np.array([0, 3]), None, "reduced")
    for draw in (0.0, 0.5, 0.99):
        assert head.mask(inputs, torch.full((3, 3), draw))[1].tolist() == [1]


@pytest.mark.parametrize("transform", ["none", "log", "sqrt"])
def test_a_label_comes_back_from_the_scale_of_its_head(transform: str) -> None:
    head = Regression(["gap", "modulus"], 4, 0, 4, transform)
    quantity = torch.tensor([0, 1, 0, 1, 0, 1])
    value = torch.tensor([1.0, 150.0, 2.0, 90.0, 6.0, 30.0], dtype=torch.float64)
    head.fit_scale(quantity, value)
    scaled = head.standardize(value, quantity)
    for index in (0, 1):
        assert scaled[quantity == index].mean().item() == pytest.approx(0, abs=1e-6)
        assert scaled[quantity == index].std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert head.restore(scaled, quantity).tolist() == pytest.approx(value.tolist(), rel=1e-5)


@pytest.mark.parametrize("unit", [1e-15, 1.0, 1e15])
def test_labels_are_learned_alike_in_every_unit(unit: float) -> None:
    head, quantity = Regression(["strain"], 4, 0, 4, "none"), torch.zeros(3, dtype=torch.int64)
    value = unit * torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64)
    head.fit_scale(quantity, value)
    assert head.standardize(value, quantity).std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert head.restore(head.standardize(value, quantity), quantity).tolist() == pytest.approx(value.tolist())


def test_labels_that_do_not_vary_are_learned_without_dividing_by_zero() -> None:
    head = Regression(["gap"], 4, 0, 4, "none")
    head.fit_scale(torch.zeros(3, dtype=torch.int64), torch.full((3,), 2.0, dtype=torch.float64))
    assert head.restore(torch.zeros(1), torch.zeros(1, dtype=torch.int64)).item() == 2.0
    head.fit_scale(torch.zeros(3, dtype=torch.int64), torch.full((3,), 0.1, dtype=torch.float64))  # std 1e-17
    assert head.spread.item() == 1.0


def test_a_logarithm_of_labels_not_above_zero_is_refused() -> None:
    with pytest.raises(DataError, match="needs labels above 0, found -1"):
        Regression(["gap"], 4, 0, 4, "log").transform(torch.tensor([1.0, -1.0]))


def test_statistics_reach_the_numbers_by_a_straight_line_on_the_scale_of_the_training_crystals() -> None:
    head = Regression(["gap"], 2, 3, 4, "none").eval()
    known = torch.tensor([[1.0, 10.0, 5.0], [3.0, 30.0, 5.0]])
    head.fit_inputs(known)
    assert head.line is not None
    torch.nn.init.ones_(head.line.weight)
    torch.nn.init.zeros_(head.body[-1].weight)
    pooled = torch.cat([torch.randn(2, 2), known], dim=1)
    assert head.raw_outputs(pooled)[:, 0].tolist() == pytest.approx([-2.0, 2.0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_thermal_head_returns_each_quantity_at_its_place(kind: str) -> None:
    outputs = [
        "entropy",
        "highest_frequency",
        "heat_capacity",
        "enthalpy_increment",
        "heat_capacity_p",
        "internal_energy",
    ]
    head = Thermal(outputs, kind, 3, 0, 4, 5e-6).eval()
    pooled = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    head.fit_scale(torch.arange(6), torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0, 60.0], dtype=torch.float64))
    sequence, quantity = torch.tensor([0, 1, 1, 0, 1, 0, 1]), torch.tensor([0, 1, 2, 3, 4, 5, 0])
    kelvin = torch.tensor([50.0, math.nan, 100.0, 0.0, 300.0, 900.0, 20.0])
    found = head.restore(head(pooled, sequence, quantity, kelvin), quantity)
    modes = head.modes(pooled)
    for row in range(7):
        own = modes.rows(sequence[row : row + 1])
        at = own.thermodynamics(kelvin[row : row + 1].nan_to_num())
        cv = at.heat_capacity
        wanted = {
            "highest_frequency": own.highest() / KELVIN_PER_THZ,
            "enthalpy_increment": at.internal_energy - own.thermodynamics(torch.zeros(1)).internal_energy,
            "heat_capacity_p": cv + 5e-6 * cv**2 * kelvin[row],
            **at._asdict(),
        }[outputs[quantity[row]]]
        assert found[row].item() == pytest.approx(wanted.item(), rel=1e-5, abs=1e-3)


def test_the_best_factor_of_a_crystal_is_that_between_its_frequencies_and_those_of_the_head() -> None:
    head = Thermal(["heat_capacity"], "debye", 1, 0, 4, 0.0).eval()
    torch.nn.init.zeros_(head.body[-1].weight)
    kelvin = torch.tensor([30.0, 80.0, 200.0], dtype=torch.float64).repeat(9)
    sequence = torch.arange(9).repeat_interleave(3)
    off = torch.linspace(-0.4, 0.4, 9)[sequence]  # the true frequencies, against those of the head
    truth = thermodynamics(450.0 * off.double().exp(), kelvin).heat_capacity
    zero = torch.zeros(27, dtype=torch.int64)
    head.fit_scale(zero, truth)
    found = head.best_factors(torch.zeros(9, 1), sequence, zero, kelvin, truth)
    assert found.tolist() == pytest.approx(np.linspace(-0.4, 0.4, 9).tolist(), abs=0.011)
