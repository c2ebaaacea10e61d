"""Every error a user can meet, in one tree, and the one place that knows the distribution's name.

CloudkitError                what went wrong, in a sentence; the command line prints it and exits with 2
├── StructureError           a structure that cannot become a string (code S...)
├── ScopeError               text that is not valid SCOPE (carries its diagnostics)
├── SpecError                a model spec with mistakes (carries all of them)
├── DataError                a data file, column or label that cannot be used
├── FetchError               a provider or a folder of shards that is in the way of a fetch
├── ModelError               a model folder with a missing or damaged file
└── MissingExtra             an optional package that is not installed (also an ImportError)
"""

import importlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

DISTRIBUTION: Final = "cloudkit-scope"


class CloudkitError(Exception):
    """Base of all errors that cloudkit raises on purpose."""


class OptionError(CloudkitError, ValueError):
    """An option of a function that makes no sense; the message says what it may be."""


class StructureError(CloudkitError, ValueError):
    """A structure that cannot become a string.

    code: stable identifier such as "S203"; hint: how to fix it, may be empty.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" ({hint})" if hint else ""))
        self.code = code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class ScopeError(CloudkitError, ValueError):
    """Text that is not valid SCOPE; `diagnostics` lists all that is wrong, in order of offset."""

    def __init__(self, message: str, diagnostics: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class Problem(NamedTuple):
    """One mistake in a model spec, at `line` and `column` (both from 1) of `file`."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}  {self.message}"


class SpecError(CloudkitError, ValueError):
    """A model spec with mistakes; `problems` holds all of them, in order of appearance."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class DataError(CloudkitError, ValueError):
    """A data file, column or label that cannot be used; the message names file, row and column."""


class FetchError(CloudkitError):
    """A provider that cannot be reached or makes no sense, or a folder that cannot take what it sends."""


class ModelError(CloudkitError, ValueError):
    """A model folder with a missing or damaged file."""


class MissingExtra(CloudkitError, ImportError):
    """An optional package that is not installed; the message holds the command that installs it."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"this needs {module}, which is not installed: pip install '{DISTRIBUTION}[{extra}]'"
        )
        self.extra = extra


def check_text(given: object) -> None:
    """Raise TypeError for what is no str."""
    if not isinstance(given, str):
        raise TypeError(f"expected str, found {type(given).__name__}")


def check_many(given: object, single: str) -> None:
    """Raise TypeError where one text stands where many are wanted: its characters would be taken one by one."""
    if isinstance(given, str | bytes):
        raise TypeError(
            f"expected many texts, found one of type {type(given).__name__}; give a list, or call {single}"
        )


def unwritable(path: Path, error: OSError, what: str = "place") -> CloudkitError:
    """The error for a file or folder that cannot be opened for writing."""
    return CloudkitError(f"{path}: cannot be written ({error.strerror}); name another {what}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Add to what the system says (a full disk) which file was being written, and that the old one still stands."""
    try:
        yield
    except OSError as error:
        error.add_note(f"while {path} was written, which is left as it was")
        raise


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module, or raise MissingExtra with the command that installs it."""
    try:
        return whole_import(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtra(module, extra) from error


def whole_import(module: str) -> ModuleType:
    """Import a module; Ctrl-C counts once it is there, since a compiled module that is interrupted while it starts ends the process."""
    if found := sys.modules.get(module):  # None: Python has been told that there is none
        return found
    with _interrupt_later():
        return importlib.import_module(module)


@contextmanager
def _interrupt_later() -> Iterator[None]:
    """Keep SIGINT from its handler until the end of the block; does nothing where Python does not handle it."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    pressed: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if pressed:
            handler(*pressed[0])
