"""Files that are there whole or not at all, and folders that one process writes at a time."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, Final

from cloudkit.errors import CloudkitError, unwritable, writing

DRAFT: Final = ".draft"  # end of the name of what is not finished


@contextmanager
def atomic_path(path: Path, draft: Path | None = None) -> Iterator[Path]:
    """The path of a draft, to be written by the block; it takes the place of `path`, on disk and not only in the system's
    memory, when the block ends well, and is removed when it does not.

    draft: another name for it. The name is fixed, so that a draft left by a killed process is written over; `locked` keeps two
    writers apart.
    """
    draft = draft or path.with_name(path.name + DRAFT)
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
    """An open file that takes the place of `path` when the block ends well; as atomic_path. Text is UTF-8.

    A device or a pipe is written as it is, never replaced.
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
    """Keep other processes out of a folder, which is made if need be; the system lifts the lock when the process ends.

    busy: what is said where one is at work there already.
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
    """Lock an open file without waiting; False where another process holds it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
