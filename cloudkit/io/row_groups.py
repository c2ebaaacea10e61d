"""Parquet files of structures by row groups, with exact counts: a row that cannot be read is a failure of its own.

The forms are those of parquet.py. Rows of lattice, species and positions are read as columns, without an object per number,
since a corpus has hundreds of millions of them.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from cloudkit.errors import DataError, StructureError, require
from cloudkit.io.columns import Columns
from cloudkit.io.json_xyz import read_row
from cloudkit.io.parquet import structure_columns
from cloudkit.io.record import Record

PLAIN: Final = {"lattice", "species", "positions"}
ROWS: Final = 1024  # decoded at once, as columns


class Footer(NamedTuple):
    """The end of a Parquet file. digest: a hash of it, which changes with the data; rows: of each row group."""

    digest: str
    rows: tuple[int, ...]


def read_footer(path: str | Path) -> Footer:
    """Read the end of a Parquet file: its row groups and a hash.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Footer
        `digest` changes with the data; `rows` has the number of rows of each row group.

    Raises
    ------
    DataError
        If the file is cut off or damaged, or has no column of structures.

    Examples
    --------
    >>> from cloudkit.io import write_structures
    >>> with open("rows.parquet", "wb") as file:
    ...     write_structures(file, [{"id": "a"}, {"id": "b"}], {})
    >>> read_footer("rows.parquet").rows
    (2,)
    """
    arrow, parquet = require("pyarrow", "tables"), require("pyarrow.parquet", "tables")
    try:
        file = parquet.ParquetFile(path)
        meta, names = file.metadata, file.schema_arrow.names
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{Path(path).name} is not a whole Parquet file: {_first_line(error)}") from None
    try:
        structure_columns(path, names)
    except StructureError as error:
        raise DataError(error.message) from None
    rows = tuple(meta.row_group(group).num_rows for group in range(meta.num_row_groups))
    return Footer(_tail_hash(Path(path), meta.serialized_size), rows)


def _tail_hash(path: Path, size: int) -> str:
    with path.open("rb") as file:
        file.seek(-size - 8, 2)
        return sha256(file.read()).hexdigest()


Group = Columns | list[Record]  # some structures of a file, in order


def read_row_groups(path: str, name: str, groups: list[int], count: int, first_row: int) -> Iterator[Group]:
    """Read the structures of some row groups of a Parquet file.

    Parameters
    ----------
    path, name : str
        The file, and what it is called in ids: rows without an id are name#number.
    groups : list of int
        The row groups.
    count, first_row : int
        Rows of these groups, and the number, from 0, of their first in the file.

    Yields
    ------
    Columns or list of Record
        Some structures, in order, `count` together; where the file is damaged, all that are left are records with that error.

    Examples
    --------
    >>> from cloudkit.io import write_structures
    >>> with open("rows.parquet", "wb") as file:
    ...     write_structures(file, [{"id": "a", "error": "not relaxed"}], {})
    >>> (records,) = read_row_groups("rows.parquet", "rows", [0], 1, 0)
    >>> records[0].error.message
    'not relaxed'
    """
    arrow, parquet = require("pyarrow", "tables"), require("pyarrow.parquet", "tables")
    row = first_row
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            columns = structure_columns(path, file.schema_arrow.names)
            for batch in file.iter_batches(ROWS, row_groups=groups, columns=columns):
                yield read_batch(batch, name, row)
                row += batch.num_rows
    except (arrow.ArrowException, OSError) as error:
        fault = StructureError("S101", f"{name} is damaged from row {row + 1} on: {_first_line(error)}")
        yield [Record(f"{name}#{number}", None, fault) for number in range(row + 1, first_row + count + 1)]


def read_batch(batch: Any, name: str, first_row: int) -> Group:
    """The structures of one record batch: as columns where each row has a lattice, species and positions that fit."""
    if not _is_plain(batch.schema):
        return [
            read_row(row, f"{name}#{number}") for number, row in enumerate(batch.to_pylist(), first_row + 1)
        ]
    ids = [
        f"{name}#{number}" if id is None else id
        for number, id in enumerate(batch.column("id").to_pylist(), first_row + 1)
    ]
    n_sites = _lengths(batch.column("species"))
    whole = (
        (n_sites >= 0)
        & _is_shaped(batch.column("lattice"), 3)
        & _is_shaped(batch.column("positions"), n_sites)
    )
    if whole.all():
        return _columns(batch, ids)
    good = _columns(batch.filter(require("pyarrow", "tables").array(whole)), None).records()
    fault = StructureError(
        "S112",
        "lattice, species and positions of this row do not fit together: 3 x 3, n and n x 3 values are needed",
    )
    return [
        next(good)._replace(id=id) if fits else Record(id, None, fault)
        for id, fits in zip(ids, whole.tolist(), strict=True)
    ]


def _is_plain(schema: Any) -> bool:
    """Whether rows are an id, lattice, species and positions, all of the plainest types."""
    types = require("pyarrow", "tables").types
    if set(schema.names) != PLAIN | {"id"} or not types.is_string(schema.field("id").type):
        return False
    kinds = [schema.field(name).type for name in ("lattice", "positions")]
    symbols = schema.field("species").type
    nested = all(
        types.is_list(kind)
        and types.is_list(kind.value_type)
        and types.is_floating(kind.value_type.value_type)
        for kind in kinds
    )
    return nested and types.is_list(symbols) and types.is_string(symbols.value_type)


def _columns(batch: Any, ids: list[str] | None) -> Columns:
    species = batch.column("species").flatten().dictionary_encode()
    offsets = np.concatenate([[0], np.cumsum(_lengths(batch.column("species")))]).astype(np.int64)
    return Columns(
        _numbers(batch.column("lattice")).reshape(-1, 3, 3),
        _numbers(batch.column("positions")).reshape(-1, 3),
        species.indices.fill_null(-1).to_numpy(zero_copy_only=False),
        offsets,
        species.dictionary.to_pylist(),
        ids,
    )


def _numbers(column: Any) -> Any:
    """All numbers of a column of lists, NaN for missing ones."""
    return column.flatten().flatten().cast("float64").fill_null(np.nan).to_numpy(zero_copy_only=False)


def _lengths(column: Any) -> Any:
    """Values in each row of a column of lists; -1 where there is none."""
    compute = require("pyarrow.compute", "tables")
    return (
        compute.fill_null(compute.list_value_length(column), -1)
        .to_numpy(zero_copy_only=False)
        .astype(np.int64)
    )


def _is_shaped(column: Any, counts: Any) -> Any:
    """For each row whether it holds that many lists of three numbers."""
    inner = column.flatten()
    bad = np.concatenate([[0], np.cumsum(_lengths(inner) != 3)])
    lengths = _lengths(column)
    ends = np.cumsum(np.maximum(lengths, 0))
    return (lengths == counts) & (bad[ends] == bad[ends - np.maximum(lengths, 0)])


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
