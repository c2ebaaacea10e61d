"""Tables to crystals: every string checked and brought to one dialect, every label a finite number per atom."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.classes import is_missing, names_classes, read_classes
from cloudkit.data.crystals import Crystals
from cloudkit.data.geometry import encode_table, read_shapes
from cloudkit.encoding.table_rows import LATTICES, Held, find_held
from cloudkit.errors import DataError, ScopeError
from cloudkit.io.chunks import STRUCTURE_COLUMNS
from cloudkit.io.tables import Table
from cloudkit.scope import parse, project
from cloudkit.units import (
    DULONG_PETIT,
    QUANTITIES,
    UnitError,
    canonical_unit,
    per_of,
    to_kelvin,
    to_per_atom,
)

Observed = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Target:
    """A column of labels. temperature: in K, the name of a column that holds it, or None where it has no meaning.

    frequency: the same for labels of a density, in frequency_unit. most: the largest value per atom that a label may have.
    missing: "skip" passes over rows without this label, "error" refuses them. weight: how much its labels count in training.
    classes: their names, where labels are classes; the value of such a label is the number of its class, from 0. cuts: where a
    column of numbers is cut into classes (cloudkit.data.classes).
    """

    column: str
    quantity: str
    temperature: float | str | None = None
    unit: str = ""
    frequency: float | str | None = None
    frequency_unit: str = "THz"
    most: float = math.inf
    missing: str = "error"
    weight: float = 1.0
    classes: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()


def read_crystals(
    table: Table,
    *,
    text: str | None = None,
    id: str | None = None,
    n_atoms: str | None = None,
    targets: Sequence[Target] = (),
    dialect: str = "orbit",
    any_text: bool = False,
    structure: str | None = None,
    geometry: bool = False,
    source: str | None = None,
) -> Crystals:
    """Check a table and turn it into strings of one dialect and labels per atom.

    text, id, n_atoms: names of columns; text defaults to ``scope`` or the only column of text, id to one of ID_COLUMNS or the
    row's number;
    n_atoms is read where a unit is not per atom.
    any_text: let strings pass that are not SCOPE (the cloud vocabulary takes any text).
    structure: a column of structures, texts of files or names of files to make the strings from; without it and without a column
    of strings it is found (`find_held`). geometry: read its columns, or compute them.
    source: a column that names where the labels of a row come from.
    Raises DataError naming file, row and column.
    """
    said: list[str] = []
    held = find_crystals(table, text, structure)
    if held.structures:
        text, (table, said) = "scope", encode_table(table, held, id, dialect, geometry)
    else:
        text = held.column or "scope"
    texts, projected, odd = _strings(table, text, dialect, any_text)
    place = {name: index for index, name in enumerate(dict.fromkeys(texts))}
    rows = np.array([place[name] for name in texts], dtype=np.int64)
    first = {index: row for row, index in reversed(list(enumerate(rows.tolist())))}
    names = table.ids(id)
    quantities = tuple(dict.fromkeys(target.quantity for target in targets))
    parts = [_observe(table, target, n_atoms) for target in targets]
    crystal = np.concatenate([rows[part[0]] for part in parts]) if parts else np.empty(0, np.int64)
    order = np.argsort(crystal, kind="stable")
    numbers = [quantities.index(target.quantity) for target in targets]
    counts = [len(part[0]) for part in parts]
    quantity = np.repeat(numbers, counts).astype(np.int64)
    row = np.concatenate([part[0] for part in parts]) if parts else np.empty(0, np.int64)
    sources, own = _sources(table, source)
    weight = np.repeat([target.weight for target in targets], counts).astype(np.float64)
    temperature, value = (np.concatenate([p[i] for p in parts]) if parts else np.empty(0) for i in (1, 2))
    if geometry and projected:
        raise DataError(
            f"{table.name}: {projected} strings are of another dialect than the spec's '{dialect}', and geometry cannot be "
            f"carried over; encode with --dialect {dialect} --geometry"
        )
    shapes = read_shapes(table, texts, place) if geometry else None
    notes = [*said, *_skipped(table, targets, parts)]
    notes += [f"{table.name}: {projected} strings projected to the {dialect} dialect"] if projected else []
    notes += [f"{table.name}: {odd} strings are not valid SCOPE and are taken as plain text"] if odd else []
    return Crystals(
        list(place), [names[first[i]] for i in range(len(place))], quantities, crystal[order], quantity[order],
        temperature[order], value[order], tuple(notes), shapes, sources, own[row[order]], weight[order],
        {target.quantity: target.classes for target in targets if target.classes},
    )  # fmt: skip


def find_crystals(table: Table, text: str | None = None, structure: str | None = None) -> Held:
    """Where the crystals of a table are: structures in the column `structure`, else strings or structures in `text` where it is
    there or not the default, else as `find_held` finds them.

    Raises DataError where there is no such column.
    """
    if structure is not None:
        table.column(structure)
        return Held(structure, True)
    default = text is None or text == "scope"
    if default and "scope" not in table.columns:
        names = (*STRUCTURE_COLUMNS, *LATTICES)
        found = text is None or any(name in table.columns for name in names)
        return find_held(table, None if found else text)
    return find_held(table, text or "scope")


def _skipped(table: Table, targets: Sequence[Target], parts: Sequence[Observed]) -> list[str]:
    """A note for each column some of whose labels are missing."""
    counts = [(target.column, len(table) - len(part[0])) for target, part in zip(targets, parts, strict=True)]
    return [f"{table.name}: {count} rows have no label in column '{name}'" for name, count in counts if count]


def _strings(table: Table, column: str, dialect: str, any_text: bool) -> tuple[list[str], int, int]:
    """The strings in `dialect`, how many were projected to it, how many are not SCOPE."""
    done: dict[str, str] = {}
    projected = odd = 0
    texts = table.text(column)
    for row, text in enumerate(texts):
        if text in done:
            continue
        found = _dialect(text)
        try:
            if isinstance(found, ScopeError) and not any_text:
                raise found
            done[text] = text if found == dialect or isinstance(found, ScopeError) else project(text, dialect)
        except ScopeError as error:
            raise DataError(f"{table.name}: row {table.number(row)}, column '{column}': {error}") from None
        odd += isinstance(found, ScopeError)
        projected += done[text] != text
    return [done[text] for text in texts], projected, odd


def _dialect(text: str) -> str | ScopeError:
    """The dialect of a valid string, or what is wrong with it."""
    try:
        return parse(text).dialect
    except ScopeError as error:
        return error


def _sources(table: Table, column: str | None) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of sources in the order in which they occur, and of each row the index into them."""
    if column is None:
        return ("",), np.zeros(len(table), np.int64)
    texts = table.text(column)
    names = tuple(dict.fromkeys(texts))
    return names, np.array([names.index(text) for text in texts], dtype=np.int64)


