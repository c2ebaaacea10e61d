"""Tables of any length, batch by batch: CSV and JSON lines (.gz may follow), Parquet, and folders of shards.

A data frame as one JSON document (.json) is read too, as a whole.
"""

import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import DataError, require, suggest
from cloudkit.io.formats import classify
from cloudkit.io.json_xyz import NAMES, plain_text
from cloudkit.io.paths import is_formula, open_bytes, split_lines
from cloudkit.io.shards import Manifest

Columns = dict[str, list[object]]
BATCH: Final = 10_000
LONGEST_FIELD: Final = 1 << 22  # characters of a cell of a CSV table, which may hold a whole file
ID_COLUMNS: Final = (*NAMES, "mp_id", "mpid", "name")  # the first that is there names the rows


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length.

    Attributes
    ----------
    name : str
        The file, as the user wrote it, or ``builtin thermal``; for messages.
    columns : dict of list
        Values by column.
    numbers_in_file : sequence of int, optional
        Numbers of the rows in the file, from 1 and without a header line, where rows were left out.

    Examples
    --------
    >>> table = Table("my table", {"id": ["a", "b"], "gap": ["1.2", "0.3"]})
    >>> table.numbers("gap")
    array([1.2, 0.3])
    """

    name: str
    columns: dict[str, list[object]]
    numbers_in_file: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def number(self, row: int) -> int:
        """The number in the file, from 1, of a row, counted from 0."""
        return row + 1 if self.numbers_in_file is None else self.numbers_in_file[row]

    def column(self, name: str) -> list[object]:
        """The values of one column; DataError with the nearest name if there is none."""
        if name in self.columns:
            return self.columns[name]
        raise DataError(f"{self.name}: there is no column '{name}'" + suggest(name, self.columns))

    def text(self, name: str) -> list[str]:
        """One column as text; DataError names the first row that holds none."""
        values = self.column(name)
        for row, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                raise DataError(
                    f"{self.name}: row {self.number(row)}, column '{name}': expected text, found {value!r}"
                )
        return [str(value) for value in values]

    def numbers(
        self, name: str, allowed: Callable[[float], bool] = math.isfinite, wanted: str = "a finite number"
    ) -> NDArray[np.float64]:
        """One column as numbers (rows,); DataError names the first row that is not `wanted` and counts the rest."""
        values = [_number(value) for value in self.column(name)]
        wrong = [row for row, value in enumerate(values) if value is None or not allowed(value)]
        if wrong:
            more = f" (and {len(wrong) - 1} more rows)" if len(wrong) > 1 else ""
            found = self.column(name)[wrong[0]]
            raise DataError(
                f"{self.name}: row {self.number(wrong[0])}, column '{name}': expected {wanted}, found {found!r}{more}"
            )
        return np.array(values, dtype=np.float64)

    def where(self, keep: Sequence[bool]) -> "Table":
        """The rows for which `keep` is true."""
        chosen = {
            name: [v for v, k in zip(values, keep, strict=True) if k] for name, values in self.columns.items()
        }
        return Table(self.name, chosen, [self.number(row) for row, k in enumerate(keep) if k])

    def ids(self, column: str | None = None) -> list[str]:
        """The name of each row: in `column`, else in one of ID_COLUMNS, else its number."""
        column = column or next((name for name in ID_COLUMNS if name in self.columns), None)
        if column is None:
            return [str(self.number(row)) for row in range(len(self))]
        return [str(value) for value in self.column(column)]

    def text_column(self) -> str:
        """The column that holds the strings: ``scope``, or else the only column of text that is not a number."""
        if "scope" in self.columns:
            return "scope"
        texts = [name for name, values in self.columns.items() if _is_text(values)]
        strings = [name for name in texts if "|" in str(self.columns[name][0])]
        if len(texts) == 1 or len(strings) == 1:
            return (strings or texts)[0]
        if any(is_formula(str(self.columns[name][0])) for name in texts) and not strings:
            hint = "a formula does not say which structure"
            raise DataError(f"{self.name}: no column holds strings or structures: {', '.join(texts)}; {hint}")
        raise DataError(
            f"{self.name}: which column holds strings or structures? candidates: {', '.join(strings or texts) or 'none'}; name "
            "one with --column, or in a spec with columns.text or columns.structure"
        )


def read_table(path: str | Path) -> Table:
    """Read a table as a whole.

    Parameters
    ----------
    path : str or Path
        A .csv, .jsonl or .parquet file, of which the first two may be gzipped; a folder of shards; or a .json file of a data frame,
        {"columns": […], "data": [[…], …]}, as matminer writes it.

    Returns
    -------
    Table
        CSV values stay text, JSON and Parquet values keep their type.

    Raises
    ------
    DataError
        If the file is missing, unreadable, empty or not rectangular.

    Examples
    --------
    >>> read_table("strings.csv").columns
    {'id': ['salt'], 'scope': ['1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b']}
    """
    table = Table(str(path), _join(list(read_batches(path))))
    if not len(table):
        raise DataError(f"{path}: the table has no rows")
    return table


def read_batches(path: str | Path, size: int = BATCH) -> Iterator[Columns]:
    """Read a table some rows at a time.

    Parameters
    ----------
    path : str or Path
        See `read_table`.
    size : int
        Rows at a time, at most.

    Yields
    ------
    dict of list
        Values by column.

    Raises
    ------
    DataError
        If the file is missing, unreadable or not rectangular, at the latest when its fault is reached.

    Examples
    --------
    >>> [batch["id"] for batch in read_batches("strings.csv", size=1)]
    [['salt']]
    """
    path = Path(path)
    kind = classify(path.name)
    if path.is_dir():
        return chain.from_iterable(_parquet(shard, size) for shard in Manifest.load(path).paths)
    if kind == "parquet":
        return _parquet(path, size)
    if kind == "csv":
        return _csv(path, size)
    if kind == "lines":
        return _jsonl(path, size)
    if kind == "json":
        return _split_json(path, size)
    raise DataError(
        f"{path}: cannot tell what kind of table this is; use .csv, .jsonl or .parquet (.gz may follow)"
    )


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text with their ends; DataError for what cannot be read."""
    done, blank = 0, True
    try:
        with open_bytes(path) as file:
            for line in file:
                text = line.decode("utf-8" if done else "utf-8-sig")
                done += len(line)
                blank = blank and not text.strip()
                yield from split_lines(text)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {done + error.start}); save it as UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(f"{path}: the gzip data is damaged or cut off") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if blank:
        raise DataError(f"{path}: the file is empty")


