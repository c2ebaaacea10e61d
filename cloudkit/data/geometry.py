"""Geometry of structures: columns of a table of strings, packed rows in memory.

A cell of a column in OF_ORBITS holds one number per element in the string, in its order: a list, or text separated by spaces (CSV).
A cell of a column in OF_CRYSTALS holds one number. `cloudkit encode --geometry` writes such tables.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.encoding import EncodeOptions
from cloudkit.encoding.table_rows import CrystalColumn, encode_table_rows
from cloudkit.errors import DataError
from cloudkit.io.tables import Table
from cloudkit.scope import parse
from cloudkit.structure import OF_CRYSTALS, OF_ORBITS, Geometry

Array = NDArray[np.float64]
ORBIT_TARGETS: Final = tuple(OF_ORBITS)
CRYSTAL_TARGETS: Final = tuple(OF_CRYSTALS)
MAX_NAMED: Final = 5  # failures in a note


@dataclass(frozen=True, slots=True)
class PackedGeometry:
    """elements (elements of all strings, 6), offsets (crystals + 1,), crystals (crystals, 3); NaN if missing."""

    elements: Array
    offsets: NDArray[np.int64]
    crystals: Array

    def save(self, folder: Path) -> None:
        """Write ``geometry.npz``."""
        np.savez(
            folder / "geometry.npz", elements=self.elements, offsets=self.offsets, crystals=self.crystals
        )

    @classmethod
    def load(cls, folder: Path) -> "PackedGeometry | None":
        """Read what `save` wrote; None if there is no such file."""
        if not (folder / "geometry.npz").exists():
            return None
        with np.load(folder / "geometry.npz", allow_pickle=False) as arrays:
            return cls(arrays["elements"], arrays["offsets"], arrays["crystals"])

    def row(self, crystal: int) -> tuple[Array, Array]:
        """Return the rows of the elements of one crystal (n, 6), and the row of the crystal (3,)."""
        return self.elements[self.offsets[crystal] : self.offsets[crystal + 1]], self.crystals[crystal]


def pack_geometry(rows: Sequence[tuple[Array, Array]]) -> PackedGeometry:
    """Pack one entry per crystal: (elements, 6) and (3,)."""
    counts = [len(elements) for elements, _ in rows]
    elements = np.concatenate([np.empty((0, len(ORBIT_TARGETS))), *(part for part, _ in rows)])
    crystals = np.array([crystal for _, crystal in rows]).reshape(-1, len(CRYSTAL_TARGETS))
    return PackedGeometry(elements, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), crystals)


def missing_geometry(text: str) -> tuple[Array, Array]:
    """Return NaN rows for a string without a structure."""
    return np.full((count_elements(text), len(ORBIT_TARGETS)), np.nan), np.full(len(CRYSTAL_TARGETS), np.nan)


def count_elements(text: str) -> int:
    """Count the element tokens of a string."""
    scope = parse(text)
    if scope.dialect == "reduced":
        return len(scope.fractions)
    return sum(len(orbit.species or ()) for orbit in scope.orbits)


def geometry_columns(geometry: Geometry) -> dict[str, Any]:
    """Convert geometry to cells of a table: lists for orbits, numbers for the crystal."""
    columns: dict[str, Any] = {
        name: geometry.orbits[:, index].tolist() for index, name in enumerate(ORBIT_TARGETS)
    }
    return columns | dict(zip(CRYSTAL_TARGETS, geometry.crystal.tolist(), strict=True))


def encode_table(
    table: Table, column: CrystalColumn, id: str | None, dialect: str, geometry: bool
) -> tuple[Table, list[str]]:
    """Add a column ``scope`` encoded from structures, and optionally geometry; rows that fail are left out.

    Returns notes with the number of failures and the first of them. Raises DataError if all rows fail.
    """
    options = EncodeOptions(dialect, geometry=geometry)
    rows = list(encode_table_rows(table, column, table.ids(id), options))
    failed = [(row.id, str(row.error)) for row in rows if row.error is not None]
    notes = note_failures(table, failed, "structures have no string")
    kept = table.where([row.error is None for row in rows])
    columns: dict[str, list[object]] = {name: v for name, v in kept.columns.items() if name != column.name}
    columns["scope"] = [row.scope for row in rows if row.error is None]
    if geometry:
        cells = [geometry_columns(row.geometry) for row in rows if row.geometry is not None]
        columns |= {name: [row[name] for row in cells] for name in (*ORBIT_TARGETS, *CRYSTAL_TARGETS)}
    return replace(kept, columns=columns), notes


def note_failures(table: Table, failed: Sequence[tuple[str, str]], what: str) -> list[str]:
    """Return a note with the number of rows that are left out and the first of them, (name, reason); [] if none failed.

    Raises DataError if all rows failed.
    """
    if not failed:
        return []
    named = [f"{name}: {reason}" for name, reason in failed]
    count = f"{len(failed)} of {len(table)} {what}"
    if len(failed) == len(table):
        raise DataError(f"{table.name}: {named[0]} ({count})")
    if len(failed) == 1:
        return [f"{table.name}: {count} and are left out; the first: {named[0]}"]
    more = f"; and {len(failed) - MAX_NAMED} more" if len(failed) > MAX_NAMED else ""
    return [f"{table.name}: {count} and are left out: {'; '.join(named[:MAX_NAMED])}{more}"]


def read_geometry(table: Table, texts: Sequence[str], place: Mapping[str, int]) -> PackedGeometry:
    """Read the geometry of the distinct strings in `place`; rows with the same string are averaged.

    Raises DataError if a column is missing or does not fit its string.
    """
    whole = {name: table.column(name) for name in (*ORBIT_TARGETS, *CRYSTAL_TARGETS)}
    rows: list[list[tuple[Array, Array]]] = [[] for _ in place]
    counts = {text: count_elements(text) for text in place}
    for row, text in enumerate(texts):
        orbits = [_numbers(table, name, row, whole[name][row], counts[text]) for name in ORBIT_TARGETS]
        crystal = [float(_numbers(table, name, row, whole[name][row], 1)[0]) for name in CRYSTAL_TARGETS]
        rows[place[text]].append((np.array(orbits).T, np.array(crystal)))
    return pack_geometry(
        [(np.mean([e for e, _ in same], axis=0), np.mean([c for _, c in same], axis=0)) for same in rows]
    )


def _numbers(table: Table, name: str, row: int, value: object, count: int) -> list[float]:
    """Parse a cell to `count` numbers; null becomes NaN."""
    parts: Sequence[object] = (
        value.split() if isinstance(value, str) else value if isinstance(value, list) else [value]
    )
    try:
        numbers = [math.nan if part is None else float(part) for part in parts]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) != count:
        raise DataError(
            f"{table.name}: row {table.number(row)}, column '{name}': expected {count} numbers, one for each element of the string, "
            f"found {value!r}; `cloudkit encode --geometry` writes such columns"
        )
    return numbers
