"""Class labels: text, integers or booleans that name a class, or numbers that are binned into classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import DataError
from cloudkit.io.tables import Table

MAX_SHOWN = 6  # names of classes in a message


def read_classes(
    table: Table, column: str, classes: Sequence[str], cuts: Sequence[float] = ()
) -> NDArray[np.float64]:
    """Return the class index of each row (rows,), as float64.

    Parameters
    ----------
    classes
        Names of the classes. An integer or boolean names the class that is spelled like it: 1 is "1", true is "true".
    cuts
        Ascending edges, for a column of numbers: values up to and including the first edge are of the first class, and so on.

    Raises
    ------
    DataError
        Naming the first row whose label is not a class, or not a number if there are cuts.
    """
    if cuts:
        return np.searchsorted(np.asarray(cuts), table.numbers(column)).astype(np.float64)
    index = {name: float(number) for number, name in enumerate(classes)}
    labels = [_find(value, index) for value in table.column(column)]
    wrong = [row for row, label in enumerate(labels) if label is None]
    if wrong:
        _raise_unknown_class(table, column, classes, wrong)
    return np.array(labels, dtype=np.float64)


def read_strata(
    table: Table, column: str, classes: Sequence[str], cuts: Sequence[float]
) -> NDArray[np.int64]:
    """Return the class index of each row, for stratified folds.

    Parameters
    ----------
    table, column, classes, cuts
        Table, column of the labels, names of the classes, edges for a column of numbers.

    Returns
    -------
    ndarray of int64
        (rows,), -1 for rows without a label.

    Raises
    ------
    DataError
        For a label that is not a class.

    Examples
    --------
    >>> read_strata(Table("t.csv", {"metal": ["yes", "", "no"]}), "metal", ("no", "yes"), ())
    array([ 1, -1,  0])
    """
    labeled = np.array([not is_missing(value) for value in table.column(column)])
    strata = np.full(len(table), -1, np.int64)
    strata[labeled] = read_classes(table.where(labeled.tolist()), column, classes, cuts)
    return strata


def is_missing(value: object) -> bool:
    """Return whether a cell is empty, null or NaN."""
    return (
        value is None or value != value or (isinstance(value, str) and value.strip().lower() in ("", "nan"))
    )


def _find(value: object, index: dict[str, float]) -> float | None:
    return next((index[name] for name in class_spellings(value) if name in index), None)


def class_spellings(value: object) -> list[str]:
    """Return the spellings of the class in a cell: as it is, a boolean in lower case, an integer without decimals.

    Examples
    --------
    >>> class_spellings("metal "), class_spellings(True), class_spellings("1.0")
    (['metal'], ['True', 'true'], ['1.0', '1'])
    """
    text = str(value).strip()
    names = [text]
    if text.lower() in ("true", "false"):
        names.append(text.lower())
    try:
        number = float(text)
    except ValueError:
        return names
    return [*names, str(int(number))] if number.is_integer() else names


def holds_class_names(table: Table, column: str) -> bool:
    """Return whether all cells of a column that are not missing hold text other than numbers."""
    values = [value for value in table.column(column) if not is_missing(value)]
    return all(isinstance(value, str) and not _is_number(value) for value in values)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _raise_unknown_class(table: Table, column: str, classes: Sequence[str], wrong: Sequence[int]) -> None:
    """Raise DataError for the first label that is not a class."""
    values = table.column(column)
    first, more = values[wrong[0]], f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
    names = ", ".join(classes[:MAX_SHOWN]) + (
        f" and {len(classes) - MAX_SHOWN} more" if len(classes) > MAX_SHOWN else ""
    )
    where = f"{table.name}: row {table.number(wrong[0])}, column '{column}'"
    hint = ""
    if all(_is_number(values[row]) for row in wrong):
        hint = "; a column of numbers becomes classes with the target's key cuts, such as cuts: [0]"
    raise DataError(f"{where}: expected one of the classes {names}, found {first!r}{more}{hint}")
