"""Files that are there whole or not at all, and folders that one process writes at a time."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, Final

from cloudkit.errors import CloudkitError, unwritable, writing

DRAFT_SUFFIX: Final = ".draft"  # end of the name of what is not finished


@contextmanager
def atomic_path(path: Path, draft: Path | None = None) -> Iterator[Path]:
    """Write a file whole or not at all, by its path.

    The draft takes the place of `path`, on disk and not only in the system's memory, when the block ends well, and is removed when
    it does not. Its name is fixed, so that a draft left by a killed process is overwritten; `locked` keeps two writers apart.

    Parameters
    ----------
    path : Path
        The file.
    draft : Path, optional
        Another name for the draft than that of the file with .draft at its end.

    Yields
    ------
    Path
        The draft, to be written by the block.

    Examples
    --------
    >>> with atomic_path(Path("made.txt")) as draft:
    ...     _ = draft.write_text("whole")
    >>> Path("made.txt").read_text()
    'whole'
    """
    draft = draft or path.with_name(path.name + DRAFT_SUFFIX)
    try:
        with writing(path):
            yield draft
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path, mode: str = "w+b", draft: Path | None = None) -> Iterator[IO[Any]]:
    """Write a file whole or not at all, as an open file. A device or a pipe is written as it is, never replaced.

    Parameters
    ----------
    path : Path
        The file.
    mode : str
        As for `open`; text is UTF-8.
    draft : Path, optional
        See `atomic_path`.

    Yields
    ------
    file
        What is written to it takes the place of `path` when the block ends well.

    Raises
    ------
    CloudkitError
        If the place cannot be written.

    Examples
    --------
    >>> Path("made.txt").write_text("old")
    3
    >>> with atomic_write(Path("made.txt"), "w") as file:
    ...     _ = file.write("new")
    ...     raise ValueError
    Traceback (most recent call last):
    ValueError
    >>> Path("made.txt").read_text()
    'old'
    """
    encoding, errors, newline = (None, None, None) if "b" in mode else ("utf-8", "backslashreplace", "")
    is_special = path.exists() and not path.is_file()
    with nullcontext(path) if is_special else atomic_path(path, draft) as target:
        try:
            file = target.open(
                mode.replace("+", "") if is_special else mode,
                encoding=encoding,
                errors=errors,
                newline=newline,
            )
        except OSError as error:
            raise unwritable(path, error) from None
        with writing(path) if is_special else nullcontext(), file:
            yield file


@contextmanager
def locked(folder: Path, busy: str = "") -> Iterator[None]:
    """Keep other processes out of a folder, which is made if need be. The system lifts the lock when the process ends.

    Parameters
    ----------
    folder : Path
        The folder; the lock is its file .lock.
    busy : str, optional
        The message where another process is at work there.

    Raises
    ------
    CloudkitError
        If another process holds the lock, or the folder cannot be written.

    Examples
    --------
    >>> with locked(Path("shards")):
    ...     Path("shards").is_dir()
    True
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise unwritable(folder, error, "folder") from None
    with file:
        if not take_lock(file.fileno()):
            raise CloudkitError(
                busy or f"another process is at work in {folder}; wait for it, or choose another folder"
            )
        yield


def take_lock(descriptor: int) -> bool:
    """Lock an open file without waiting.

    Parameters
    ----------
    descriptor : int
        Its number, as ``file.fileno()`` gives it.

    Returns
    -------
    bool
        False where another process holds the lock. Always True on Windows, which has no such locks.

    Examples
    --------
    >>> with open("made.lock", "w") as file:
    ...     take_lock(file.fileno())
    True
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def file_hash(path: Path) -> str:
    """Hash the content of a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.

    Examples
    --------
    >>> Path("made.txt").write_text("whole")
    5
    >>> file_hash(Path("made.txt"))[:8]
    '5d5766cf'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
