"""Strings from arguments, standard input, lines of text or a column of a table."""

import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from cloudkit.cli.files import STANDARD_INPUT
from cloudkit.cli.terminal import MAX_SHOWN, say
from cloudkit.errors import CloudkitError, DataError, ScopeError

if TYPE_CHECKING:
    from cloudkit.encoding import Encoded
    from cloudkit.io import Table

MAX_TEXT: Final = 1 << 28  # bytes of lines, unpacked, that are held at once

Strings = Annotated[list[str] | None, typer.Argument(metavar="[STRING]...", help="SCOPE strings, or one file as for --file; - for lines on standard input.", show_default=False)]  # fmt: skip
File = Annotated[str | None, typer.Option("--file", "-f", metavar="F", help="Lines of text, a .csv, .jsonl or .parquet table (.gz too), a folder of shards or a structure file; - for standard input.")]  # fmt: skip
Column = Annotated[str | None, typer.Option("--column", "-c", metavar="NAME", help="Column with strings, structures or file names. [default: scope, else cif, structure, file, ... or the only text column]", show_default=False)]  # fmt: skip


class Texts(NamedTuple):
    """Strings and their source, with the ids of a table's column `id`; messages count rows from 1, without the header.

    first: row (from 0) of the first string, if they are part of a table.
    """

    source: str
    texts: list[str]
    ids: list[str] | None = None
    first: int = 0

    def place(self, row: int) -> str:
        """Return the name of row `row` (from 0) for messages."""
        return f"{self.source}, row {self.first + row + 1}"


def gather(strings: list[str] | None, file: str | None, column: str | None, damaged: bool = False) -> Texts:
    """Return the strings of a command line. Raises CloudkitError unless there is exactly one source.

    damaged: accept lines that are not UTF-8 and decode the invalid bytes as U+FFFD.
    """
    from cloudkit.io.paths import missing_hint

    if strings and file:
        raise CloudkitError("give strings or --file, not both")
    if not strings and not file:
        raise CloudkitError("nothing to read: give strings, --file F, or - for standard input")
    if strings is not None and len(strings) == 1 and _is_file(strings[0]):
        file, strings = strings[0], None
    if column and (not file or not is_table(file)):
        raise CloudkitError("--column needs a table: a .csv, .jsonl or .parquet file")
    if file:
        return read_texts(file, column, damaged)
    if strings == [STANDARD_INPUT]:
        return read_texts(STANDARD_INPUT, damaged=damaged)
    named = next((one for one in strings or () if _is_file(one)), None)
    if named is not None:
        raise CloudkitError(f"{named} is a file, not a string; give strings, or one file")
    if strings and (hint := missing_hint(strings[0])):
        raise CloudkitError(f"{strings[0]} is not a SCOPE string; {hint}")
    return Texts("argument", list(strings or ()))


def _is_file(text: str) -> bool:
    try:
        return "|" not in text and Path(text).is_file()
    except OSError:  # too long for a file name
        return False


def is_table(file: str) -> bool:
    """Whether the name is that of a table or of a folder of shards."""
    from cloudkit.io.formats import is_table

    return is_table(file)


def read_texts(file: str, column: str | None = None, damaged: bool = False) -> Texts:
    """Return the strings of a file: one per line, or one column of a table. A missing value is an empty string.

    Raises DataError for a file that cannot be read or is empty, and for values that are not text.
    """
    if not is_table(file):
        if file != STANDARD_INPUT and _holds_structure(file):
            from cloudkit.encoding import encode_files

            return _as_texts(file, encode_files([file]), 0)
        return Texts("standard input" if file == STANDARD_INPUT else file, _lines(file, damaged))
    from cloudkit.io import read_table

    table = read_table(file)
    return _texts(file, column, table, 0)


def stream_texts(file: str, column: str | None = None) -> Iterator[Texts]:
    """Yield the same in bounded memory, some rows of a table at a time; lines of text come at once."""
    if not is_table(file):
        yield read_texts(file)
        return
    from cloudkit.io import Table, read_batches

    first = 0
    for batch in read_batches(file):
        table = Table(file, batch)
        yield _texts(file, column, table, first)
        first += len(table)
    if not first:
        raise DataError(f"{file}: the table has no rows")


def _texts(file: str, column: str | None, table: "Table", first: int) -> Texts:
    """Return the strings of some rows of a table, encoding structures if needed."""
    from cloudkit.encoding.table_rows import encode_table_rows, find_crystal_column
    from cloudkit.io.tables import ID_COLUMNS

    crystals = find_crystal_column(table, column)
    ids = table.ids() if set(ID_COLUMNS) & table.columns.keys() else None
    if crystals.structures:
        return _as_texts(file, encode_table_rows(table, crystals, table.ids()), first)
    assert crystals.name is not None
    values = table.column(crystals.name)
    for row, value in enumerate(values, start=first + 1):
        if not isinstance(value, str | None):
            raise DataError(f"{file}: row {row}, column '{crystals.name}': expected text, found {value!r}")
    return Texts(file, [str(value or "") for value in values], ids, first)


def _as_texts(file: str, rows: "Iterable[Encoded]", first: int) -> Texts:
    """Return the strings of structures; print the reason if there is none, and use an empty string."""
    found = list(rows)
    for row in found:
        if row.error is not None:
            say(f"{row.id}: {row.error}")
    return Texts(file, [row.scope or "" for row in found], [row.id for row in found], first)


def _holds_structure(file: str) -> bool:
    """Whether a file holds structures, judged by its name, rather than lines of strings."""
    from cloudkit.io import classify

    return Path(file).is_file() and bool(classify(file))


def _lines(file: str, damaged: bool) -> list[str]:
    name = "standard input" if file == STANDARD_INPUT else file
    try:
        if file == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_TEXT + 1)
        else:
            from cloudkit.io import open_bytes

            with open_bytes(file) as stream:
                data = stream.read(MAX_TEXT + 1)
        if len(data) > MAX_TEXT:
            raise DataError(
                f"{name}: longer than {MAX_TEXT >> 20} MiB; split it, or make it a .csv, .jsonl or .parquet table"
            )
        text = data.decode("utf-8-sig", "replace" if damaged else "strict")
    except IsADirectoryError:
        raise DataError(f"{file}: a folder without shards; name a file of strings") from None
    except FileNotFoundError:
        raise DataError(f"{file}: no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: cannot be read ({error})") from None
    if not text.strip("\r\n"):
        raise DataError(f"{name}: contains no strings")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


class Failures:
    """Count the strings that fail and print the first of them."""

    def __init__(self, all_shown_by: str) -> None:
        self.count = 0
        self._all_shown_by = all_shown_by

    def add(self, texts: Texts, row: int, error: ScopeError) -> None:
        """Record that the string of `row` (from 0) failed; print its first diagnostic with a caret, or the reason."""
        self.count += 1
        if self.count <= MAX_SHOWN:
            from cloudkit.scope import render

            text = texts.texts[row]
            reason = render(text, error.diagnostics[0]) if error.diagnostics else str(error)
            say(f"{texts.place(row)}: {reason}")

    def report(self) -> bool:
        """Print how many more failures there are; return whether there were any."""
        if self.count > MAX_SHOWN:
            say(f"... and {self.count - MAX_SHOWN:,} more; {self._all_shown_by} shows all")
        return self.count > 0
