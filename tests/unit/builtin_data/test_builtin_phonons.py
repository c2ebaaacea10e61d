"""The table of computed frequencies: as a file, and as the thermal values that reading makes of it."""

import numpy as np
import pytest

from cloudkit.data import read_builtin
from cloudkit.data.builtin_tables import TEMPERATURES, oscillators
from cloudkit.units import DULONG_PETIT, GAS_CONSTANT, KELVIN_PER_THZ

Rows = list[dict[str, str]]


def frequencies(row: dict[str, str]) -> list[float]:
    return [float(value) for value in row["frequencies"].split()]


def test_each_row_holds_64_rising_frequencies_above_zero(tables: dict[str, Rows]) -> None:
    for row in tables["phonons"]:
        thz = frequencies(row)
        assert len(thz) == 64
        assert thz[0] > 0
        assert thz == sorted(thz)


def test_a_string_has_one_row_for_each_teacher(tables: dict[str, Rows]) -> None:
    pairs = [(row["scope"], row["teacher"]) for row in tables["phonons"]]
    assert len(set(pairs)) == len(pairs)
    assert {teacher for _, teacher in pairs} == {"sevennet-l3i5", "nequix-oam-1-pft"}


def test_reading_gives_a_row_for_each_temperature(tables: dict[str, Rows]) -> None:
    table = read_builtin("phonons")
    assert len(table) == len(tables["phonons"]) * len(TEMPERATURES)
    assert table.column("temperature")[: len(TEMPERATURES)] == list(TEMPERATURES)
    assert table.column("id")[:: len(TEMPERATURES)] == [row["id"] for row in tables["phonons"]]
    heat_capacity = table.numbers("heat_capacity")
    assert heat_capacity.min() > 0
    assert heat_capacity.max() < DULONG_PETIT


def test_a_hot_crystal_has_the_heat_capacity_of_dulong_and_petit() -> None:
    heat_capacity, *_ = oscillators(np.full((1, 64), 5.0), np.array([20_000.0]))
    assert heat_capacity[0, 0] == pytest.approx(DULONG_PETIT, rel=1e-4)


def test_a_cold_crystal_has_its_zero_point_energy_and_no_entropy() -> None:
    _, energy, entropy, free = oscillators(np.full((1, 64), 5.0), np.array([2.0]))
    zero_point = 1.5 * GAS_CONSTANT * 5.0 * KELVIN_PER_THZ
    np.testing.assert_allclose([energy[0, 0], free[0, 0]], zero_point, rtol=1e-12)
    assert entropy[0, 0] < 1e-12


def test_entropy_is_the_slope_of_free_energy() -> None:
    thz = np.linspace(1.0, 20.0, 64)[None]
    kelvin = np.array([299.9, 300.0, 300.1])
    heat_capacity, energy, entropy, free = oscillators(thz, kelvin)
    assert entropy[0, 1] == pytest.approx(-(free[0, 2] - free[0, 0]) / 0.2, rel=1e-6)
    assert heat_capacity[0, 1] == pytest.approx((energy[0, 2] - energy[0, 0]) / 0.2, rel=1e-6)
    np.testing.assert_allclose(free, energy - kelvin * entropy, rtol=1e-12)


def test_measured_crystals_are_near_their_computed_values() -> None:
    """The same strings in the table thermal: the median Cv(298.15 K) differs by little."""
    measured, computed = (
        {
            (scope, kelvin): value
            for scope, kelvin, value in zip(
                table.column("scope"),
                table.numbers("temperature"),
                table.numbers("heat_capacity"),
                strict=True,
            )
        }
        for table in (read_builtin("thermal"), read_builtin("phonons"))
    )
    shared = [key for key in measured.keys() & computed.keys() if key[1] == 298.15]
    off = [abs(measured[key] - computed[key]) for key in shared]
    assert len(shared) > 10
    assert float(np.median(off)) < 0.02 * DULONG_PETIT
