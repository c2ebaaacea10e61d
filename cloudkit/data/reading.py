"""Tables to crystals: every string checked and brought to one dialect, every label a finite number per atom."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.crystals import Crystals
from cloudkit.data.table import Table
from cloudkit.errors import DataError, ScopeError
from cloudkit.scope import parse, project
from cloudkit.units import MOLAR_QUANTITIES, UnitError, parse_unit, to_per_atom


@dataclass(frozen=True, slots=True)
class Target:
    """A column of labels. temperature: in K, the name of a column that holds it, or None where it has no meaning."""

    column: str
    quantity: str
    temperature: float | str | None = None
    unit: str = ""


def read_crystals(
    table: Table,
    *,
    text: str | None = None,
    id: str | None = None,
    n_atoms: str | None = None,
    targets: Sequence[Target] = (),
    dialect: str = "orbit",
    any_text: bool = False,
) -> Crystals:
    """Check a table and turn it into strings of one dialect and labels per atom.

    text, id, n_atoms: names of columns; text defaults to ``scope`` or the only column of text, id to the row's number;
    n_atoms is read where a unit is not per atom.
    any_text: let strings pass that are not SCOPE (the cloud vocabulary takes any text).
    Raises DataError naming file, row and column.
    """
    text = text or table.text_column()
    texts, projected, odd = _strings(table, text, dialect, any_text)
    place = {name: index for index, name in enumerate(dict.fromkeys(texts))}
    rows = np.array([place[name] for name in texts], dtype=np.int64)
    first = {index: row for row, index in reversed(list(enumerate(rows.tolist())))}
    names = _names(table, id)
    quantities = tuple(dict.fromkeys(target.quantity for target in targets))
    parts = [_observe(table, target, n_atoms) for target in targets]
    crystal = np.concatenate([rows for _ in parts]) if parts else np.empty(0, np.int64)
    order = np.argsort(crystal, kind="stable")
    quantity = np.repeat([quantities.index(target.quantity) for target in targets], len(table)).astype(
        np.int64
    )
    temperature, value = (np.concatenate([p[i] for p in parts]) if parts else np.empty(0) for i in (0, 1))
    notes = [f"{table.name}: {projected} strings projected to the {dialect} dialect"] if projected else []
    notes += [f"{table.name}: {odd} strings are not valid SCOPE and are taken as plain text"] if odd else []
    return Crystals(
        list(place), [names[first[i]] for i in range(len(place))], quantities, crystal[order], quantity[order],
        temperature[order], value[order], tuple(notes),
    )  # fmt: skip


def _strings(table: Table, column: str, dialect: str, any_text: bool) -> tuple[list[str], int, int]:
    """The strings in `dialect`, how many were projected to it, how many are not SCOPE."""
    done: dict[str, str] = {}
    projected = odd = 0
    texts = table.text(column)
    for row, text in enumerate(texts, start=1):
        if text in done:
            continue
        found = _dialect(text)
        try:
            if isinstance(found, ScopeError) and not any_text:
                raise found
            done[text] = text if found == dialect or isinstance(found, ScopeError) else project(text, dialect)
        except ScopeError as error:
            raise DataError(f"{table.name}: row {row}, column '{column}': {error}") from None
        odd += isinstance(found, ScopeError)
        projected += done[text] != text
    return [done[text] for text in texts], projected, odd


def _dialect(text: str) -> str | ScopeError:
    """The dialect of a valid string, or what is wrong with it."""
    try:
        return parse(text).dialect
    except ScopeError as error:
        return error


def _names(table: Table, column: str | None) -> list[str]:
    """An identifier per row: the column given, else the row's number."""
    if column is None:
        return [str(row) for row in range(1, len(table) + 1)]
    return [str(value) for value in table.column(column)]


def _observe(
    table: Table, target: Target, n_atoms: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Temperature and value per atom of one column of labels, both (rows,)."""
    labels = table.numbers(target.column)
    if isinstance(target.temperature, str):
        wanted = "a temperature in K, 0 or above"
        temperature = table.numbers(target.temperature, lambda t: 0 <= t < math.inf, wanted)
    else:
        temperature = np.full(len(table), np.nan if target.temperature is None else float(target.temperature))
    try:
        atoms = _atoms(table, target, n_atoms)
        pairs = zip(labels.tolist(), atoms, strict=True)
        value = [to_per_atom(label, target.unit, target.quantity, n) for label, n in pairs]
    except UnitError as error:
        raise DataError(f"{table.name}: column '{target.column}': {error}") from None
    return temperature, np.array(value, dtype=np.float64)


def _atoms(table: Table, target: Target, column: str | None) -> list[float] | list[None]:
    """Atoms in what each label is given for; None for all where the label does not need it."""
    molar = target.quantity in MOLAR_QUANTITIES
    if column is None or not molar or parse_unit(target.unit).per == "atom":
        return [None] * len(table)
    counts: list[float] = table.numbers(column, lambda n: 0 < n < math.inf, "a number above 0").tolist()
    return counts
