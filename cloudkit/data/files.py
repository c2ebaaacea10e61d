"""Reading tables: CSV, JSON lines and Parquet files, plain or gzipped, and the data that ships with cloudkit."""

import csv
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Final

from cloudkit.data.table import Table
from cloudkit.errors import DataError, require

BUILTIN: Final = ("thermal", "minerals", "prototypes")
PARTS: Final = ("train", "test", "all")


def read_table(path: str | Path) -> Table:
    """Read a .csv, .jsonl or .parquet file; the first two may be gzipped (``.csv.gz``).

    CSV values stay text, JSON and Parquet values keep their type. Raises DataError for a file that is missing,
    unreadable, empty or not rectangular.
    """
    path = Path(path)
    suffix = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).removesuffix(".gz")
    if suffix == ".parquet":
        columns = _read_parquet(path)
    elif suffix == ".csv":
        columns = _read_csv(path)
    elif suffix == ".jsonl":
        columns = _read_jsonl(path)
    else:
        raise DataError(
            f"{path}: cannot tell what kind of table this is; use .csv, .jsonl or .parquet (.gz may follow)"
        )
    table = Table(str(path), columns)
    if not len(table):
        raise DataError(f"{path}: the table has no rows")
    return table


def builtin_path(name: str) -> Path:
    """The file of a built-in table; DataError for an unknown name."""
    if name not in BUILTIN:
        raise DataError(f"there is no built-in data '{name}'; there are {', '.join(BUILTIN)}")
    return Path(__file__).parent / "builtin" / f"{name}.csv.gz"


def read_builtin(name: str, part: str = "all") -> Table:
    """A table that ships with cloudkit; `part` is train, test or all (where the table has a column ``part``)."""
    table = read_table(builtin_path(name))
    table = Table(f"builtin {name}", table.columns)
    if part == "all":
        return table
    if part not in PARTS or "part" not in table.columns:
        known = PARTS if "part" in table.columns else PARTS[-1:]
        raise DataError(f"{table.name} has no part '{part}'; there is {', '.join(known)}")
    return table.where([value == part for value in table.column("part")])


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _read_text(path: Path) -> str:
    data = _read_bytes(path)
    try:
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error):
        raise DataError(f"{path}: the gzip data is damaged or cut off") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})") from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return text


def _read_csv(path: Path) -> dict[str, list[object]]:
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}") from None
    header = [name.strip() for name in rows[0]]
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{path}: column '{repeated[0]}' occurs more than once in the first line")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(
                f"{path}: row {number} has {len(row)} fields, the first line names {len(header)} columns"
            )
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(header)}


def _read_jsonl(path: Path) -> dict[str, list[object]]:
    records: list[dict[str, object]] = []
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}: line {number} is not JSON ({error})") from None
        if not isinstance(record, dict):
            raise DataError(f'{path}: line {number} is not an object like {{"scope": …}}')
        records.append(record)
    names = list(dict.fromkeys(name for record in records for name in record))
    return {name: [record.get(name) for record in records] for name in names}


def _read_parquet(path: Path) -> dict[str, list[object]]:
    arrow, parquet = require("pyarrow", "tables"), require("pyarrow.parquet", "tables")
    try:
        table = parquet.read_table(io.BytesIO(_read_bytes(path)))
    except arrow.ArrowException as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from None
    return {name: table.column(name).to_pylist() for name in table.column_names}
