"""Facts about every string for an audit, as two Parquet files that are queried afterwards: facts and labels.

Each input is read once, some thousand rows at a time, in bounded memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.encoding import Encoded, encode_files
from cloudkit.encoding.table_rows import LATTICES, encode_table_rows, find_crystal_column
from cloudkit.errors import CloudkitError, DataError, ScopeError, count_noun
from cloudkit.io import (
    Table,
    atomic_write,
    is_table,
    parquet_writer,
    read_batches,
)
from cloudkit.io.chunks import STRUCTURE_COLUMNS
from cloudkit.scope import (
    Scope,
    canonical_scope,
    formula_text,
    parse,
    project_scope,
    reduced_formula,
)
from cloudkit.tables import ELEMENT, LETTERS
from cloudkit.tokens import Tokenizer

FACTS: Final[dict[str, type]] = {
    "place": int,  # of the row among all, in the order given
    "source": int,
    "row": int,  # of its source, from 1
    "id": str,
    "scope": str,  # canonical; reduced and full strings in canonical order only
    "dialect": str,
    "space_group": int,
    "formula": str,
    "fractions": str,  # atomic fractions to two decimals, which all dialects have
    "elements": str,  # separated by spaces
    "orbits": int,
    "sites": int,  # of the conventional cell; unknown for reduced strings
    "tokens": int,
    "part": str,  # the value of the column that splits the source, if it has one
}
LABELS: Final[dict[str, type]] = {"place": int, "name": str, "value": float}
NO_LABELS: Final = ("id", "row", "number", "space_group", "symprec", "n_atoms", "copies", "temperature")
MAX_SHOWN: Final = 20
Array = npt.NDArray[np.float64]
LabelledRow = tuple[Encoded, str | None, Mapping[str, float]]  # string, part of the split, labels


@dataclass(slots=True)
class Source:
    """One input. invalid: number of rows without a valid string; shown: the first of them, (id, reason); missing: number of empty
    labels by column; odd: number of labels that are not numbers by column, with the first of them.
    """

    name: str
    rows: int = 0
    invalid: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)

    def label_notes(self) -> list[str]:
        """Return what is wrong with the labels, column by column."""
        notes = [
            f"{name}: {count_noun(count, 'empty label')}" for name, count in self.missing.items() if count
        ]
        return notes + [
            f"{name}: {count:,} labels are not numbers, at which a build stops; the first: {first}"
            for name, (count, first) in self.odd.items()
        ]


class ColumnNames(NamedTuple):
    """Columns of strings, labels and split; None: found by name or content."""

    text: str | None = None
    labels: Sequence[str] | None = None
    part: str | None = None


def gather_facts(
    inputs: Sequence[str], folder: Path, named: ColumnNames, report: bool, step: Callable[[int], object]
) -> list[Source]:
    """Write ``facts.parquet`` and ``labels.parquet`` into a folder; return a summary of each input.

    report: False leaves out all but place, id, string, dialect and space group.
    """
    tokenizer, sources, place = Tokenizer("compact"), list[Source](), 0
    with ExitStack() as stack:
        facts, labels = (
            stack.enter_context(parquet_writer(stack.enter_context(atomic_write(folder / name)), columns))
            for name, columns in (("facts.parquet", FACTS), ("labels.parquet", LABELS))
        )
        for number, given in enumerate(inputs):
            source = Source(given)
            sources.append(source)
            for row, part, values in read_rows(given, named, source):
                source.rows += 1
                place += 1
                known = _facts(row, source, tokenizer if report else None)
                if known is None:
                    continue
                facts(
                    {
                        "place": place,
                        "source": number,
                        "row": source.rows,
                        "id": row.id,
                        "part": part,
                        **known,
                    }
                )
                for name, value in values.items():
                    labels({"place": place, "name": name, "value": value})
                source.labels += [name for name in values if name not in source.labels]
                if source.rows % 100 == 0:
                    step(100)
    return sources


def _facts(row: Encoded, source: Source, tokenizer: Tokenizer | None) -> dict[str, Any] | None:
    """Return the facts of one string; None if it is invalid, which the source counts."""
    try:
        if row.scope is None:
            raise row.error or CloudkitError("no string")
        scope = parse(row.scope)
    except CloudkitError as error:
        source.invalid += 1
        if len(source.shown) < MAX_SHOWN:
            found = error.diagnostics[0] if isinstance(error, ScopeError) and error.diagnostics else None
            source.shown.append((row.id, f"{found.code}: {found.message}" if found else str(error)))
        return None
    scope = canonical_scope(scope) if scope.dialect == "orbit" else _in_order(scope)
    text = str(scope)
    if tokenizer is None:
        return {"scope": text, "dialect": scope.dialect, "space_group": scope.space_group}
    fractions = dict(sorted(project_scope(scope, "reduced").fractions))
    return {
        "scope": text,
        "dialect": scope.dialect,
        "space_group": scope.space_group,
        "formula": reduced_formula(scope),
        "fractions": formula_text(fractions),
        "elements": " ".join(scope.composition),
        "orbits": len(scope.orbits),
        "sites": None if scope.dialect == "reduced" else sum(orbit.multiplicity for orbit in scope.orbits),
        "tokens": _length(tokenizer, text),
    }


def _in_order(scope: Scope) -> Scope:
    """Sort letters, elements and sites of a dialect in which equivalent letters cannot be recognized."""
    orbits = sorted(scope.orbits, key=lambda o: (LETTERS.index(o.letter), str(o), o.site_text))
    fractions = sorted(scope.fractions, key=lambda share: ELEMENT[share[0]].order)
    return replace(scope, orbits=tuple(orbits), fractions=tuple(fractions))


def _length(tokenizer: Tokenizer, text: str) -> int | None:
    """Return the number of tokens; None if the compact vocabulary lacks one (oxidation states)."""
    try:
        return len(tokenizer.encode(text))
    except ScopeError:
        return None


def read_rows(given: str, named: ColumnNames, source: Source) -> Iterator[LabelledRow]:
    """Read the rows of a table, a folder of shards, or files of structures; count missing and odd labels in `source`."""
    if not is_table(given):
        yield from ((row, None, {}) for row in encode_files([given]))
        return
    first = 1
    for batch in read_batches(given):
        table = Table(given, batch, range(first, first + len(next(iter(batch.values()), []))))
        if len(table):
            yield from _table_rows(table, named, source)
        first += len(table)


def _table_rows(table: Table, named: ColumnNames, source: Source) -> Iterator[LabelledRow]:
    columns, count = table.columns, len(table)
    part = named.part or next((name for name in ("split", "part") if name in columns), None)
    parts = table.column(part) if part else [None] * count
    crystals = find_crystal_column(table, named.text)
    encoded = encode_table_rows(table, crystals, table.ids())
    skip = {*NO_LABELS, *STRUCTURE_COLUMNS, *LATTICES, crystals.name, part}
    names = list(named.labels) if named.labels is not None else [name for name in columns if name not in skip]
    numbers = {}
    for name in names:
        values, odd = _numbers(table.column(name))
        if named.labels is not None and odd:
            _refuse_label(table, name, odd[0])
        if named.labels is not None or 2 * len(odd) <= np.isfinite(values).sum() + len(odd):
            numbers[name] = values
            _count_labels(table, name, values, odd, source)
    for index, (row, value) in enumerate(zip(encoded, parts, strict=True)):
        labels = {name: float(v[index]) for name, v in numbers.items() if v[index] == v[index]}
        yield row, None if value is None else str(value), labels


def _refuse_label(table: Table, name: str, row: int) -> None:
    """Raise DataError for a value of a wanted label that is not a number."""
    raise DataError(
        f"{table.name}: row {table.number(row)}, column '{name}': a label must be a number or empty, found {table.column(name)[row]!r}"
    )


def _count_labels(table: Table, name: str, values: Array, odd: Sequence[int], source: Source) -> None:
    """Count the empty labels of a column, and those that are not numbers."""
    source.missing[name] += int(np.isnan(values).sum()) - len(odd)
    if odd:
        count, first = source.odd.get(
            name, (0, f"row {table.number(odd[0])}, {table.column(name)[odd[0]]!r}")
        )
        source.odd[name] = count + len(odd), first


def _numbers(values: Iterable[object]) -> tuple[Array, list[int]]:
    """Convert a column to float64, NaN for missing values and for what is not a number; also return the rows of the latter."""
    out, odd = [], []
    for row, value in enumerate(values):
        number = None if isinstance(value, bool) else float("nan") if value in (None, "") else value
        try:
            out.append(float(number))  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            out.append(float("nan"))
            odd.append(row)
    return np.array(out), odd
