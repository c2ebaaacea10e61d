"""Terminal output: messages, notes, failures and progress on standard error, results on standard output, tab completion."""

import functools
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from cloudkit.encoding import Encoded

MAX_SHOWN = 20  # failures or notes, of which the others are counted
PATIENCE = 1.0  # seconds before progress is shown
BLINK = 0.1  # seconds between two changes of what is shown
LOG_EVERY = 60.0  # seconds between two lines of progress in a file or pipe


@functools.cache
def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Print lines on standard error; rich, which is slow to import, is used only while it draws a bar."""
    if "rich.console" in sys.modules:
        _stderr().print(text)
    else:
        sys.stderr.write(text + "\n")


def complain(text: str) -> None:
    """Print an error on standard error."""
    say(f"error: {text}")


def emit(text: str) -> None:
    """Print a line of the result on standard output."""
    sys.stdout.write(text + "\n")


def emit_json(value: Any, indent: int | None = None) -> None:
    """Print a JSON document on standard output, on one line unless indented; NaN and infinity become null."""
    emit(to_json(value, indent))


def to_json(value: Any, indent: int | None = None) -> str:
    """Return strict JSON: UTF-8, with NaN and infinity as null."""
    return json.dumps(_finite(value), ensure_ascii=False, indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def emit_table(header: Sequence[str] | None, rows: Sequence[Sequence[object]]) -> None:
    """Print a table on standard output, numbers aligned right; header None continues a long table.

    Prints nothing if there are no rows.
    """
    if not rows:
        return
    cells = [[_cell(value) for value in row] for row in rows]
    lines = [list(header), *cells] if header else cells
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numeric = [
        all(isinstance(value, int | float | None) for value in column) for column in zip(*rows, strict=True)
    ]
    for line in lines:
        parts = [t.rjust(w) if n else t.ljust(w) for t, w, n in zip(line, widths, numeric, strict=True)]
        emit("  ".join(parts).rstrip())


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


class Bar:
    """Progress on standard error: on a terminal a bar, shown after a moment; elsewhere a line every LOG_EVERY seconds.

    A timer shows the bar, so it also appears while the first step takes long.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._bar: Progress | None = None
        self._label = ""
        self._total: int | None = None
        self._shown = self._started = 0.0
        self._done = self._first = 0
        self._timer: threading.Timer | None = None
        self._drawing = threading.Lock()

    def start(self, label: str, total: int | None = None, done: int = 0) -> None:
        """Begin at `done` of `total` steps; without a total, only count; a single step shows no numbers."""
        self.stop()
        self._label, self._total, self._done, self._first = label, total, done, done
        self._shown = self._started = time.monotonic()
        if not sys.stderr.isatty():
            return
        self._timer = threading.Timer(self._patience, self._draw)
        self._timer.daemon = True
        if self._patience:
            self._timer.start()
        else:
            self._draw()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Advance by `steps`; show `note` after the label."""
        self._done += steps
        bar, now = self._bar, time.monotonic()
        if bar is not None and now - self._shown >= BLINK:
            self._shown = now
            bar.update(bar.task_ids[0], completed=self._done, description=f"{self._label} {note}".rstrip())
        elif self._timer is None and now - self._shown >= LOG_EVERY:
            self._shown = now
            say(self._line(note, now - self._started))

    def _line(self, note: str, seconds: float) -> str:
        """What a log shows: label, steps, note, and the time left if the total is known."""
        parts = [
            f"{self._label}: {self._done:,.0f}" + (f" of {self._total:,.0f}" if self._total else ""),
            note,
        ]
        if self._total:
            left = seconds * (self._total - self._done) / max(self._done - self._first, 1)
            parts.append(f"about {left / 60:.0f} min left" if left >= 60 else "less than a minute left")
        return ", ".join(filter(None, parts))

    def _draw(self) -> None:
        """Draw the bar; rich takes longer to import than most commands take to run."""
        from rich import progress

        with self._drawing:
            if self._timer is None:  # stopped in the meantime
                return
            known = self._total is not None and self._total > 1
            counted = progress.TextColumn("" if self._total == 1 else "{task.completed:,.0f}")
            amount = progress.MofNCompleteColumn() if known else counted
            middle = (
                [progress.BarColumn(), progress.TimeRemainingColumn()]
                if known
                else [progress.SpinnerColumn(), progress.TimeElapsedColumn()]
            )
            text = progress.TextColumn("{task.description}", markup=False)
            bar = progress.Progress(text, amount, *middle, console=_stderr(), transient=True)
            bar.add_task(self._label, total=self._total, completed=self._done)
            bar.start()
            self._bar = bar

    def stop(self) -> None:
        """Remove the bar."""
        if self._timer is not None:
            self._timer.cancel()
        with self._drawing:
            self._timer = None
            if self._bar is not None:
                self._bar.stop()
            self._bar = None


@contextmanager
def counting(what: str) -> Iterator[Bar]:
    """Show a counting bar; remove it at the end, also after an error."""
    bar = Bar()
    bar.start(what)
    try:
        yield bar
    finally:
        bar.stop()


@contextmanager
def going_on() -> Iterator[Bar]:
    """Show a bar at once, for resumable work; Ctrl-C removes it, says how to resume, and exits with 130."""
    bar = Bar(patience=0.0)
    try:
        yield bar
    except KeyboardInterrupt:
        bar.stop()
        say("interrupted; run the same command again to resume")
        raise typer.Exit(130) from None
    finally:
        bar.stop()


class Notes:
    """Notes on structures (assumptions, omissions, contradictions): print the first of each kind, count all, and write all if
    there is a writer of rows (id, note).
    """

    def __init__(self, write: Callable[[dict[str, object]], None] | None = None) -> None:
        self.count = self.structures = 0
        self._write = write
        self._kinds: set[str] = set()

    def add(self, row: "Encoded") -> None:
        """Count the notes on a structure and print those that are the first of their kind."""
        self.structures += bool(row.notes)
        for note in row.notes:
            self.count += 1
            if self._write:
                self._write({"id": row.id, "note": note})
            kind = " ".join(re.findall(r"\b[a-z]{3,}\b", note)[:5])
            if kind not in self._kinds and len(self._kinds) < MAX_SHOWN:
                self._kinds.add(kind)
                say(f"note: {row.id}: {note}")

    def pass_on(self, rows: "Iterable[Encoded]") -> "Iterator[Encoded]":
        """Yield the rows, adding their notes; report at the end."""
        for row in rows:
            self.add(row)
            yield row
        self.report()

    def report(self) -> None:
        """Print how many more notes there are."""
        more = self.count - len(self._kinds)
        if more:
            kept = "" if self._write else "; cloudkit encode --notes FILE writes them all"
            say(f"... and {more:,} more notes like these, on {self.structures:,} structures in total{kept}")


class Failed(Protocol):
    """Why an input failed."""

    @property
    def code(self) -> str:
        """Such as S104."""

    @property
    def message(self) -> str:
        """What is wrong, in one line."""


def say_failure(name: str, failure: Failed) -> None:
    """Print one line on standard error."""
    hint = getattr(failure, "hint", "")
    say(f"{name}: {failure.code}: {failure.message}" + (f" ({hint})" if hint else ""))


PACKAGE = Path(__file__).parents[1]


def complete_presets(incomplete: str) -> list[str]:
    """Complete names of presets without importing cloudkit.modelspec; the shell completes file names."""
    return _complete(incomplete, (path.stem for path in (PACKAGE / "modelspec/presets").glob("*.yaml")))


def complete_sweeps(incomplete: str) -> list[str]:
    """Complete names of presets with a grid."""
    found = (PACKAGE / "modelspec/presets").glob("*.yaml")
    return _complete(
        incomplete, (path.stem for path in found if "\nsweep:" in path.read_text(encoding="utf-8"))
    )


def complete_predictors(incomplete: str) -> list[str]:
    """Complete models for `predict`: those of `complete_models`, and materials."""
    return sorted([*complete_models(incomplete), *_complete(incomplete, ["materials"])])


def complete_models(incomplete: str) -> list[str]:
    """Complete shipped models that predict values, and finished runs."""
    specs = (PACKAGE / "models/shipped").glob("*/spec.yaml")
    shipped = (path.parent.name for path in specs if "kind: finetune" in path.read_text(encoding="utf-8"))
    runs = (str(path.parent) for path in Path().glob("runs/*/model.safetensors"))
    return _complete(incomplete, [*shipped, *runs])


def complete_schemas(incomplete: str) -> list[str]:
    """Complete names of JSON Schemas."""
    folder = PACKAGE / "schemas"
    folder = folder if folder.is_dir() else PACKAGE.parent / "schemas"
    return _complete(incomplete, (path.name.partition(".")[0] for path in folder.glob("*.schema.json")))


def _complete(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
