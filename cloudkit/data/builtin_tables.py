"""The tables that ship with cloudkit."""

from pathlib import Path
from typing import Final

from cloudkit.data.phonons import thermal_rows
from cloudkit.errors import DataError
from cloudkit.io import Table, read_table

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
