"""What people name on a command line (files, folders, patterns) to files, and files to text."""

import glob
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from cloudkit.errors import StructureError


def find_files(given: str) -> Iterator[tuple[Path, str, bool]]:
    """(path, id, whether the name must tell the kind of file) of each file meant."""
    path = Path(given)
    if path.is_dir():
        for below in sorted(p for p in path.rglob("*") if not p.is_dir()):
            yield below, below.relative_to(path).as_posix(), True
    elif path.exists() or not glob.has_magic(given):
        yield path, path.name, False
    else:
        fixed = Path(*_until_magic(path.parts))
        found = sorted(fixed.glob(str(path.relative_to(fixed))))
        files = [match for match in found if not match.is_dir()]
        if not files:
            yield path, given, False
        for match in files:
            yield match, match.relative_to(fixed).as_posix(), True


def _until_magic(parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.name.lower().endswith(".gz") else data
    except FileNotFoundError as error:
        raise StructureError("S101", f"there is no file {path}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise StructureError("S101", f"{path.name} cannot be read: {error}") from error


def decode(data: bytes) -> str:
    """Text with plain line ends, from UTF-8 or else Latin-1."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
