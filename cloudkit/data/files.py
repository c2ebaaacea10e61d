"""Tables in memory, from files or from the data that ships with cloudkit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cloudkit.data.phonons import thermal_rows
from cloudkit.data.streams import Columns, read_batches
from cloudkit.data.table import Table
from cloudkit.errors import DataError

BUILTIN: Final = ("thermal", "minerals", "prototypes", "phonons")
PARTS: Final = ("train", "test", "all")


def read_table(path: str | Path) -> Table:
    """Read a .csv, .jsonl or .parquet file, of which the first two may be gzipped (``.csv.gz``), or a folder of shards.

    Also a .json or .json.gz file of {"columns": […], "data": [[…], …]}, the form of matminer's data sets.

    CSV values stay text, JSON and Parquet values keep their type. Raises DataError for a file that is missing,
    unreadable, empty or not rectangular.
    """
    table = Table(str(path), _join(list(read_batches(path))))
    if not len(table):
        raise DataError(f"{path}: the table has no rows")
    return table


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


def _join(batches: Sequence[Columns]) -> Columns:
    """Batches as one; a column that one of them lacks is empty there."""
    if len(batches) == 1:
        return batches[0]
    names = list(dict.fromkeys(name for batch in batches for name in batch))
    joined: Columns = {name: [] for name in names}
    for batch in batches:
        rows = len(next(iter(batch.values()), []))
        for name in names:
            joined[name] += batch.get(name) or [None] * rows
    return joined
