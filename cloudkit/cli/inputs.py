"""Structures and strings as a user names them, and what is said about those that fail; `encode` and `predict` share it."""

import glob
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cloudkit.cli.columns import MAX_SHOWN, STANDARD_INPUT, is_table
from cloudkit.cli.terminal import say
from cloudkit.errors import CloudkitError

if TYPE_CHECKING:
    from cloudkit.cli.files import Write
    from cloudkit.encoding import Encoded


def check_inputs(inputs: Sequence[str]) -> None:
    """Raise CloudkitError if nothing of what is named exists; one missing file among others is a failure, not an error."""
    check_named(inputs)
    if not any(given == STANDARD_INPUT or _is_string(given) or _exists(given) for given in inputs):
        from cloudkit.io.paths import missing_hint

        hint = next(filter(None, map(missing_hint, inputs)), "")
        raise CloudkitError(f"no such file or folder: {', '.join(inputs)}" + (f"; {hint}" if hint else ""))


def check_named(inputs: Sequence[str]) -> None:
    """Raise CloudkitError for an empty name: a path would take it for the folder that one is in."""
    if "" in inputs:
        raise CloudkitError("an input is an empty string, which names no file; is a shell variable unset?")


def check_apart(inputs: Sequence[str], *outputs: Path | None) -> None:
    """Raise CloudkitError where an output would take the place of an input, or be read as one the next time."""
    named = [name for given in inputs if not _is_string(given) for name in (_matches(given) or [given])]
    for output in filter(None, outputs):
        for name in named:
            place, whole = Path(name).resolve(), output.resolve()
            if place == whole:
                raise CloudkitError(f"{output} is also an input; name another output to keep both")
            if place in whole.parents and (output.exists() or not output.suffix) and place.is_dir():
                raise CloudkitError(f"{output} lies in {name}, which is read; write it to another folder")


def _is_string(given: str) -> bool:
    """Whether an input is a SCOPE string, and not a file with a bar in its name."""
    try:
        return "|" in given and not Path(given).exists()
    except OSError:  # longer than a name may be
        return True


def _exists(given: str) -> bool:
    return Path(given).exists() or bool(_matches(given))


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207  Path.glob is for relative patterns


def records(inputs: Sequence[str], column: str | None) -> "Iterator[Encoded]":
    """A record (id, string or error) for each string, row of a table, and structure, in order."""
    from cloudkit.encoding import Encoded, encode_records
    from cloudkit.encoding.table_rows import encode_table_file
    from cloudkit.io import file_names, read_structures

    names, notes = file_names(inputs), Notes()
    for number, given in enumerate(inputs, start=1):
        if _is_string(given):
            yield Encoded(str(number), given)
        elif _is_read_by_rows(given, column):
            for row in encode_table_file(given, column):
                notes.add(row)
                yield row
        else:
            for row in encode_records(read_structures([given], names, column)):
                notes.add(row)
                yield row
    notes.report()


def _is_read_by_rows(given: str, column: str | None) -> bool:
    """Whether a file is read as a table, whose cells are strings or structures: .csv and .parquet are unless they have columns of
    a structure; .jsonl is if --column or its first line says so; a folder is if it holds shards of strings.
    """
    if Path(given).is_dir():
        return (Path(given) / "manifest.json").is_file()
    if not is_table(given) or not Path(given).is_file():
        return False
    if column is not None:
        return True
    from cloudkit.io import classify, holds_structures, open_bytes

    if classify(given) != "lines":
        return not holds_structures(Path(given))
    try:
        with TextIOWrapper(open_bytes(given), "utf-8-sig") as file:
            first = json.loads(file.readline())
    except (OSError, EOFError, zlib.error, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and "scope" in first


class Notes:
    """What was left out or assumed, and what contradicts: the first note of each kind is shown, all are counted, and all are
    written where a writer of rows (id, note) is given.
    """

    def __init__(self, write: "Write | None" = None) -> None:
        self.count = self.structures = 0
        self._write = write
        self._kinds: set[str] = set()

    def add(self, row: "Encoded") -> None:
        """Count the notes on a structure, and show those that are the first of their kind."""
        self.structures += bool(row.notes)
        for note in row.notes:
            self.count += 1
            if self._write:
                self._write({"id": row.id, "note": note})
            kind = " ".join(re.findall(r"\b[a-z]{3,}\b", note)[:5])
            if kind not in self._kinds and len(self._kinds) < MAX_SHOWN:
                self._kinds.add(kind)
                say(f"note: {row.id}: {note}")

    def report(self) -> None:
        """Say how many more there were than shown."""
        more = self.count - len(self._kinds)
        if more:
            kept = "" if self._write else "; cloudkit encode --notes FILE writes all"
            say(f"... and {more:,} more notes like these, on {self.structures:,} structures in all{kept}")


class Failed(Protocol):
    """What is said of an input that failed."""

    @property
    def code(self) -> str:
        """Such as S104."""

    @property
    def message(self) -> str:
        """What is wrong, in one line."""


def say_failure(name: str, failure: Failed) -> None:
    """One line on standard error."""
    hint = getattr(failure, "hint", "")
    say(f"{name}: {failure.code}: {failure.message}" + (f" ({hint})" if hint else ""))
