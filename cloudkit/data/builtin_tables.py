"""The tables that ship with cloudkit."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import DataError
from cloudkit.io import Table, read_table
from cloudkit.units import GAS_CONSTANT, KELVIN_PER_THZ

BUILTIN: Final = ("thermal", "minerals", "prototypes", "phonons")
PARTS: Final = ("train", "test", "all")


def builtin_path(name: str) -> Path:
    """The file of a built-in table; DataError for an unknown name."""
    if name not in BUILTIN:
        raise DataError(f"there is no built-in data '{name}'; there are {', '.join(BUILTIN)}")
    return Path(__file__).parent / "builtin" / f"{name}.csv.gz"


def read_builtin(name: str, part: str = "all") -> Table:
    """A table that ships with cloudkit; `part` is train, test or all (where the table has a column ``part``).

    phonons: thermal values at a few temperatures instead of the frequencies.
    """
    table = read_table(builtin_path(name))
    table = Table(f"builtin {name}", table.columns)
    if name == "phonons":
        table = thermal_rows(table)
    if part == "all":
        return table
    if part not in PARTS or "part" not in table.columns:
        known = PARTS if "part" in table.columns else PARTS[-1:]
        raise DataError(f"{table.name} has no part '{part}'; there is {', '.join(known)}")
    return table.where([value == part for value in table.column("part")])


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
