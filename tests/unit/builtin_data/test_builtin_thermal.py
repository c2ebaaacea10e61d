"""The thermal table against thermodynamics and measurements, and the sums over a density against closed forms."""

import math
from itertools import pairwise
from statistics import median
from types import ModuleType

import numpy as np
import pytest

Rows = list[dict[str, str]]
R = 8.31446261815324
QUANTITIES = ("temperature", "heat_capacity", "internal_energy", "entropy", "free_energy")

# Entropy at 298.15 K and 1 bar, J/K per mole of the formula: CODATA Key Values for Thermodynamics
# (J. D. Cox, D. D. Wagman, V. A. Medvedev, Hemisphere, New York, 1989). No magnetic compounds.
MEASURED_ENTROPY = {
    "Ag_sg225": (42.55, 1), "Al_sg225": (28.30, 1), "Al2O3_sg167_Corundum": (50.92, 5), "Be_sg194": (9.50, 1),
    "BeO_sg186": (13.77, 2), "BO3H3_sg2_BoricAcid": (89.95, 7), "C_sg194_pyrolytic_graphite": (5.74, 1),
    "Ca_sg225": (41.59, 1), "CaO_sg225_CalciumOxide": (38.1, 2), "Cu_sg225": (33.15, 1), "Ge_sg227": (31.09, 1),
    "K_sg229": (64.68, 1), "Mg_sg194": (32.67, 1), "MgF2_sg136_MagnesiumFlouride": (57.2, 3),
    "MgO_sg225_Periclase": (26.95, 2), "Na_sg229": (51.30, 1), "Pb_sg225": (64.80, 1), "Rb_sg229": (76.78, 1),
    "Si_sg227": (18.81, 1), "SiO2-alpha_sg154_AlphaQuartz": (41.46, 3), "Sn_sg141": (51.18, 1),
    "Th_sg225": (51.8, 1), "ThO2_sg225_ThoriumDioxide": (65.23, 3), "Ti_sg194": (30.72, 1),
    "TiO2_sg136_Rutile": (50.62, 3), "UF6_sg62_UraniumHexaflouride": (227.6, 7), "Zn_sg194": (41.63, 1),
}  # fmt: skip

# Heat capacity at constant pressure at 298.15 K, J/(mol K) of the formula: NIST-JANAF Thermochemical Tables
# (M. W. Chase, 4th edition, 1998). It exceeds Cv by the work of expansion: 0 to 7 % in these solids.
MEASURED_HEAT_CAPACITY = {
    "Al_sg225": (24.2, 1), "Cu_sg225": (24.4, 1), "Si_sg227": (20.0, 1), "MgO_sg225_Periclase": (37.2, 2),
    "Al2O3_sg167_Corundum": (79.0, 5), "C_sg227_Diamond": (6.12, 1), "NaCl_sg225_SodiumChloride": (50.5, 2),
    "Pb_sg225": (26.7, 1), "LiF_sg225_LithiumFlouride": (41.9, 2), "SiO2-alpha_sg154_AlphaQuartz": (44.6, 3),
    "TiO2_sg136_Rutile": (55.1, 3), "CaF2_sg225_CalciumFlouride": (68.6, 3),
}  # fmt: skip


@pytest.fixture(scope="module")
def curves(tables: dict[str, Rows]) -> dict[str, np.ndarray]:
    """id -> (temperatures, 5) with the columns of QUANTITIES."""
    found: dict[str, list[list[float]]] = {}
    for row in tables["thermal"]:
        found.setdefault(row["id"], []).append([float(row[name]) for name in QUANTITIES])
    return {name: np.array(values) for name, values in found.items()}


def at(curve: np.ndarray, temperature: float, quantity: str) -> float:
    return float(curve[curve[:, 0] == temperature, QUANTITIES.index(quantity)].item())


def rounding(*values: float) -> float:
    """Largest error of a sum of values that are each rounded to six significant digits."""
    return sum(0.5 * 10 ** (math.floor(math.log10(abs(value))) - 5) for value in values)


def test_temperatures_rise_and_contain_75_150_300_and_600(curves: dict[str, np.ndarray]) -> None:
    for curve in curves.values():
        assert np.all(np.diff(curve[:, 0]) > 0)
        assert {5, 75, 150, 298.15, 300, 600, 1000} <= set(curve[:, 0].tolist())


def test_heat_capacity_rises_with_temperature_and_stays_below_three_r(curves: dict[str, np.ndarray]) -> None:
    for curve in curves.values():
        assert np.all(np.diff(curve[:, 1]) > 0)
        assert curve[0, 1] > 0 and curve[-1, 1] < 3 * R


def test_energy_rises_by_the_heat_capacity(curves: dict[str, np.ndarray]) -> None:
    """Cv grows with T, so the mean slope of U between two temperatures lies between the two values of Cv."""
    for curve in curves.values():
        for (t1, c1, u1, _, _), (t2, c2, u2, _, _) in pairwise(curve.tolist()):
            slack = rounding(u1, u2) + (t2 - t1) * rounding(c1, c2)
            assert c1 * (t2 - t1) - slack <= u2 - u1 <= c2 * (t2 - t1) + slack


