"""Writing files whole or not at all: rows as .csv or .jsonl, and any other file through `replacing`."""

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from cloudkit.cli.terminal import to_json
from cloudkit.errors import CloudkitError

Write = Callable[[dict[str, object]], None]


def table_suffixes() -> tuple[str, ...]:
    """The suffixes of the tables that can be written."""
    from cloudkit.io import WRITABLE

    return WRITABLE


def check_target(path: Path, suffixes: Sequence[str] = ()) -> None:
    """Raise CloudkitError, before any work is done, where `path` cannot be written or has none of the suffixes."""
    if suffixes and path.suffix not in suffixes:
        raise CloudkitError(
            f"{path}: cannot write '{path.suffix or path.name}' files; use {' or '.join(suffixes)}"
        )
    if path.is_dir():
        raise CloudkitError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise CloudkitError(f"{path}: there is no folder {path.parent}")


def draft_of(path: Path) -> Path:
    """Where this process writes what is to take the place of a file; `writer_of` reads the name."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def writer_of(path: Path) -> int | None:
    """The process that writes a draft; None for any other file."""
    found = re.fullmatch(r"\..+\.(\d+)\.tmp", path.name)
    return int(found[1]) if found else None


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """A file that takes the place of `path` when the block ends well, and vanishes when it does not."""
    check_target(path)
    from cloudkit.io.atomic import atomic_write

    path = path.resolve()
    with atomic_write(path, mode, draft_of(path)) as file:
        yield file


@contextmanager
def table_writer(path: Path, columns: Mapping[str, type] | Sequence[str]) -> Iterator[Write]:
    """Yield a function that writes one row: CSV with a header or Parquet by suffix, else JSON lines.

    Parquet needs `columns` with types.
    """
    from cloudkit.io import classify

    kind = classify(path.name)
    with ExitStack() as stack:
        file = stack.enter_context(replacing(path, "wb" if kind == "parquet" else "w"))
        if kind == "csv":
            writer = csv.DictWriter(file, list(columns), lineterminator="\n")
            writer.writeheader()
            yield writer.writerow
        elif kind == "parquet":
            from cloudkit.io import parquet_writer

            assert isinstance(columns, Mapping)
            yield stack.enter_context(parquet_writer(file, columns))
        else:
            yield lambda row: _write_line(file, row)


def _write_line(file: IO[Any], row: dict[str, object]) -> None:
    file.write(to_json(row) + "\n")
