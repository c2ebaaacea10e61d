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
    """Yield a function that appends one batch of columns, named and ordered by `names`; those in `texts` are text, the rest float64.

    Numbers keep all digits of float64; NaN becomes an empty field, null in JSON and Parquet.
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
    """Yield a function that adds one row. columns: name -> str, int or float; a value may be None.

    Raises MissingExtra where pyarrow is not installed, before anything is written.
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
