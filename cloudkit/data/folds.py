"""Parts of a table: shares, and folds of a cross-validation."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import DataError
from cloudkit.io.tables import Table


def take_fraction(table: Table, column: str, fraction: float) -> Table:
    """The rows of a share of the distinct values of a column, at least one, chosen by a hash of the value.

    So rows of one crystal stay together, and a smaller share lies within a larger one.
    """
    if fraction == 1:
        return table
    hashes = [hashlib.sha256(str(value).encode()).digest() for value in table.column(column)]
    kept = set(sorted(set(hashes))[: max(1, round(fraction * len(set(hashes))))])
    return table.where([one in kept for one in hashes])


def take_where(table: Table, where: Mapping[str, Sequence[object]]) -> Table:
    """The rows whose columns have one of the values given for each; numbers are compared as numbers, all else as text.

    Raises DataError for a column that is not there, or if no row is left.

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
            said = ", ".join(map(str, values))
            raise DataError(f"{table.name}: no row has {name} = {said}; correct `where`")
        table = kept
    return table


def _comparable(value: object) -> float | str:
    try:
        return float(str(value))
    except ValueError:
        return str(value)


class FoldSettings(Protocol):
    """How a file is divided: the key `folds` of a spec."""

    count: int
    seed: int
    fold: int
    stratified: bool


def take_part(
    table: Table, part: str, folds: FoldSettings | None, strata: NDArray[np.int64] | None = None
) -> Table:
    """The rows of a part (train or test) of the fold that `folds` names; all rows without one, or for the part all.

    strata (rows,): the class of each row, for folds that are stratified.
    """
    if folds is None or part == "all":
        return table
    if folds.stratified and strata is not None:
        mine = stratified_folds(table.name, strata, folds.count, folds.seed) == folds.fold
        return table.where((mine == (part == "test")).tolist())
    return take_fold(table, folds.count, folds.seed, folds.fold, part)


def take_fold(table: Table, count: int, seed: int, fold: int, part: str) -> Table:
    """The rows of one fold (`part` test) or of the others (train), in their order.

    As scikit-learn's ``KFold(count, shuffle=True, random_state=seed)`` divides them. Raises DataError for fewer rows than folds.
    """
    rows = len(table)
    if rows < count:
        raise DataError(f"{table.name}: {rows} rows cannot be split into {count} folds")
    order = np.arange(rows)
    np.random.RandomState(seed).shuffle(order)
    mine = np.array_split(order, count)[fold]
    return table.where((np.isin(np.arange(rows), mine) == (part == "test")).tolist())


def stratified_folds(name: str, strata: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row (rows,), from 0, with the strata in equal shares in each.

    As scikit-learn's ``StratifiedKFold(count, shuffle=True, random_state=seed)`` divides them. name: of the table, for messages.
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
    of = np.argsort(np.argsort(first))[code]  # numbered as they first occur
    ordered = np.sort(of)
    shares = np.array([np.bincount(ordered[fold::count], minlength=len(first)) for fold in range(count)])
    draw, folds = np.random.RandomState(seed), np.empty(rows, np.int64)
    for number in range(len(first)):
        own = np.arange(count).repeat(shares[:, number])
        draw.shuffle(own)
        folds[of == number] = own
    return folds
