"""A table in memory: named columns, and the two kinds of column that data needs, text and numbers."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import DataError


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length, read from `name` (a file, as the user wrote it, or ``builtin thermal``).

    Rows count from 1 in messages, without a header line. numbers_in_file: those of the rows where rows were left out.
    """

    name: str
    columns: dict[str, list[object]]
    numbers_in_file: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def number(self, row: int) -> int:
        """The number in the file, from 1, of a row, counted from 0."""
        return row + 1 if self.numbers_in_file is None else self.numbers_in_file[row]

    def column(self, name: str) -> list[object]:
        """The values of one column; DataError with the nearest name if there is none."""
        if name in self.columns:
            return self.columns[name]
        near = get_close_matches(name, self.columns, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(map(repr, self.columns))}"
        raise DataError(f"{self.name}: there is no column '{name}'; {hint}")

    def text(self, name: str) -> list[str]:
        """One column as text; DataError names the first row that holds none."""
        values = self.column(name)
        for row, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                raise DataError(
                    f"{self.name}: row {self.number(row)}, column '{name}': expected text, found {value!r}"
                )
        return [str(value) for value in values]

    def numbers(
        self, name: str, allowed: Callable[[float], bool] = math.isfinite, wanted: str = "a finite number"
    ) -> NDArray[np.float64]:
        """One column as numbers (rows,); DataError names the first row that is not `wanted` and counts the rest."""
        values = [_number(value) for value in self.column(name)]
        wrong = [row for row, value in enumerate(values) if value is None or not allowed(value)]
        if wrong:
            more = f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
            found = self.column(name)[wrong[0]]
            raise DataError(
                f"{self.name}: row {self.number(wrong[0])}, column '{name}': expected {wanted}, found {found!r}{more}"
            )
        return np.array(values, dtype=np.float64)

    def where(self, keep: Sequence[bool]) -> "Table":
        """The rows for which `keep` is true."""
        chosen = {
            name: [v for v, k in zip(values, keep, strict=True) if k] for name, values in self.columns.items()
        }
        return Table(self.name, chosen, [self.number(row) for row, k in enumerate(keep) if k])

    def text_column(self) -> str:
        """The column that holds the strings: ``scope``, or else the only column of text that is no number."""
        if "scope" in self.columns:
            return "scope"
        texts = [name for name, values in self.columns.items() if _is_text(values)]
        if len(texts) == 1:
            return texts[0]
        raise DataError(
            f"{self.name}: which column holds the strings? candidates: {', '.join(texts) or 'none'}"
        )


def take_fraction(table: Table, column: str, fraction: float) -> Table:
    """The rows of a share of the distinct values of a column, at least one, chosen by a hash of the value.

    So rows of one crystal stay together, and a smaller share lies within a larger one.
    """
    if fraction == 1:
        return table
    hashes = [hashlib.sha256(str(value).encode()).digest() for value in table.column(column)]
    kept = set(sorted(set(hashes))[: max(1, round(fraction * len(set(hashes))))])
    return table.where([one in kept for one in hashes])


class Divided(Protocol):
    """How a file is divided: the key `folds` of a spec."""

    count: int
    seed: int
    fold: int


def take_part(table: Table, part: str, folds: Divided | None) -> Table:
    """The rows of a part (train or test) of the fold that `folds` names; all rows without one, or for the part all."""
    if folds is None or part == "all":
        return table
    return take_fold(table, folds.count, folds.seed, folds.fold, part)


def take_fold(table: Table, count: int, seed: int, fold: int, part: str) -> Table:
    """The rows of one fold (`part` test) or of the others (train), in their order.

    As scikit-learn's ``KFold(count, shuffle=True, random_state=seed)`` divides them. Raises DataError for fewer rows than folds.
    """
    rows = len(table)
    if rows < count:
        raise DataError(f"{table.name}: {rows} rows cannot be divided into {count} folds")
    order = np.arange(rows)
    np.random.RandomState(seed).shuffle(order)
    mine = np.array_split(order, count)[fold]
    return table.where((np.isin(np.arange(rows), mine) == (part == "test")).tolist())


def _number(value: object) -> float | None:
    """The value as a float, None where it is not a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_text(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values) and any(_number(value) is None for value in values)
