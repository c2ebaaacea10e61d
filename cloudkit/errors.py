"""All errors that cloudkit raises for its users, in one tree, and helpers for their messages.

CloudkitError                what went wrong, in a sentence; the command line prints it and exits with 2
├── OptionError              an option of a function with an unknown or impossible value
├── StructureError           a structure that cannot be turned into a string (code S...)
├── ScopeError               text that is not valid SCOPE (carries its diagnostics)
├── SpecError                a model spec with errors (carries all of them)
├── DataError                a data file, column or label that cannot be used
├── FetchError               a provider that cannot be reached, or a folder that cannot take its data
├── ModelError               a model folder with a missing or damaged file
└── MissingExtra             an optional package that is not installed (also an ImportError)
"""

import importlib
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

__all__ = [  # the errors; the functions below are for cloudkit itself
    "CloudkitError",
    "DataError",
    "FetchError",
    "MissingExtra",
    "ModelError",
    "OptionError",
    "Problem",
    "ScopeError",
    "SpecError",
    "StructureError",
]
DISTRIBUTION: Final = "cloudkit-scope"


class CloudkitError(Exception):
    """Base class of all errors that cloudkit raises.

    Examples
    --------
    >>> import cloudkit
    >>> try:
    ...     cloudkit.encode("missing.cif")
    ... except cloudkit.CloudkitError as error:
    ...     print(error)
    S101: there is no file missing.cif
    """


class OptionError(CloudkitError, ValueError):
    """An option of a function with an unknown or impossible value; the message lists the allowed ones.

    Examples
    --------
    >>> from cloudkit.encoding import EncodeOptions
    >>> EncodeOptions(dialect="short")
    Traceback (most recent call last):
    cloudkit.errors.OptionError: unknown dialect 'short'; choose one of: orbit, reduced, full
    """


class StructureError(CloudkitError, ValueError):
    """A structure that cannot be turned into a string.

    Parameters
    ----------
    code
        Stable identifier, such as "S203".
    message, hint
        What is wrong, and how to fix it (may be empty).

    Examples
    --------
    >>> print(StructureError("S201", "two sites overlap", "remove one"))
    S201: two sites overlap (remove one)
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" ({hint})" if hint else ""))
        self.code = code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class ScopeError(CloudkitError, ValueError):
    """Text that is not valid SCOPE.

    Parameters
    ----------
    message
        Text with a marker below the first error.
    diagnostics
        All errors (`cloudkit.Diagnostic`), by offset.

    Examples
    --------
    >>> import cloudkit
    >>> try:
    ...     cloudkit.parse("1 0 0 | Na 1a Xx 1a")
    ... except ScopeError as error:
    ...     print(error.diagnostics[0].code)
    E202
    """

    def __init__(self, message: str, diagnostics: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class Problem(NamedTuple):
    """One error in a model spec; line and column count from 1.

    Examples
    --------
    >>> print(Problem("model.yaml", 3, 7, "unknown key 'head'"))
    model.yaml:3:7  unknown key 'head'
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}  {self.message}"


