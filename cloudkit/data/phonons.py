"""Frequencies of crystals -> thermal values: how the built-in table of phonons becomes labels."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.io.tables import Table
from cloudkit.units import GAS_CONSTANT, KELVIN_PER_THZ

TEMPERATURES: Final = (50.0, 75.0, 100.0, 150.0, 200.0, 298.15, 400.0, 600.0)  # K
QUANTITIES: Final = ("heat_capacity", "internal_energy", "entropy", "free_energy")


def thermal_rows(table: Table) -> Table:
    """A row for each crystal and temperature in place of a row with frequencies for each crystal.

    The column `frequencies` (quantiles of the density of states in THz, separated by blanks) gives way to `temperature` (K) and
    QUANTITIES, harmonic and per mole of atoms, in the units of the built-in table thermal.
    """
    frequencies = [str(text).split() for text in table.column("frequencies")]
    values = oscillators(np.array(frequencies, dtype=np.float64), np.array(TEMPERATURES))
    columns: dict[str, list[object]] = {
        name: [value for value in column for _ in TEMPERATURES]
        for name, column in table.columns.items()
        if name != "frequencies"
    }
    kelvin: list[object] = [*TEMPERATURES]
    columns["temperature"] = kelvin * len(table)
    for name, found in zip(QUANTITIES, values, strict=True):
        columns[name] = list(found.ravel().tolist())
    return Table(table.name, columns)


def oscillators(thz: NDArray[np.float64], kelvin: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Cv, U, S and F (crystals, temperatures) of harmonic oscillators of equal weight; zero-point energy included.

    thz (crystals, oscillators): frequencies above 0. kelvin (temperatures,): above 0.
    """
    x = (thz * KELVIN_PER_THZ)[:, None, :] / kelvin[:, None]
    occupation = 1 / np.expm1(np.minimum(x, 700.0))
    log_term = np.log(-np.expm1(-x))
    heat_capacity = (x**2 * occupation * (1 + occupation)).mean(2)
    internal_energy = (x * (0.5 + occupation)).mean(2) * kelvin
    entropy = (x * occupation - log_term).mean(2)
    free_energy = (0.5 * x + log_term).mean(2) * kelvin
    return tuple(3 * GAS_CONSTANT * part for part in (heat_capacity, internal_energy, entropy, free_energy))
