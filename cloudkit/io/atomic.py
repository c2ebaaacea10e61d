"""Files that are there whole or not at all, and folders that one process writes at a time."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from cloudkit.errors import CloudkitError, unwritable, writing

DRAFT: Final = ".draft"  # end of the name of what is not finished


@contextmanager
def drafted(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path`, on disk and not only in the system's memory, when the block ends well.

    The draft has a fixed name, so that one left by a killed process is written over; `locked` keeps two writers apart.
    """
    draft = path.with_name(path.name + DRAFT)
    try:
        file = draft.open("w+b")
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        with writing(path):
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


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