class SpecError(CloudkitError, ValueError):
    """A model spec with errors.

    Parameters
    ----------
    problems
        All errors, in order of appearance.

    Examples
    --------
    >>> SpecError([Problem("model.yaml", 3, 7, "unknown key 'head'")]).problems[0].line
    3
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class DataError(CloudkitError, ValueError):
    """A data file, column or label that cannot be used; the message names file, row and column.

    Examples
    --------
    >>> from cloudkit.io import read_table
    >>> read_table("strings.csv").column("cv")
    Traceback (most recent call last):
    cloudkit.errors.DataError: strings.csv: there is no column 'cv'; known: id, scope
    """


class FetchError(CloudkitError):
    """A provider that cannot be reached or sends an invalid answer, or a folder that cannot store its data.

    Examples
    --------
    >>> from cloudkit.fetch import Client
    >>> Client().get("ftp://example.org")
    Traceback (most recent call last):
    cloudkit.errors.FetchError: ftp://example.org: not an http or https address
    """


class ModelError(CloudkitError, ValueError):
    """A model folder with a missing or damaged file; the message names it.

    Examples
    --------
    >>> import cloudkit
    >>> cloudkit.load("runs/none")
    Traceback (most recent call last):
    cloudkit.errors.ModelError: runs/none: no such model folder; known: materials, ...
    """


class MissingExtra(CloudkitError, ImportError):
    """An optional package that is not installed; the message has the command that installs it.

    Parameters
    ----------
    module
        Name of the package to import.
    extra
        Extra of cloudkit that installs it.

    Examples
    --------
    >>> print(MissingExtra("duckdb", "corpus"))
    this needs duckdb, which is not installed: pip install 'cloudkit-scope[corpus]'
    """

    def __init__(self, module: str, extra: str) -> None:
        self.install = f"pip install '{DISTRIBUTION}[{extra}]'"
        super().__init__(f"this needs {module}, which is not installed: {self.install}")
        self.extra = extra


def check_text(given: object) -> None:
    """Raise TypeError unless the argument is a str."""
    if not isinstance(given, str):
        raise TypeError(f"expected str, found {type(given).__name__}")


def check_many(given: object, single: str) -> None:
    """Raise TypeError for a single string in place of a list, which would be read character by character."""
    if isinstance(given, str | bytes):
        raise TypeError(
            f"expected a list of strings, got a single {type(given).__name__}; pass a list or call {single}"
        )


def nearest(name: object, known: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the known names most like a misspelt one, or most like it without regard to case.

    Parameters
    ----------
    name, known
        The misspelt name, and all known ones.
    count
        Largest number of names.
    cutoff
        Smallest similarity, 0 to 1, as in `difflib.get_close_matches`.

    Returns
    -------
    list of str
        Best first.

    Examples
    --------
    >>> nearest("entropi", ["entropy", "free_energy"])
    ['entropy']
    """
    from difflib import get_close_matches  # only on the way to an error message

    if not isinstance(name, str):
        return []
    names = list(known)
    if found := get_close_matches(name, names, count, cutoff):
        return found
    spelled = {text.casefold(): text for text in names}
    return [spelled[text] for text in get_close_matches(name.casefold(), spelled, count, cutoff)]


def suggest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the end of an error message about an unknown name: the nearest known one, or all of them.

    Parameters
    ----------
    name, known
        The unknown name, and all known ones.
    cutoff
        Smallest similarity, 0 to 1, as in `difflib.get_close_matches`.

    Returns
    -------
    str
        Starts with a semicolon.

    Examples
    --------
    >>> suggest("entropi", ["entropy"]), suggest("x", ["entropy", "volume"])
    ("; did you mean 'entropy'?", '; known: entropy, volume')
    """
    names = list(known)
    if near := nearest(name, names, cutoff=cutoff):
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(names) or 'none'}"


def count_noun(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural by s unless there is one.

    Parameters
    ----------
    count, noun
        The count, and the noun in the singular.

    Returns
    -------
    str
        With commas at thousands.

    Examples
    --------
    >>> count_noun(1, "row"), count_noun(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def unwritable(path: Path, error: OSError, what: str = "place") -> CloudkitError:
    """Return the error for a file or folder that cannot be opened for writing."""
    return CloudkitError(f"{path}: cannot be written ({error.strerror}); choose another {what}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Note on an error of the system, such as a full disk, which file was being written and that the old one is unchanged."""
    try:
        yield
    except OSError as error:
        error.add_note(f"while writing {path}; the existing file is unchanged")
        raise


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module.

    Parameters
    ----------
    module, extra
        Name of the module, and extra of cloudkit that installs it.

    Returns
    -------
    module
        The module `module`, also if its name has dots.

    Raises
    ------
    MissingExtra
        With the command that installs it.

    Examples
    --------
    >>> require("no_such_module", "train")
    Traceback (most recent call last):
    cloudkit.errors.MissingExtra: this needs no_such_module, which is not installed: pip install 'cloudkit-scope[train]'
    """
    try:
        return import_uninterrupted(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtra(module, extra) from error


def import_uninterrupted(module: str) -> ModuleType:
    """Import a module and delay Ctrl-C meanwhile: interrupting the start of a compiled module would end the process."""
    if found := sys.modules.get(module):  # None: marked as not importable
        return found
    with _interrupt_later():
        return importlib.import_module(module)


@contextmanager
def _interrupt_later() -> Iterator[None]:
    """Delay SIGINT until the end of the block; do nothing unless Python handles it in this thread."""
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
