"""Tables to crystals: strings are validated and converted to one dialect, labels to finite numbers per atom."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.classes import holds_class_names, is_missing, read_classes
from cloudkit.data.crystals import Crystals
from cloudkit.data.geometry import encode_table, note_failures, read_geometry
from cloudkit.encoding.table_rows import LATTICES, CrystalColumn, find_crystal_column
from cloudkit.errors import DataError, ScopeError, count_noun
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
    """A column of labels.

    Attributes
    ----------
    column, quantity, unit : str
        Column of the table, quantity, and unit of its labels.
    temperature : float, str or None
        In K, or the column that holds it; None for quantities without one.
    frequency, frequency_unit : float, str or None; str
        The same for labels of a density.
    most : float
        Largest value per atom that is accepted.
    missing : {"error", "skip"}
        Whether rows without this label are an error or skipped.
    weight : float
        Weight of its labels in the loss.
    classes : tuple of str
        Names of the classes, if labels are classes.
    cuts : tuple of float
        Edges by which a column of numbers is binned into classes.

    Examples
    --------
    >>> Target("gap", "band_gap", unit="eV").missing
    'error'
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
    """Read strings of one dialect and labels per atom from a table.

    Parameters
    ----------
    table : Table
        The table.
    text, id, n_atoms : str, optional
        Columns of strings (default ``scope``, else the only column of text), ids (default one of ID_COLUMNS, else row numbers) and
        atoms, which is read if a unit is not per atom.
    targets : sequence of Target
        Columns of labels.
    dialect : str
        Strings of other dialects are projected to it.
    any_text : bool
        Whether text that is not SCOPE is accepted, as for the cloud vocabulary.
    structure : str, optional
        Column of structures, texts of files or file names, which are encoded; default found automatically if there are no strings.
    geometry : bool
        Whether geometry is read, or computed from the structures.
    source : str, optional
        Column that names the source of the labels of a row.

    Returns
    -------
    Crystals
        One entry per distinct string.

    Raises
    ------
    DataError
        Naming file, row and column of the first bad label, or of the first string or structure if none can be read; a few of
        those are left out with a note.

    Examples
    --------
    >>> table = Table("gaps.csv", {"scope": ["0 0 0 | Si 1a", "0 0 0 | C 1a"], "gap": [1.1, 5.5]})
    >>> read_crystals(table, targets=[Target("gap", "band_gap", unit="eV")]).value
    array([1.1, 5.5])
    """
    column = find_crystals(table, text, structure)
    if column.structures:
        text, (table, failed) = "scope", encode_table(table, column, id, dialect, geometry)
    else:
        text, failed = column.name or "scope", []
    dialects, errors = _dialects(table, text, any_text)
    if not column.structures:
        table, failed = _without_invalid(table, text, errors)
    texts, projected, invalid = _project(table, text, dialect, dialects)
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
    sources, source_index = _sources(table, source)
    weight = np.repeat([target.weight for target in targets], counts).astype(np.float64)
    temperature, value = (np.concatenate([p[i] for p in parts]) if parts else np.empty(0) for i in (1, 2))
    if geometry and projected:
        raise DataError(
            f"{table.name}: {projected} strings are of another dialect than the spec's '{dialect}', and geometry cannot be "
            f"carried over; encode with --dialect {dialect} --geometry"
        )
    shapes = read_geometry(table, texts, place) if geometry else None
    notes = [*failed, *_skipped(table, targets, parts)]
    notes += [f"{table.name}: {projected} strings projected to the {dialect} dialect"] if projected else []
    notes += (
        [f"{table.name}: {invalid} strings are not valid SCOPE and are taken as plain text"]
        if invalid
        else []
    )
    return Crystals(
        list(place), [names[first[i]] for i in range(len(place))], quantities, crystal[order], quantity[order],
        temperature[order], value[order], tuple(notes), shapes, sources, source_index[row[order]], weight[order],
        {target.quantity: target.classes for target in targets if target.classes},
    )  # fmt: skip


def find_crystals(table: Table, text: str | None = None, structure: str | None = None) -> CrystalColumn:
    """Find the crystals of a table: structures in column `structure`, else column `text`, else what `find_crystal_column` finds.

    Raises DataError if there is no such column.
    """
    if structure is not None:
        table.column(structure)
        return CrystalColumn(structure, True)
    default = text is None or text == "scope"
    if default and "scope" not in table.columns:
        names = (*STRUCTURE_COLUMNS, *LATTICES)
        has_structures = text is None or any(name in table.columns for name in names)
        return find_crystal_column(table, None if has_structures else text)
    return find_crystal_column(table, text or "scope")


