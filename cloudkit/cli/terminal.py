"""What a person sees: lines and progress on standard error, results on standard output."""

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 2.0  # seconds before progress is shown


@functools.cache
def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One or more lines on standard error, as they are."""
    _stderr().print(text)


def complain(text: str) -> None:
    """An error on standard error."""
    say(f"error: {text}")


def emit(text: str) -> None:
    """A line of the result on standard output."""
    sys.stdout.write(text + "\n")


def emit_json(value: Any, indent: int | None = None) -> None:
    """A JSON document on standard output, on one line unless indented; NaN and infinity become null."""
    emit(to_json(value, indent))


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON that every reader accepts: UTF-8, NaN and infinity as null."""
    return json.dumps(_finite(value), ensure_ascii=False, indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def emit_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns on standard output, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    right = [
        all(isinstance(row[i], int | float) or row[i] is None for row in rows) for i in range(len(header))
    ]
    for line in (header, *cells):
        parts = [t.rjust(w) if r else t.ljust(w) for t, w, r in zip(line, widths, right, strict=True)]
        emit("  ".join(parts).rstrip())


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


@contextmanager
def counting(what: str) -> Iterator[Callable[[], None]]:
    """Yield a function to call once per record; after two seconds a terminal shows how many there were."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn()
    bar = Progress(*columns, console=_stderr(), transient=True)
    task = bar.add_task(what, total=None)
    begun = time.monotonic()

    def advance() -> None:
        bar.advance(task)
        if _stderr().is_terminal and not bar.live.is_started and time.monotonic() - begun > PATIENCE:
            bar.start()

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
