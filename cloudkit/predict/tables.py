"""Tables of predictions: long ones with a row for each crystal, temperature and quantity, and wide ones with a column for each quantity."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.errors import require
from cloudkit.models.widths import Interval
from cloudkit.predict.inputs import Failure, ModelInput
from cloudkit.units import MOLAR_QUANTITIES, Per, canonical_unit

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]
NUMERIC_COLUMNS: Final = ("temperature", "value", "lower", "upper")
COLUMNS: Final = ("id", "temperature", "quantity", "value", "unit", "lower", "upper", "note")
CLASS_COLUMNS: Final = (*COLUMNS[:-1], "class", "note")
ENDS: Final = ("lower", "upper")


class Values(NamedTuple):
    """Predictions of one head, per mole of atoms.

    temperature (temperatures,) in K, NaN for quantities without one; ends (n, temperatures, quantities); classes: name of the
    predicted class, shaped like the values, "" for quantities without classes.
    """

    quantities: tuple[str, ...]
    units: tuple[str, ...]
    temperature: Array
    ends: Interval
    classes: npt.NDArray[np.object_] | None = None


def long_columns(
    inputs: Sequence[ModelInput], notes: list[str], heads: Sequence[Values], per: Per, names: Sequence[str]
) -> Columns:
    """Join the predictions of all heads: some columns, with the rows of each input together, in the order of the heads."""
    atoms, ids = np.array([item.atoms for item in inputs]), [item.id for item in inputs]
    parts = [_head_columns(ids, notes, atoms, values, per) for values in heads]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in ("row", *names)}
    order = np.argsort(joined["row"], kind="stable")
    return {name: joined[name][order] for name in names}


def _head_columns(ids: list[str], notes: list[str], atoms: Array, values: Values, per: Per) -> Columns:
    """The rows of one head; column `row` is the position of the input."""
    count, kelvins, width = values.ends.value.shape
    factor = np.ones((count, 1, width))
    molar = [name in MOLAR_QUANTITIES for name in values.quantities]
    factor[:, :, molar] = atoms[:, None, None]
    units = [
        canonical_unit(name, per) or unit for name, unit in zip(values.quantities, values.units, strict=True)
    ]
    row = np.repeat(np.arange(count), kelvins * width)
    return {
        "row": row,
        "id": np.array(ids, dtype=object)[row],
        "temperature": np.tile(np.repeat(values.temperature, width), count),
        "quantity": np.tile(np.array(values.quantities, dtype=object), count * kelvins),
        "value": (values.ends.value * factor).ravel(),
        "unit": np.tile(np.array(units, dtype=object), count * kelvins),
        "lower": (values.ends.lower * factor).ravel(),
        "upper": (values.ends.upper * factor).ravel(),
        "note": np.array(notes, dtype=object)[row],
        "class": np.full(len(row), "", dtype=object) if values.classes is None else values.classes.ravel(),
    }


def with_failures(columns: Columns, failures: Sequence[Failure]) -> Columns:
    """Insert the rows of failed inputs: NaN values, the reason as note. Ids are positions of inputs and give the order."""
    if not failures:
        return columns
    if len(columns["id"]):
        pattern = {name: part[columns["id"] == columns["id"][0]] for name, part in columns.items()}
    else:
        pattern = {
            name: np.array(
                [np.nan if name in NUMERIC_COLUMNS else ""], dtype=None if name in NUMERIC_COLUMNS else object
            )
            for name in columns
        }
    parts = [columns]
    for failure in failures:
        size = len(pattern["id"])
        missing = {name: np.full(size, np.nan) for name in ("value", "lower", "upper")}
        texts = {"id": failure.id, "note": f"{failure.code}: {failure.message}"} | (
            {"class": ""} if "class" in columns else {}
        )
        parts.append(
            pattern | missing | {name: np.full(size, text, dtype=object) for name, text in texts.items()}
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in columns}
    order = np.argsort(joined["id"].astype(np.int64), kind="stable")
    return {name: part[order] for name, part in joined.items()}


def as_frame(columns: Columns) -> "pd.DataFrame":
    """Convert columns to a pandas DataFrame.

    Parameters
    ----------
    columns : dict of str to ndarray
        Arrays of equal length by name.

    Returns
    -------
    DataFrame
        The same columns.

    Examples
    --------
    >>> as_frame({"id": np.array(["a"]), "value": np.array([1.5])}).loc[0, "value"]
    np.float64(1.5)
    """
    table: pd.DataFrame = require("pandas", "train").DataFrame(columns)
    return table


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
