"""Files on the command line: checks that inputs exist and that outputs are writable and not inputs; atomic writing of tables
(.csv, .jsonl, .parquet) and of any other file through `replacing`.
"""

import csv
import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from cloudkit.cli.terminal import to_json
from cloudkit.errors import CloudkitError

STANDARD_INPUT = "-"
Write = Callable[[dict[str, object]], None]


def check_inputs(inputs: Sequence[str]) -> None:
    """Raise CloudkitError if none of the inputs exists; one missing file among others is a failed record."""
    check_named(inputs)
    if not any(
        given == STANDARD_INPUT or _is_string(given) or Path(given).exists() or _matches(given)
        for given in inputs
    ):
        from cloudkit.io.paths import missing_hint

        hint = next(filter(None, map(missing_hint, inputs)), "")
        raise CloudkitError(f"no such file or folder: {', '.join(inputs)}" + (f"; {hint}" if hint else ""))


def check_named(inputs: Sequence[str]) -> None:
    """Raise CloudkitError for an empty name, which pathlib would read as the working directory."""
    if "" in inputs:
        raise CloudkitError("an input is an empty string; is a shell variable unset?")


def check_apart(inputs: Sequence[str], *outputs: Path | None) -> None:
    """Raise CloudkitError if an output would replace an input, or be read as one next time."""
    named = [name for given in inputs if not _is_string(given) for name in (_matches(given) or [given])]
    for output in filter(None, outputs):
        for name in named:
            place, whole = Path(name).resolve(), output.resolve()
            if place == whole:
                raise CloudkitError(f"{output} is also an input; choose another output")
            if place in whole.parents and (output.exists() or not output.suffix) and place.is_dir():
                raise CloudkitError(f"{output} is inside the input folder {name}; write it to another folder")


def _is_string(given: str) -> bool:
    """Whether an input is a SCOPE string, not a file with a bar in its name."""
    return "|" in given and not os.path.exists(given)  # noqa: PTH110  Path.exists raises for a text too long for a name


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207  Path.glob is for relative patterns


def table_suffixes() -> tuple[str, ...]:
    """Return the suffixes of tables that can be written."""
    from cloudkit.io import WRITABLE

    return WRITABLE


def check_target(path: Path, suffixes: Sequence[str] = ()) -> None:
    """Raise CloudkitError if `path` cannot be written or has none of the suffixes."""
    if suffixes and path.suffix not in suffixes:
        raise CloudkitError(
            f"{path}: cannot write '{path.suffix or path.name}' files; use {' or '.join(suffixes)}"
        )
    if path.is_dir():
        raise CloudkitError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise CloudkitError(f"{path}: no such folder: {path.parent}")


def writer_of(path: Path) -> int | None:
    """Return the process id in the name of a temporary file; None for any other file."""
    found = re.fullmatch(r"\..+\.(\d+)\.tmp", path.name)
    return int(found[1]) if found else None


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file that replaces `path` if the block succeeds and is removed if it does not."""
    check_target(path)
    from cloudkit.io.atomic import atomic_write

    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # `writer_of` reads the number
    with atomic_write(path, mode, draft) as file:
        yield file


@contextmanager
def table_writer(path: Path, columns: Mapping[str, type] | Sequence[str]) -> Iterator[Write]:
    """Yield a function that writes one row: CSV with a header or Parquet by suffix, otherwise JSON lines.

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