def _skipped(table: Table, targets: Sequence[Target], parts: Sequence[Observed]) -> list[str]:
    """Note the columns with missing labels."""
    counts = [(target.column, len(table) - len(part[0])) for target, part in zip(targets, parts, strict=True)]
    return [
        f"{table.name}: {count_noun(count, 'row')} without a label in column '{name}'"
        for name, count in counts
        if count
    ]


def _dialects(table: Table, column: str, any_text: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Return the dialect of each distinct string, "" for text that is not SCOPE, and why other strings are not valid."""
    dialects, invalid = dict[str, str](), dict[str, str]()
    for text in {value for value in table.column(column) if isinstance(value, str)}:
        try:
            dialects[text] = parse(text).dialect
        except ScopeError as error:
            if any_text and text.strip():
                dialects[text] = ""
            else:
                first = error.diagnostics[0]
                invalid[text] = f"{first.code}: {first.message} at offset {first.offset}"
    return dialects, invalid


def _without_invalid(table: Table, column: str, invalid: Mapping[str, str]) -> tuple[Table, list[str]]:
    """Leave out rows without a valid string, with a note. Raises DataError if all rows are."""
    failed = {
        row: invalid[value] if isinstance(value, str) and value.strip() else f"expected text, found {value!r}"
        for row, value in enumerate(table.column(column))
        if not isinstance(value, str) or value in invalid
    }
    named = [(f"row {table.number(row)}, column '{column}'", reason) for row, reason in failed.items()]
    notes = note_failures(table, named, "strings are not valid")
    return table.where([row not in failed for row in range(len(table))]), notes


def _project(
    table: Table, column: str, dialect: str, dialects: Mapping[str, str]
) -> tuple[list[str], int, int]:
    """Return the strings in `dialect`, the number of projected ones, and the number of those that are not SCOPE."""
    done: dict[str, str] = {}
    texts = table.text(column)
    for row, text in enumerate(texts):
        if text in done:
            continue
        try:
            done[text] = text if dialects[text] in (dialect, "") else project(text, dialect)
        except ScopeError as error:
            raise DataError(f"{table.name}: row {table.number(row)}, column '{column}': {error}") from None
    projected = sum(text != old for old, text in done.items())
    return [done[text] for text in texts], projected, sum(not dialects[text] for text in done)


def _sources(table: Table, column: str | None) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of the sources in order of occurrence, and the index of each row's source."""
    if column is None:
        return ("",), np.zeros(len(table), np.int64)
    texts = table.text(column)
    names = tuple(dict.fromkeys(texts))
    return names, np.array([names.index(text) for text in texts], dtype=np.int64)


def _observe(table: Table, target: Target, n_atoms: str | None) -> Observed:
    """Return the rows with a label, their temperature (for a density, frequency in K), and their value per atom."""
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
    """Read labels as numbers; for labels of text, DataError suggests a classification head."""
    try:
        return table.numbers(column)
    except DataError as error:
        if not holds_class_names(table, column):
            raise
        raise DataError(f"{error}; labels of text are classes: use a head of kind classification") from None


def _coordinate(table: Table, at: float | str | None, expected: str) -> NDArray[np.float64]:
    """Return the temperature or frequency of each label (rows,): a column, one number for all, or NaN."""
    if isinstance(at, str):
        return table.numbers(at, lambda value: 0 <= value < math.inf, expected)
    return np.full(len(table), np.nan if at is None else float(at))


def _check_limits(table: Table, target: Target, value: NDArray[np.float64]) -> None:
    """Raise DataError for heat capacities above 3R, or below 0, by more than the tolerance of the head."""
    wrong = np.flatnonzero((value > target.most) | (value < DULONG_PETIT - target.most))
    if len(wrong):
        row, found = int(wrong[0]), value[wrong[0]]
        more = f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
        where = f"{table.name}: row {table.number(row)}, column '{target.column}'"
        message = f"{where}: {target.quantity} is {found:.4g} {canonical_unit(target.quantity)}"
        if found < 0:
            raise DataError(f"{message}{more}, but harmonic heat capacities are not below 0; check the sign")
        raise DataError(
            f"{message}{more}, more than {target.most:.4g}, the harmonic limit 3R with the head's tolerance; is it Cp "
            "(heat_capacity_p), or is the number of atoms or the unit wrong?"
        )


def _atoms(table: Table, target: Target, column: str | None) -> list[float] | list[None]:
    """Return the number of atoms that each label refers to; None if the unit is per atom."""
    if column is None or target.quantity not in QUANTITIES or per_of(target.unit) == "atom":
        return [None] * len(table)
    counts: list[float] = table.numbers(column, lambda n: 0 < n < math.inf, "a number above 0").tolist()
    return counts
