"""Writing long tables as they are made: .csv, .jsonl or .parquet, batch by batch, in bounded memory."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

import numpy as np

from cloudkit.errors import require

Columns = Mapping[str, Any]  # name -> values of one batch, all of one length
GROUP: Final = 10_000  # rows of Parquet held before they are written


@contextmanager
def column_writer(
    file: IO[bytes], suffix: str, names: Sequence[str], texts: Sequence[str]
) -> Iterator[Callable[[Columns], None]]:
    """Write a long table column by column, in bounded memory.

    Numbers keep all digits of float64; NaN becomes an empty field, null in JSON and Parquet.

    Parameters
    ----------
    file : binary file
        Open for writing.
    suffix : str
        ".csv", ".jsonl" or ".parquet".
    names, texts : sequence of str
        Columns in order, and those of them that hold text; the others are float64.

    Yields
    ------
    callable
        Appends one batch: a mapping of names to values, all of one length.

    Raises
    ------
    MissingExtra
        If pyarrow is not installed, which .csv and .parquet need.

    Examples
    --------
    >>> from io import BytesIO
    >>> with column_writer(file := BytesIO(), ".jsonl", ["id", "gap"], ["id"]) as write:
    ...     write({"id": ["a", "b"], "gap": [1.5, float("nan")]})
    >>> print(file.getvalue().decode())
    {"id": "a", "gap": 1.5}
    {"id": "b", "gap": null}
    <BLANKLINE>
    """
    if suffix == ".jsonl":
        yield lambda batch: _write_lines(file, batch)
        return
    arrow = require("pyarrow", "tables")
    schema = arrow.schema([(name, arrow.string() if name in texts else arrow.float64()) for name in names])
    module = require("pyarrow.parquet" if suffix == ".parquet" else "pyarrow.csv", "tables")
    make = module.ParquetWriter if suffix == ".parquet" else module.CSVWriter
    options = {} if suffix == ".parquet" else {"write_options": module.WriteOptions(quoting_style="needed")}
    with make(file, schema, **options) as writer:
        yield lambda batch: writer.write_table(_arrow_table(arrow, schema, batch))


def _arrow_table(arrow: Any, schema: Any, batch: Columns) -> Any:
    arrays = [arrow.array(batch[field.name], type=field.type, from_pandas=True) for field in schema]
    return arrow.Table.from_arrays(arrays, schema=schema)


def _write_lines(file: IO[bytes], batch: Columns) -> None:
    columns = [np.asarray(values, dtype=object).tolist() for values in batch.values()]
    for row in zip(*columns, strict=True):
        line = {name: None if value != value else value for name, value in zip(batch, row, strict=True)}
        file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())


@contextmanager
def parquet_writer(
    file: IO[bytes], columns: Mapping[str, type]
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Write a long Parquet table row by row, in bounded memory.

    Parameters
    ----------
    file : binary file
        Open for writing.
    columns : mapping
        Name to str, int or float; a value may be None.

    Yields
    ------
    callable
        Adds one row, a dictionary.

    Raises
    ------
    MissingExtra
        If pyarrow is not installed, before anything is written.

    Examples
    --------
    >>> from io import BytesIO
    >>> with parquet_writer(file := BytesIO(), {"id": str, "gap": float}) as write:
    ...     write({"id": "a", "gap": None})
    >>> file.getvalue()[-4:]
    b'PAR1'
    """
    arrow, parquet = require("pyarrow", "tables"), require("pyarrow.parquet", "tables")
    types = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    rows: list[dict[str, Any]] = []
    with parquet.ParquetWriter(file, schema) as writer:

        def flush() -> None:
            writer.write_table(arrow.Table.from_pylist(rows, schema))
            rows.clear()

        def write(row: dict[str, Any]) -> None:
            rows.append(row)
            if len(rows) >= GROUP:
                flush()

        yield write
        if rows:
            flush()
