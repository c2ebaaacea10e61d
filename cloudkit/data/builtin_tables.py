"""Built-in tables."""

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
    """Return the file of a built-in table.

    Parameters
    ----------
    name : str
        One of BUILTIN.

    Returns
    -------
    Path
        A .csv.gz file.

    Raises
    ------
    DataError
        For an unknown name.

    Examples
    --------
    >>> builtin_path("thermal").name
    'thermal.csv.gz'
    """
    if name not in BUILTIN:
        raise DataError(f"unknown built-in data '{name}'; choose from {', '.join(BUILTIN)}")
    return Path(__file__).parent / "builtin" / f"{name}.csv.gz"


def read_builtin(name: str, part: str = "all") -> Table:
    """Read a built-in table.

    Parameters
    ----------
    name : str
        One of BUILTIN. `phonons` has thermal quantities at eight temperatures in place of its frequencies.
    part : {"all", "train", "test"}
        Part of the table, if it has a column ``part``.

    Returns
    -------
    Table
        The rows of the part.

    Raises
    ------
    DataError
        For an unknown name or part.

    Examples
    --------
    >>> read_builtin("minerals").name
    'builtin minerals'
    """
    table = read_table(builtin_path(name))
    table = Table(f"builtin {name}", table.columns)
    if name == "phonons":
        table = thermal_rows(table)
    if part == "all":
        return table
    if part not in PARTS or "part" not in table.columns:
        parts = PARTS if "part" in table.columns else PARTS[-1:]
        raise DataError(f"{table.name} has no part '{part}'; choose from {', '.join(parts)}")
    return table.where([value == part for value in table.column("part")])


TEMPERATURES: Final = (50.0, 75.0, 100.0, 150.0, 200.0, 298.15, 400.0, 600.0)  # K
QUANTITIES: Final = ("heat_capacity", "internal_energy", "entropy", "free_energy")


def thermal_rows(table: Table) -> Table:
    """Replace phonon frequencies by thermal quantities: one row per crystal and temperature.

    The column `frequencies` (quantiles of the density of states in THz, separated by spaces) becomes `temperature` (K) and
    QUANTITIES, harmonic, per mole of atoms, in the units of the built-in table thermal.
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
    for name, part in zip(QUANTITIES, values, strict=True):
        columns[name] = list(part.ravel().tolist())
    return Table(table.name, columns)


def oscillators(thz: NDArray[np.float64], kelvin: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Compute Cv, U, S and F (crystals, temperatures) of equally weighted harmonic oscillators, with zero-point energy.

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
