"""Thermal data: harmonic thermodynamics of the crystals of `ncrystal` from their phonon densities of states.

A crystal of NCrystal's standard library that carries a measured or computed density of states for every element
-> total density per atom -> heat capacity, energy, entropy and free energy per mole of atoms at TEMPERATURES.
"""

import hashlib
from typing import Any, Final, NamedTuple

import numpy as np
from data_crystal import Encoded, Entry, Floats, encode_entries, entry_formula, lattice_rows
from numpy.polynomial.legendre import leggauss

from cloudkit.units import GAS_CONSTANT

TEMPERATURES: Final = (
    *(5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 175, 200, 225, 250, 275, 298.15, 300),
    *(350, 400, 450, 500, 550, 600, 700, 800, 900, 1000),
)
COLUMNS: Final = (
    *("id", "formula", "scope", "n_atoms", "temperature"),
    *("heat_capacity", "internal_energy", "entropy", "free_energy", "part"),
)
KELVIN_PER_EV: Final = 1 / 8.617333262e-5  # 1/k_B, CODATA 2018
TEST_SHARE: Final = 3  # one formula in three: of fewer crystals, chance decides which model is ahead
POINTS_PER_BIN: Final = 8  # Gauss-Legendre points in each interval of the grid
POINTS_BELOW: Final = 64  # and in the interval from 0 to the first grid point


class Density(NamedTuple):
    """Quadrature points of a density of states: energies in K, weights that sum to 3 (modes per atom)."""

    energy: Floats
    weight: Floats


def _rule(start: Floats, stop: Floats, points: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre points and weights on each interval; (n,), (n,) -> (n, points) twice."""
    x, w = leggauss(points)
    half = (stop - start)[:, None] / 2
    return start[:, None] + half * (1 + x), half * w


def integrate_density(grid: Floats, density: Floats) -> Density:
    """Density linear between grid points (energies in eV, > 0) and growing as E² from 0 to the first of them."""
    x, dx = _rule(grid[:-1], grid[1:], POINTS_PER_BIN)
    x0, dx0 = _rule(np.zeros(1), grid[:1], POINTS_BELOW)
    below = density[0] * (x0 / grid[0]) ** 2
    energy = np.concatenate([x0.ravel(), x.ravel()])
    weight = np.concatenate([(dx0 * below).ravel(), (dx * np.interp(x, grid, density)).ravel()])
    return Density(energy * KELVIN_PER_EV, weight * 3 / weight.sum())


def thermodynamics(density: Density, temperature: float) -> tuple[float, ...]:
    """Cv, U, S, F per mole of atoms of harmonic oscillators, zero-point energy included; temperature > 0 K.

    J/mol/K, J/mol, J/mol/K, J/mol. Each is summed by its own formula.
    """
    x = density.energy / temperature
    occupation = 1 / np.expm1(np.minimum(x, 700))
    log_term = np.log(-np.expm1(-x))
    heat_capacity = density.weight @ (x**2 * occupation * (1 + occupation))
    internal_energy = density.weight @ (x * (0.5 + occupation)) * temperature
    entropy = density.weight @ (x * occupation - log_term)
    free_energy = density.weight @ (0.5 * x + log_term) * temperature
    return tuple(float(GAS_CONSTANT * v) for v in (heat_capacity, internal_energy, entropy, free_energy))


def part_of(formula: str) -> str:
    """'test' for about one reduced formula in three, decided by its SHA-256 alone."""
    number = int.from_bytes(hashlib.sha256(formula.encode()).digest()[:8])
    return "test" if number % TEST_SHARE == 0 else "train"


def _density_of(info: Any) -> Density:
    """Total density per atom: the elements' densities, each normalized to 3, weighted by their atomic fractions."""
    parts = []
    for item in info.dyninfos:
        values = np.asarray(item.vdosOrigDensity(), dtype=np.float64)
        ends = item.vdosOrigEgrid()
        grid = (
            np.linspace(ends[0], ends[1], len(values))
            if len(ends) == 2
            else np.asarray(ends, dtype=np.float64)
        )
        energy, weight = integrate_density(grid, values)
        parts.append((energy, item.fraction * weight))
    return Density(np.concatenate([e for e, _ in parts]), np.concatenate([w for _, w in parts]))


def _entry_of(name: str, info: Any) -> Entry:
    cell = info.structure_info
    lattice = lattice_rows(*(float(cell[key]) for key in ("a", "b", "c", "alpha", "beta", "gamma")))
    positions = np.array([xyz for atom in info.atominfos for xyz in atom.positions], dtype=np.float64)
    symbols = [atom.atomData.elementName() for atom in info.atominfos for _ in atom.positions]
    return Entry(name.removesuffix(".ncmat"), "", lattice, positions, tuple(symbols))


def _why_not(info: Any) -> str:
    """Why a material of the library is not in the table; '' if it is."""
    if not info.hasAtomInfo():
        return "no crystal structure (gases, liquids, polymers)"
    if any(not atom.atomData.isNaturalElement() for atom in info.atominfos):
        return "isotopically enriched (the string would equal that of the natural compound)"
    if any(type(item).__name__ != "DI_VDOS" for item in info.dyninfos):
        return "a Debye temperature instead of a density of states"
    return ""


def read_materials() -> tuple[list[tuple[Entry, Density]], dict[str, list[str]], str]:
    """Crystals with densities, the names left out by reason, and the SHA-256 of the texts of all that were read."""
    import NCrystal  # type: ignore[import-untyped]

    digest = hashlib.sha256()
    kept: list[tuple[Entry, Density]] = []
    excluded: dict[str, list[str]] = {}
    for name in sorted(file.name for file in NCrystal.browseFiles(factory="stdlib")):
        info = NCrystal.createInfo(f"stdlib::{name}")
        if reason := _why_not(info):
            excluded.setdefault(reason, []).append(name.removesuffix(".ncmat"))
            continue
        digest.update(NCrystal.createTextData(f"stdlib::{name}").rawData.encode())
        kept.append((_entry_of(name, info), _density_of(info)))
    return kept, excluded, digest.hexdigest()


def _rows_of(item: Encoded, density: Density) -> list[tuple[str, ...]]:
    formula = entry_formula(item.entry)
    head = (item.entry.id, formula, item.scope, str(item.n_atoms))
    rows: list[tuple[str, ...]] = []
    for temperature in TEMPERATURES:
        values = (f"{value:.6g}" for value in thermodynamics(density, temperature))
        rows.append((*head, f"{temperature:g}", *values, part_of(formula)))
    return rows


def build() -> tuple[list[tuple[str, ...]], dict[str, list[str]], str]:
    """Rows of the table (crystals by id, temperatures rising), names left out by reason, hash of the source."""
    materials, excluded, source = read_materials()
    densities = {entry.id: density for entry, density in materials}
    encoded, failed = encode_entries([entry for entry, _ in materials])
    for entry, reason in failed:
        excluded.setdefault(reason, []).append(entry.id)
    seen: dict[str, str] = {}
    rows: list[tuple[str, ...]] = []
    for item in encoded:
        if item.scope in seen:
            excluded.setdefault("same string as another crystal", []).append(item.entry.id)
            continue
        seen[item.scope] = item.entry.id
        rows.extend(_rows_of(item, densities[item.entry.id]))
    return rows, excluded, source
