"""What people name on a command line (files, folders, patterns) to files, and files to text."""

import glob
import gzip
import os
import re
import stat
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterable, Iterator
from lzma import LZMAError
from pathlib import Path
from tarfile import TarError
from typing import IO, Final, NamedTuple, cast
from zipfile import BadZipFile

from cloudkit.errors import StructureError
from cloudkit.tables import ELEMENT

UNREADABLE: Final = (OSError, EOFError, zlib.error, LZMAError, BadZipFile, TarError)
BLOCK: Final = 1 << 16  # bytes read at once
FORMULA: Final = rf"(?:(?:{'|'.join(sorted(ELEMENT, key=len, reverse=True))})(?:\d*\.\d+|\d+)?)+"
MAX_TEXT: Final = 1 << 27  # bytes of a file, unpacked, or of one line of it, that are held at once


def file_names(inputs: Iterable[str | Path]) -> dict[str, str]:
    """Name single files so that no two share an id.

    Parameters
    ----------
    inputs : iterable of str or Path
        As given on a command line.

    Returns
    -------
    dict of str
        By input: its file name, or its path where several inputs end in one name (*/POSCAR).

    Examples
    --------
    >>> file_names(["a/POSCAR", "b/POSCAR", "c/my.cif"])
    {'a/POSCAR': 'a/POSCAR', 'b/POSCAR': 'b/POSCAR', 'c/my.cif': 'my.cif'}
    """
    paths = {str(given): Path(given) for given in inputs}
    ends = Counter(path.name for path in set(paths.values()))
    return {given: path.name if ends[path.name] == 1 else path.as_posix() for given, path in paths.items()}


class InputFile(NamedTuple):
    """A file of the input. is_found: in a folder or by a pattern, so that the name must tell its kind; is_file: False for pipes,
    sockets and devices that were found.
    """

    path: str
    name: str
    is_found: bool = False
    is_file: bool = True


def find_files(given: str, name: str = "") -> Iterator[InputFile]:
    """Find the files that a path, folder or pattern means.

    Parameters
    ----------
    given : str
        A file, a folder (with all below it but hidden files), or a pattern such as "*.cif".
    name : str, optional
        The id of a single file, by default its name.

    Yields
    ------
    InputFile
        Path, id, whether it was found rather than named, and whether it is a file rather than a pipe, socket or device. A path that
        does not exist is among them; opening it says why.

    Examples
    --------
    >>> [file.name for file in find_files("*.vasp")]
    ['salt.vasp']
    """
    path = Path(given)
    mode = mode_of(path) if given else 0  # the path of an empty text is the folder that one is in
    if stat.S_ISDIR(mode):
        root = os.fspath(path)
        for below, is_file in _files_below(root):
            yield InputFile(
                below, _written(below[len(root) :].lstrip(os.sep).replace(os.sep, "/")), True, is_file
            )
    elif mode or not glob.has_magic(given):
        yield InputFile(given, _written(name or path.name))
    else:
        fixed = Path(*_until_magic(path.parts))
        found = sorted(fixed.glob(str(path.relative_to(fixed))))
        files = [match for match in found if not match.is_dir()]
        if not files:
            yield InputFile(given, given)
        for match in files:
            yield InputFile(
                str(match),
                _written(match.relative_to(fixed).as_posix()),
                True,
                match.is_file() or not match.exists(),
            )


def mode_of(path: Path) -> int:
    """Type and rights of what is there; 0 where nothing is, and where it cannot be looked at: opening it says why."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _written(name: str) -> str:
    """A file's name as text that every table can hold: UTF-8 whatever the locale, other bytes as \\xfc."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _files_below(folder: str) -> Iterator[tuple[str, bool]]:
    """Paths of all files but hidden ones, and whether they are files rather than pipes, sockets or devices, in the order of
    their names; only one folder's names are held at a time.
    """
    with os.scandir(folder) as found:
        shown = [entry for entry in found if not entry.name.startswith(".")]
    entries = sorted(
        (entry.name, entry.path, entry.is_dir(), entry.is_symlink(), entry.is_file()) for entry in shown
    )
    for _, path, is_folder, is_link, is_file in entries:
        if not is_folder:
            yield path, is_file or not Path(path).exists()  # a link to nothing is a file that is not there
        elif not is_link:
            yield from _files_below(path)


