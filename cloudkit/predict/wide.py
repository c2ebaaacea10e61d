"""Tables of predictions with one row for each crystal, or for each crystal and temperature."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Columns = dict[str, npt.NDArray[Any]]
ENDS: Final = ("lower", "upper")


class _QuantityRows(NamedTuple):
    """Which of the rows of one crystal hold a quantity: one per temperature, or a single one."""

    quantity: str
    rows: list[int]


def wide_columns(columns: Columns, empty: bool = False) -> Columns:
    """Pivot a tidy table to one column per quantity.

    Parameters
    ----------
    columns : dict of str to ndarray
        As `Predictor.predict_columns` yields them: consecutive rows per crystal, with the same quantities for each.
    empty : bool
        Whether QUANTITY_lower and QUANTITY_upper are kept if all are NaN, so that all batches have the same columns.

    Returns
    -------
    dict of str to ndarray
        id; temperature, if there are several, each in its own row; QUANTITY, QUANTITY_lower, QUANTITY_upper;
        QUANTITY_class for quantities with classes; note, if the table has it.

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
        cells: npt.NDArray[Any] = columns[name].reshape(-1, size)[:, rows if len(rows) == at else rows * at]
        return cells.ravel()

    places = list(_quantity_rows(columns, size))
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
    """Return the unit of each quantity of a tidy table."""
    return dict(zip(columns["quantity"].tolist(), columns["unit"].tolist(), strict=True))


def _rows_of_one(columns: Columns) -> int:
    """Count the rows of one crystal: up to where the first quantity and temperature are repeated."""
    quantity, kelvin = columns["quantity"], columns["temperature"]
    again = (quantity == quantity[0]) & ((kelvin == kelvin[0]) | (np.isnan(kelvin) & np.isnan(kelvin[0])))
    starts = np.flatnonzero(again)
    return int(starts[1]) if len(starts) > 1 else len(quantity)


def _quantity_rows(columns: Columns, size: int) -> Iterator[_QuantityRows]:
    names = columns["quantity"][:size].tolist()
    for quantity in dict.fromkeys(names):
        yield _QuantityRows(quantity, [row for row, name in enumerate(names) if name == quantity])
