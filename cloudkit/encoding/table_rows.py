"""Strings of the rows of a table, whatever they hold: SCOPE strings, texts of files, names of files, JSON, or lattices."""

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

from cloudkit.encoding.encoder import Encoded, encode_records
from cloudkit.encoding.options import EncodeOptions
from cloudkit.errors import DataError
from cloudkit.io.chunks import FILE_COLUMNS, STRUCTURE_COLUMNS, cell_chunk
from cloudkit.io.formats import classify
from cloudkit.io.record import Record
from cloudkit.io.single import as_record, read_cell
from cloudkit.io.tables import Table, read_batches

# of rows that are structures as a whole
LATTICES: Final = ("lattice", "lattice_vectors", "lattice_mat", "attributes")


class CrystalColumn(NamedTuple):
    """The column of a table with its crystals.

    Attributes
    ----------
    name : str or None
        None if whole rows are structures.
    structures : bool
        Whether it has structures, which are encoded, rather than strings.
    """

    name: str | None
    structures: bool


def find_crystal_column(table: Table, column: str | None = None) -> CrystalColumn:
    """Find the crystals of a table: in `column`, else in a column with a usual name (scope, cif, structure, file, …).

    Raises DataError if there is no such column, or if several columns could be meant.

    Examples
    --------
    >>> find_crystal_column(Table("t", {"id": ["a"], "cif": ["a.cif"]}))
    CrystalColumn(name='cif', structures=True)
    >>> find_crystal_column(Table("t", {"scope": ["0 0 0 | Si 1a"], "y": ["1"]}))
    CrystalColumn(name='scope', structures=False)
    """
    if column is None:
        column = next((name for name in ("scope", *STRUCTURE_COLUMNS) if name in table.columns), None)
        if column is None and any(name in table.columns for name in LATTICES):
            return CrystalColumn(None, True)
        column = column or table.text_column()
    values = table.column(column)
    first = next((value for value in values if value is not None and value != ""), None)
    return CrystalColumn(column, _is_structure(first, column))


def _is_structure(value: object, column: str) -> bool:
    """Whether a value is a structure, the text of a file or the name of one; any other text is taken for a string."""
    if not isinstance(value, str):
        return value is not None and not isinstance(value, int | float)
    if "\n" in value.strip() or value.lstrip().startswith("{"):
        return True
    return "|" not in value and (column in FILE_COLUMNS or bool(classify(value)))


def encode_table_rows(
    table: Table, column: CrystalColumn, ids: Sequence[str], options: EncodeOptions | None = None
) -> Iterator[Encoded]:
    """One row for each row of a table, in order. Strings pass unchecked; names of files are relative to the folder of the table.

    Examples
    --------
    >>> table = Table("t", {"scope": ["0 0 0 | Si 1a"]})
    >>> [row.scope for row in encode_table_rows(table, find_crystal_column(table), ["si"])]
    ['0 0 0 | Si 1a']
    """
    if not column.structures:
        assert column.name is not None
        texts = table.column(column.name)
        return (Encoded(id, str(text) if text else None) for id, text in zip(ids, texts, strict=True))
    return encode_records(_records(table, column, ids), options)


def encode_table_file(path: str, column: str | None = None) -> Iterator[Encoded]:
    """The rows of a table on disk, some thousand at a time; ids are in a column that names rows, else the numbers of the rows.

    Raises DataError for a file that is not a table, has no rows or no column of crystals.
    """
    crystals, done = None, 0
    for batch in read_batches(path):
        count = len(next(iter(batch.values()), []))
        if not count:
            continue
        table = Table(path, batch, range(done + 1, done + count + 1))
        is_first = crystals is None
        crystals = crystals or find_crystal_column(table, column)
        rows = encode_table_rows(table, crystals, table.ids())
        if is_first and crystals.structures and crystals.name == "scope":
            first = next(rows)
            note = "column 'scope' holds structures, not strings; they are encoded"
            yield first._replace(notes=(note, *first.notes))
        yield from rows
        done += count
    if not done:
        raise DataError(f"{path}: the table has no rows")


def find_kept_columns(
    rows: Iterable[Encoded], reserved: Container[str], limit: int | None = None
) -> tuple[Iterator[Encoded], dict[str, tuple[str, type]]]:
    """Find the further columns of the tables that rows come from, such as labels.

    Parameters
    ----------
    rows : iterable of Encoded
        The rows; the first `limit` of them, by default all, are held in memory.
    reserved : container of str
        Names of columns that the output has anyway.
    limit : int, optional
        How many rows are looked at.

    Returns
    -------
    rows, columns : tuple
        All rows, and name -> (name in the output, type) for each column that the rows looked at have.

    Examples
    --------
    >>> rows, columns = find_kept_columns([Encoded("a", "0 0 0 | Si 1a", kept={"gap": 1.1, "id": "x"})], ("id", "scope"))
    >>> columns
    {'gap': ('gap', <class 'float'>), 'id': ('id_given', <class 'str'>)}
    """
    rest = iter(rows)
    first = list(islice(rest, limit))
    kinds: dict[str, set[type]] = {}
    for row in first:
        for name, value in row.kept.items():
            kinds.setdefault(name, set()).add(type(value))
    columns: dict[str, tuple[str, type]] = {}
    for name, types in kinds.items():
        kind = int if types <= {int} else float if types <= {int, float} else str
        columns[name] = (f"{name}_given" if name in reserved else name, kind)
    return chain(first, rest), columns


def named_files(table: Table, column: CrystalColumn) -> list[Path]:
    """The files that the cells of a table name, in order; none where they hold texts, strings or objects."""
    if column.name is None or not column.structures:
        return []
    folder = Path(table.name).parent
    texts = [value for value in table.column(column.name) if isinstance(value, str)]
    chunks = [cell_chunk("", text, column.name, folder) for text in texts]
    return [Path(chunk.path) for chunk in chunks if chunk.path]


def _records(table: Table, column: CrystalColumn, ids: Sequence[str]) -> Iterator[Record]:
    if column.name is not None:
        folder = Path(table.name).parent
        for id, value in zip(ids, table.column(column.name), strict=True):
            yield read_cell(id, value, column.name, folder)
        return
    names = list(table.columns)
    for id, values in zip(ids, zip(*table.columns.values(), strict=True), strict=True):
        yield as_record(id, dict(zip(names, values, strict=True)))
