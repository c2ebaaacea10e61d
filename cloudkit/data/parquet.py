"""Writing Parquet row by row, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final

from cloudkit.errors import require

GROUP: Final = 10_000  # rows held before they are written


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