def _until_magic(parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def open_bytes(path: str | Path) -> IO[bytes]:
    r"""Open a file; a gzipped one is unpacked as it is read.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    binary file
        Its content. Reading may raise any of `cloudkit.io.paths.UNREADABLE`.

    Examples
    --------
    >>> with open_bytes("salt.vasp") as file:
    ...     file.readline()
    b'rock salt\n'
    """
    return cast(IO[bytes], gzip.open(path)) if str(path).lower().endswith(".gz") else Path(path).open("rb")


def read_bytes(path: str) -> bytes:
    """The whole content; raises StructureError S101, or S116 where it is too much."""
    try:
        if not path.lower().endswith(".gz"):
            return _read_at_once(path)
        with open_bytes(path) as file:
            return read_limited(file)
    except UNREADABLE as error:
        raise StructureError("S101", describe_read_error(path, error)) from error


def _read_at_once(path: str) -> bytes:
    """As Path.read_bytes, in a quarter of its time for a small file: no file object, no look at its size."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    blocks, size = [], 0
    try:
        while block := os.read(number, BLOCK):
            blocks.append(block)
            size += len(block)
            if size > MAX_TEXT:
                raise too_long("file")
    finally:
        os.close(number)
    return b"".join(blocks)


def read_limited(file: IO[bytes]) -> bytes:
    """What is left of a file; raises StructureError S116 where that is more than MAX_TEXT, and any of UNREADABLE."""
    data = file.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise too_long("file")
    return data


def limited_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file with their ends; raises as read_limited where one line is too long."""
    while line := file.readline(MAX_TEXT + 1):
        if len(line) > MAX_TEXT:
            raise too_long("line")
        yield line


def split_lines(text: str) -> list[str]:
    """Split text after each line end of Unix, Windows or old Macs, which an edited file may mix."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text) if "\r" in text else [text]


def too_long(what: str) -> StructureError:
    """S116 for a file, line or frame of more than MAX_TEXT bytes."""
    return StructureError(
        "S116",
        f"the {what} is longer than {MAX_TEXT >> 20} MiB",
        "probably not a structure file; otherwise split it",
    )


def missing_hint(name: str) -> str:
    """What to do about a name that is not a file but a URL, a Materials Project id or a formula; empty for any other."""
    if re.match(r"[a-z]+:/", name):
        return "download it first, or use `cloudkit fetch optimade URL` for an OPTIMADE provider"
    if re.fullmatch(r"(mp|mvc)-\d+", name):
        return f"fetch it: cloudkit fetch optimade https://optimade.materialsproject.org --filter 'id=\"{name}\"' -o shards"
    if is_formula(name):
        return "a formula does not say which structure; give a file, or `cloudkit enumerate` candidates of a prototype"
    return ""


def is_formula(name: str) -> bool:
    """Tell whether a name starts with a formula: Al2O3, "TiO2 anatase", and with digits also mgal2o4."""
    first, *more = name.split() or [""]
    has_digit = any(map(str.isdigit, first))
    if re.fullmatch(FORMULA, first):
        return has_digit or not more
    # a longer one takes exponential time
    return has_digit and len(first) < 25 and re.fullmatch(FORMULA, first, re.IGNORECASE) is not None


def describe_read_error(path: str, error: Exception) -> str:
    """One of UNREADABLE as a sentence."""
    if isinstance(error, FileNotFoundError):
        hint = missing_hint(Path(path).name if "://" not in str(path) else str(path))
        return f"there is no file {path}" + (f"; {hint}" if hint else "")
    return f"{Path(path).name} cannot be read: {error}"


def decode(data: bytes) -> str:
    """Text with plain line ends, from UTF-8, UTF-16 that says so (as Windows writes it), or else Latin-1."""
    try:
        text = data.decode("utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