def _observe(table: Table, target: Target, n_atoms: str | None) -> Observed:
    """Rows with a label, temperature (of a density: frequency in K) and value per atom of one column of labels."""
    kept = np.arange(len(table))
    if target.missing == "skip":
        kept = np.array([i for i, v in enumerate(table.column(target.column)) if not is_missing(v)], np.int64)
        table = table.where(np.isin(np.arange(len(table)), kept).tolist())
    if not len(kept):
        return kept, np.empty(0), np.empty(0)
    if target.classes:
        return (
            kept,
            np.full(len(kept), np.nan),
            read_classes(table, target.column, target.classes, target.cuts),
        )
    labels = _numbers(table, target.column)
    if target.frequency is not None:
        at = _coordinate(table, target.frequency, "a frequency, 0 or above")
        at = np.array([to_kelvin(value, target.frequency_unit) for value in at.tolist()])
    else:
        at = _coordinate(table, target.temperature, "a temperature in K, 0 or above")
    try:
        atoms = _atoms(table, target, n_atoms)
        pairs = zip(labels.tolist(), atoms, strict=True)
        value = np.array([to_per_atom(label, target.unit, target.quantity, n) for label, n in pairs])
    except UnitError as error:
        raise DataError(f"{table.name}: column '{target.column}': {error}") from None
    _check_limits(table, target, value)
    return kept, at, value.astype(np.float64)


def _numbers(table: Table, column: str) -> NDArray[np.float64]:
    """Labels as numbers; DataError says what learns labels of text."""
    try:
        return table.numbers(column)
    except DataError as error:
        if not names_classes(table, column):
            raise
        raise DataError(f"{error}; labels of text are classes: use a head of kind classification") from None


def _coordinate(table: Table, given: float | str | None, wanted: str) -> NDArray[np.float64]:
    """Where on its curve each label lies (rows,): a column's numbers or one for all; NaN where it has no meaning."""
    if isinstance(given, str):
        return table.numbers(given, lambda value: 0 <= value < math.inf, wanted)
    return np.full(len(table), np.nan if given is None else float(given))


def _check_limits(table: Table, target: Target, value: NDArray[np.float64]) -> None:
    """Refuse heat capacities that no harmonic mode has: above 3R, or as far below 0, by more than the head's tolerance."""
    wrong = np.flatnonzero((value > target.most) | (value < DULONG_PETIT - target.most))
    if len(wrong):
        row, found = int(wrong[0]), value[wrong[0]]
        more = f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
        where = f"{table.name}: row {table.number(row)}, column '{target.column}'"
        said = f"{where}: {target.quantity} is {found:.4g} {canonical_unit(target.quantity)}"
        if found < 0:
            raise DataError(f"{said}{more}, and no harmonic mode takes less than 0; is a sign wrong?")
        raise DataError(
            f"{said}{more}, more than {target.most:.4g}, the harmonic limit 3R and the head's tolerance; is it Cp (heat_capacity_p), "
            f"or is the number of atoms or the unit wrong?"
        )


def _atoms(table: Table, target: Target, column: str | None) -> list[float] | list[None]:
    """Atoms in what each label is given for; None for all where the label does not need it."""
    if column is None or target.quantity not in QUANTITIES or per_of(target.unit) == "atom":
        return [None] * len(table)
    counts: list[float] = table.numbers(column, lambda n: 0 < n < math.inf, "a number above 0").tolist()
    return counts