def test_entropy_rises_by_heat_capacity_over_temperature(curves: dict[str, np.ndarray]) -> None:
    for curve in curves.values():
        for (t1, c1, _, s1, _), (t2, c2, _, s2, _) in pairwise(curve.tolist()):
            step = math.log(t2 / t1)
            slack = rounding(s1, s2) + step * rounding(c1, c2)
            assert c1 * step - slack <= s2 - s1 <= c2 * step + slack


def test_free_energy_falls_by_the_entropy(curves: dict[str, np.ndarray]) -> None:
    for curve in curves.values():
        for (t1, _, _, s1, f1), (t2, _, _, s2, f2) in pairwise(curve.tolist()):
            slack = rounding(f1, f2) + (t2 - t1) * rounding(s1, s2)
            assert s1 * (t2 - t1) - slack <= f1 - f2 <= s2 * (t2 - t1) + slack


def test_free_energy_is_energy_minus_temperature_times_entropy(curves: dict[str, np.ndarray]) -> None:
    for curve in curves.values():
        for t, _, u, s, f in curve.tolist():
            assert abs(f - (u - t * s)) <= rounding(f, u) + t * rounding(s)


def test_energy_at_high_temperature_is_three_r_t_whatever_the_zero_point(
    curves: dict[str, np.ndarray],
) -> None:
    """Zero-point energy included, U exceeds 3RT by less than 3R<theta^2>/12T and never falls below it."""
    for curve in curves.values():
        excess = curve[:, 2] - 3 * R * curve[:, 0]
        assert np.all(excess > 0) and np.all(np.diff(excess) < 1e-5 * curve[1:, 2])


def test_entropies_agree_with_measured_ones(curves: dict[str, np.ndarray]) -> None:
    errors = {
        name: at(curves[name], 298.15, "entropy") * atoms / measured - 1
        for name, (measured, atoms) in MEASURED_ENTROPY.items()
    }
    assert max(map(abs, errors.values())) < 0.17, errors
    assert median(map(abs, errors.values())) < 0.04, errors


@pytest.mark.parametrize("name", MEASURED_HEAT_CAPACITY)
def test_heat_capacity_at_room_temperature_agrees_with_the_measured_one(
    curves: dict[str, np.ndarray], name: str
) -> None:
    measured, atoms = MEASURED_HEAT_CAPACITY[name]
    assert -0.08 < at(curves[name], 298.15, "heat_capacity") * atoms / measured - 1 < 0.06


def test_copper_at_20_kelvin_agrees_with_the_measured_lattice_heat_capacity(
    curves: dict[str, np.ndarray],
) -> None:
    """0.462 J/mol/K measured less 0.014 of the electrons (G. T. Furukawa et al., NSRDS-NBS 18, 1968)."""
    assert at(curves["Cu_sg225"], 20, "heat_capacity") == pytest.approx(0.448, rel=0.05)


# --- the sums themselves


def debye_density(tools: dict[str, ModuleType], theta: float):  # type: ignore[no-untyped-def]
    grid = np.linspace(0.01, 1, 4000) * theta * 8.617333262e-5
    return tools["data_thermal"].integrate_density(grid, grid**2)


def test_a_debye_density_has_the_energy_and_low_temperature_limit_of_debye(
    tools: dict[str, ModuleType],
) -> None:
    theta, density = 400.0, debye_density(tools, 400.0)
    heat_capacity, energy, entropy, _ = tools["data_thermal"].thermodynamics(density, theta / 100)
    cubic = 12 * math.pi**4 / 5 * R * 0.01**3
    assert heat_capacity == pytest.approx(cubic, rel=3e-5)
    assert entropy == pytest.approx(cubic / 3, rel=3e-5)
    assert energy == pytest.approx(9 / 8 * R * theta + cubic * theta / 400, rel=3e-5)


def test_a_debye_density_at_its_own_temperature_has_debyes_tabulated_heat_capacity(
    tools: dict[str, ModuleType],
) -> None:
    heat_capacity, *_ = tools["data_thermal"].thermodynamics(debye_density(tools, 300.0), 300.0)
    assert heat_capacity / (3 * R) == pytest.approx(0.951732, rel=3e-5)  # Landolt-Börnstein, T/theta = 1


def test_a_narrow_density_behaves_like_einsteins_oscillator(tools: dict[str, ModuleType]) -> None:
    """Einstein 1907: Cv/3R = x² eˣ/(eˣ-1)², 0.920674 at x = 1; the sum tends to it as the line narrows."""
    grid = 300 * 8.617333262e-5 * np.linspace(0.999, 1.001, 5)
    density = tools["data_thermal"].integrate_density(grid, np.array([1e-9, 1.0, 1.0, 1.0, 1e-9]))
    heat_capacity, *_ = tools["data_thermal"].thermodynamics(density, 300.0)
    assert heat_capacity / (3 * R) == pytest.approx(0.920674, rel=3e-5)
