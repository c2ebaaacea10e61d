"""Labels that are classes: text, whole numbers or booleans that name one, or numbers that are cut into classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import DataError
from cloudkit.io.tables import Table

SHOWN = 6  # names of classes in a message


def read_classes(
    table: Table, column: str, classes: Sequence[str], cuts: Sequence[float] = ()
) -> NDArray[np.float64]:
    """The number of each row's class (rows,), from 0, as float64.

    Parameters
    ----------
    classes
        Names of the classes. A whole number or boolean means the class that is written like it: 1 is "1", true is "true".
    cuts
        Ascending. With them the column holds numbers: one up to and with the first cut is of the first class, and so on.

    Raises
    ------
    DataError
        Naming the first row whose label is not a class, or not a number where there are cuts.
    """
    if cuts:
        return np.searchsorted(np.asarray(cuts), table.numbers(column)).astype(np.float64)
    places = {name: float(place) for place, name in enumerate(classes)}
    found = [_find(value, places) for value in table.column(column)]
    wrong = [row for row, place in enumerate(found) if place is None]
    if wrong:
        _refuse(table, column, classes, wrong)
    return np.array(found, dtype=np.float64)


def read_strata(
    table: Table, column: str, classes: Sequence[str], cuts: Sequence[float]
) -> NDArray[np.int64]:
    """The number of each row's class (rows,), -1 where it has no label."""
    known = np.array([not is_missing(value) for value in table.column(column)])
    strata = np.full(len(table), -1, np.int64)
    strata[known] = read_classes(table.where(known.tolist()), column, classes, cuts)
    return strata


def is_missing(value: object) -> bool:
    """An empty field, null, or NaN."""
    return (
        value is None or value != value or (isinstance(value, str) and value.strip().lower() in ("", "nan"))
    )


def _find(value: object, places: dict[str, float]) -> float | None:
    return next((places[name] for name in spellings(value) if name in places), None)


def spellings(value: object) -> list[str]:
    """How the class that a cell names may be written: as it is, a boolean in lower case, a whole number without fraction.

    Examples
    --------
    >>> spellings("metal "), spellings(True), spellings("1.0")
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


def names_classes(table: Table, column: str) -> bool:
    """Whether the column holds text in every cell that has a value, and no number."""
    values = [value for value in table.column(column) if not is_missing(value)]
    return all(isinstance(value, str) and not _is_number(value) for value in values)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _refuse(table: Table, column: str, classes: Sequence[str], wrong: Sequence[int]) -> None:
    """Raise DataError for the first label that is not a class."""
    values = table.column(column)
    found, more = values[wrong[0]], f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
    known = ", ".join(classes[:SHOWN]) + (f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else "")
    where = f"{table.name}: row {table.number(wrong[0])}, column '{column}'"
    hint = ""
    if all(_is_number(values[row]) for row in wrong):
        hint = "; a column of numbers becomes classes with the target's key cuts, such as cuts: [0]"
    raise DataError(f"{where}: expected one of the classes {known}, found {found!r}{more}{hint}")
