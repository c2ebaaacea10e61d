"""Tables of predictions with one row for each crystal, or for each crystal and temperature."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Columns = dict[str, npt.NDArray[Any]]
ENDS: Final = ("lower", "upper")


class _Place(NamedTuple):
    """Where a quantity is among the rows of one crystal: at each temperature, or once for all."""

    quantity: str
    rows: list[int]


def wide_columns(columns: Columns, empty: bool = False) -> Columns:
    """A tidy table, in which the rows of one crystal follow each other and are alike for all, with one column for each quantity.

    Columns: id; temperature, where there are several, each with a row of its own; QUANTITY, and QUANTITY_lower and _upper where
    a model states them (with `empty` always, so that all parts of a long table have the same columns); QUANTITY_class of classes;
    note, if the table has it.

    Examples
    --------
    >>> none = np.full(2, np.nan)
    >>> tidy = {"id": np.array(["a", "a"]), "temperature": none, "quantity": np.array(["K", "G"]), "value": np.array([2.0, 1.0])}
    >>> wide_columns(tidy | {"unit": np.array(["GPa", "GPa"]), "lower": none, "upper": none})
    {'id': array(['a'], dtype='<U1'), 'K': array([2.]), 'G': array([1.])}
    """
    size = _rows_of_one(columns)
    kelvin = list(dict.fromkeys(columns["temperature"][:size][~np.isnan(columns["temperature"][:size])]))
    at = max(len(kelvin), 1)

    def spread(name: str, rows: list[int]) -> npt.NDArray[Any]:
        """(crystals * temperatures,) of one quantity."""
        found: npt.NDArray[Any] = columns[name].reshape(-1, size)[:, rows if len(rows) == at else rows * at]
        return found.ravel()

    places = list(_places(columns, size))
    out: Columns = {"id": np.repeat(columns["id"].reshape(-1, size)[:, 0], at)}
    if at > 1:
        out["temperature"] = np.tile(np.array(kelvin), len(out["id"]) // at)
    for quantity, rows in places:
        out[quantity] = spread("value", rows)
        if "class" in columns and (names := spread("class", rows)).any():
            out[f"{quantity}_class"] = names
        ends = {f"{quantity}_{end}": spread(end, rows) for end in ENDS}
        out |= {name: end for name, end in ends.items() if empty or not np.isnan(end).all()}
    if "note" in columns:
        out["note"] = np.repeat(columns["note"].reshape(-1, size)[:, 0], at)
    return out


def units_of(columns: Columns) -> dict[str, str]:
    """The unit of each quantity of a tidy table."""
    return dict(zip(columns["quantity"].tolist(), columns["unit"].tolist(), strict=True))


def _rows_of_one(columns: Columns) -> int:
    """How many rows a crystal has: after them the first quantity and temperature come again."""
    quantity, kelvin = columns["quantity"], columns["temperature"]
    again = (quantity == quantity[0]) & ((kelvin == kelvin[0]) | (np.isnan(kelvin) & np.isnan(kelvin[0])))
    found = np.flatnonzero(again)
    return int(found[1]) if len(found) > 1 else len(quantity)


def _places(columns: Columns, size: int) -> Iterator[_Place]:
    names = columns["quantity"][:size].tolist()
    for quantity in dict.fromkeys(names):
        yield _Place(quantity, [row for row, name in enumerate(names) if name == quantity])