def _csv(path: Path, size: int) -> Iterator[Columns]:
    reader = csv.reader(_lines(path), strict=True)
    rows = filter(None, long_fields(reader))
    number = 0
    try:
        header = [name.strip() for name in next(rows)]
        repeated = sorted({name for name in header if header.count(name) > 1})
        if wrong := wrong_separator(header):
            raise DataError(f"{path}: {wrong}")
        if repeated:
            raise DataError(f"{path}: column '{repeated[0]}' occurs more than once in the first line")
        while batch := list(islice(rows, size)):
            for row in batch:
                number += 1
                if len(row) != len(header):
                    raise DataError(
                        f"{path}: row {number} has {len(row)} fields, the first line names {len(header)} columns"
                    )
            yield {name: [row[i] for row in batch] for i, name in enumerate(header)}
        if not number:
            yield {name: [] for name in header}
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}") from None


def wrong_separator(header: Sequence[str]) -> str:
    """What is wrong with the first line of a CSV file that is separated by semicolons or tabs; empty if it is not."""
    mark = next((mark for mark in ";\t" if len(header) == 1 and mark in header[0]), "")
    return f"the first line is separated by {mark!r}; save the table with commas" if mark else ""


def long_fields(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows whose fields may be whole files; the limit of the module csv is what it was between two rows."""
    while True:
        before = csv.field_size_limit(LONGEST_FIELD)
        try:
            row = next(rows, None)
        finally:
            csv.field_size_limit(before)
        if row is None:
            return
        yield row


def _jsonl(path: Path, size: int) -> Iterator[Columns]:
    records: list[dict[str, object]] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}: line {number} is not JSON ({error})") from None
        except RecursionError:
            raise DataError(f"{path}: line {number} is nested too deeply to be read") from None
        if not isinstance(record, dict):
            raise DataError(f'{path}: line {number} is not an object like {{"scope": …}}')
        records.append(_plain(record) if "\\u" in line else record)
        if len(records) == size:
            yield _columns(records)
            records = []
    if records:
        yield _columns(records)


def _split_json(path: Path, size: int) -> Iterator[Columns]:
    """A data frame in one document, as pandas' ``to_json(orient="split")`` and matminer's data sets have it."""
    try:
        document = json.loads("".join(_lines(path)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    found = document if isinstance(document, dict) else {}
    names, rows = found.get("columns"), found.get("data")
    if (
        not isinstance(names, list)
        or not isinstance(rows, list)
        or not all(isinstance(row, list) and len(row) == len(names) for row in rows)
    ):
        raise DataError(
            f'{path}: not a table; a .json table is {{"columns": […], "data": [[…], …]}} with rows of equal length'
        )
    for start in range(0, max(len(rows), 1), size):
        some = rows[start : start + size]
        yield {
            plain_text(str(name)): [_plain_value(row[index]) for row in some]
            for index, name in enumerate(names)
        }


def _plain(record: dict[str, object]) -> dict[str, object]:
    """Names and texts of a row as every table can hold them."""
    return {plain_text(name): _plain_value(value) for name, value in record.items()}


def _plain_value(value: object) -> object:
    return plain_text(value) if isinstance(value, str) else value


def _columns(records: list[dict[str, object]]) -> Columns:
    names = list(dict.fromkeys(name for record in records for name in record))
    return {name: [record.get(name) for record in records] for name in names}


def _parquet(path: Path, size: int) -> Iterator[Columns]:
    arrow, parquet = require("pyarrow", "tables"), require("pyarrow.parquet", "tables")
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(size):
                yield {name: batch.column(name).to_pylist() for name in batch.schema.names}
            if not file.metadata.num_rows:
                yield {name: [] for name in file.schema_arrow.names}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from None


def _join(batches: Sequence[Columns]) -> Columns:
    """Batches as one; a column that one of them lacks is empty there."""
    if len(batches) == 1:
        return batches[0]
    names = list(dict.fromkeys(name for batch in batches for name in batch))
    joined: Columns = {name: [] for name in names}
    for batch in batches:
        rows = len(next(iter(batch.values()), []))
        for name in names:
            joined[name] += batch.get(name) or [None] * rows
    return joined


def _number(value: object) -> float | None:
    """The value as a float, None where it is not a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_text(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values) and any(_number(value) is None for value in values)
