"""Subsets of a table: fractions, filters, and folds of a cross-validation."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import DataError
from cloudkit.io.tables import Table


def take_fraction(table: Table, column: str, fraction: float) -> Table:
    """Select a fraction of the distinct values of a column, by their hashes, with all their rows.

    So rows of one crystal stay together, and a smaller fraction is a subset of a larger one.

    Parameters
    ----------
    table, column
        Table, and name of a column.
    fraction : float
        Above 0, at most 1; at least one value is kept.

    Returns
    -------
    Table
        In the order of the table.

    Examples
    --------
    >>> table = Table("t.csv", {"scope": ["a", "b", "a", "b"]})
    >>> len(take_fraction(table, "scope", 0.5))
    2
    """
    if fraction == 1:
        return table
    hashes = [hashlib.sha256(str(value).encode()).digest() for value in table.column(column)]
    kept = set(sorted(set(hashes))[: max(1, round(fraction * len(set(hashes))))])
    return table.where([digest in kept for digest in hashes])


def take_where(table: Table, where: Mapping[str, Sequence[object]]) -> Table:
    """Select the rows whose columns have one of the allowed values.

    Parameters
    ----------
    table : Table
        The table.
    where : mapping
        Column -> allowed values; numbers are compared as numbers, everything else as text.

    Returns
    -------
    Table
        At least one row.

    Raises
    ------
    DataError
        If a column is missing or no row is left.

    Examples
    --------
    >>> table = Table("labels.csv", {"cv": [24.3, 25.1], "t": ["300", "400.0"]})
    >>> take_where(table, {"t": [400]}).columns["cv"]
    [25.1]
    """
    for name, values in where.items():
        wanted = {_comparable(value) for value in values}
        kept = table.where([_comparable(value) in wanted for value in table.column(name)])
        if not len(kept):
            allowed = ", ".join(map(str, values))
            raise DataError(f"{table.name}: no row has {name} = {allowed}; correct `where`")
        table = kept
    return table


def _comparable(value: object) -> float | str:
    try:
        return float(str(value))
    except ValueError:
        return str(value)


class FoldSettings(Protocol):
    """The key `folds` of a spec."""

    count: int
    seed: int
    fold: int
    stratified: bool


def take_part(
    table: Table, part: str, folds: FoldSettings | None, strata: NDArray[np.int64] | None = None
) -> Table:
    """Select the training or test rows of a fold.

    Parameters
    ----------
    table : Table
        The table.
    part : {"train", "test", "all"}
        Which rows.
    folds : FoldSettings or None
        Number of folds, seed, and fold; None: all rows.
    strata : ndarray of int64, optional
        (rows,), class of each row, for stratified folds.

    Returns
    -------
    Table
        In the order of the table.

    Raises
    ------
    DataError
        If there are fewer rows than folds.

    Examples
    --------
    >>> from cloudkit.modelspec import Folds
    >>> table = Table("t.csv", {"x": list(range(10))})
    >>> len(take_part(table, "test", Folds(count=5)))
    2
    """
    if folds is None or part == "all":
        return table
    if folds.stratified and strata is not None:
        is_test = stratified_folds(table.name, strata, folds.count, folds.seed) == folds.fold
        return table.where((is_test == (part == "test")).tolist())
    return take_fold(table, folds.count, folds.seed, folds.fold, part)


def take_fold(table: Table, count: int, seed: int, fold: int, part: str) -> Table:
    """Select the rows of one fold (`part` test) or of the others (train), in their order.

    Same folds as scikit-learn's ``KFold(count, shuffle=True, random_state=seed)``. Raises DataError for fewer rows than folds.
    """
    rows = len(table)
    if rows < count:
        raise DataError(f"{table.name}: {rows} rows cannot be split into {count} folds")
    order = np.arange(rows)
    np.random.RandomState(seed).shuffle(order)
    test = np.array_split(order, count)[fold]
    return table.where((np.isin(np.arange(rows), test) == (part == "test")).tolist())


def stratified_folds(name: str, strata: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return the stratified fold of each row (rows,).

    Same folds as scikit-learn's ``StratifiedKFold(count, shuffle=True, random_state=seed)``. name: of the table, for messages.
    Raises DataError for fewer rows than folds.

    Examples
    --------
    >>> stratified_folds("labels", np.array([0, 0, 1, 1]), 2, 0).tolist()
    [1, 0, 0, 1]
    """
    rows = len(strata)
    if rows < count:
        raise DataError(f"{name}: {rows} rows cannot be split into {count} folds")
    _, first, code = np.unique(strata, return_index=True, return_inverse=True)
    stratum = np.argsort(np.argsort(first))[code]  # numbered in order of first occurrence
    ordered = np.sort(stratum)
    counts = np.array([np.bincount(ordered[fold::count], minlength=len(first)) for fold in range(count)])
    draw, folds = np.random.RandomState(seed), np.empty(rows, np.int64)
    for number in range(len(first)):
        shuffled = np.arange(count).repeat(counts[:, number])
        draw.shuffle(shuffled)
        folds[stratum == number] = shuffled
    return folds
