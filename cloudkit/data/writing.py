"""Writing long tables as they are made: .csv, .jsonl or .parquet, batch by batch, in bounded memory."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

import numpy as np

from cloudkit.errors import require

Columns = Mapping[str, Any]  # name -> values of one batch, all of one length
WRITABLE: Final = (".csv", ".jsonl", ".parquet")


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
