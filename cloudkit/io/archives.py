"""Archives (.zip, .tar, .tar.gz) read member by member. Nothing is written to disk, and what is not safe is named.

Paths that leave the archive, links and devices are refused although nothing is unpacked: an archive that holds them is
not what it seems to be. Sizes are limited because a kilobyte may unpack to a gigabyte.
"""

import gzip
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from cloudkit.errors import StructureError
from cloudkit.io.chunks import Chunk, damaged, split_file, unknown_kind
from cloudkit.io.formats import classify
from cloudkit.io.paths import MAX_TEXT, UNREADABLE

MAX_MEMBERS: Final = 50_000
MAX_UNPACKED: Final = 1 << 34  # bytes of all members together
MAX_RATIO: Final = 200  # unpacked to packed bytes; text of structures shrinks to a fifth or a tenth
HEADERS: Final = 1 << 20  # bytes between two members of a tar file
LONGEST_PATH: Final = 4096  # characters
SAYS_UTF8: Final = 0x800  # flag of a member whose path is UTF-8
MAX_LIST: Final = 256 * MAX_MEMBERS  # bytes of the list of members at the end of a zip file


class Member(NamedTuple):
    """name: the path inside the archive, unprintable characters as ?. content: its bytes, to be read before the next member
    is asked for, or why it is not read.
    """

    name: str
    content: IO[bytes] | StructureError


def split_archive(path: str, name: str) -> Iterator[Chunk]:
    """The members of an archive as if it were a folder. None is written anywhere."""
    try:
        for member in _members(path):
            full, kind = f"{name}/{member.name}", classify(member.name)
            if isinstance(member.content, StructureError):
                yield damaged(full, member.content)
            elif not kind:
                yield unknown_kind(full, member.name)
            elif kind in ("archive", "ase", "parquet"):
                inner = "an archive" if kind == "archive" else "a table or database"
                yield damaged(
                    full,
                    StructureError("S115", f"{inner} inside an archive is not opened", "unpack it first"),
                )
            elif member.name.lower().endswith(".gz"):
                with gzip.open(member.content) as unpacked:
                    yield from split_file(full, kind, cast(IO[bytes], unpacked))
            else:
                yield from split_file(full, kind, member.content)
    except StructureError as error:
        yield damaged(name, error)


def _members(path: str) -> Iterator[Member]:
    """All members but folders, in order. Raises StructureError S101 where the archive is damaged and S116 where it is too
    large, after what could be read.
    """
    read = _zip_members if path.lower().endswith(".zip") else _tar_members
    names: set[str] = set()
    try:
        for full, content in read(path):
            name = re.sub(r"(^|/)(?:\./)+", r"\1", full[:LONGEST_PATH])  # `tar c .` writes ./a.cif
            fault = _unsafe(full, name in names)
            names.add(name)
            yield Member("".join(char if char.isprintable() else "?" for char in name), fault or content)
    except FileNotFoundError as error:
        raise StructureError("S101", f"there is no file {path}") from error
    except (*UNREADABLE, ValueError, OverflowError, struct.error) as error:
        if isinstance(error, StructureError):
            raise
        raise StructureError("S101", f"{Path(path).name} cannot be read as an archive: {error}") from error


def _unsafe(name: str, is_known: bool) -> StructureError | None:
    if len(name) > LONGEST_PATH:
        return _refuse(f"its path has {len(name):,} characters")
    if is_known:
        return _refuse("the archive has an earlier member of this name")
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return _refuse("its path is absolute")
    if ".." in re.split(r"[/\\]", name):
        return _refuse("its path leaves the archive through '..'")
    return None


def _refuse(why: str) -> StructureError:
    return StructureError("S115", f"the member is not read: {why}", "pack plain files under relative paths")


def _too_many() -> StructureError:
    return StructureError(
        "S116",
        f"the archive has more than {MAX_MEMBERS:,} members; those after are not read",
        "unpack it and give the folder, or pack it in parts",
    )


def _too_large(size: int, limit: int, what: str) -> StructureError:
    return StructureError(
        "S116",
        f"{what} unpacks to {size / 1e6:,.0f} MB, and at most {limit / 1e6:,.0f} MB are read",
        "unpack it yourself if you trust it, or split it",
    )


def _size_fault(size: int, packed: int) -> StructureError | None:
    """Why a member of `size` bytes is not read, if it looks like a bomb: large, and nearly nothing when packed."""
    return _too_large(size, MAX_TEXT, "the member") if size > MAX_TEXT and size > MAX_RATIO * packed else None


def _zip_members(path: str) -> Iterator[tuple[str, IO[bytes] | StructureError]]:
    _check_list(path)
    total = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            total += info.file_size
            if total > MAX_UNPACKED:
                raise _too_large(total, MAX_UNPACKED, "the archive")
            name = _zip_name(info)
            if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
                yield name, _refuse("it is a link or a device")
            elif info.flag_bits & 1:
                yield name, _refuse("it is encrypted")
            elif fault := _size_fault(info.file_size, info.compress_size):
                yield name, fault
            else:
                yield name, _open(archive, info)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The path of a member. zip and macOS write UTF-8 without saying so, which zipfile reads as the letters of old PCs."""
    try:
        return info.filename if info.flag_bits & SAYS_UTF8 else info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes] | StructureError:
    try:
        return archive.open(info)
    except (NotImplementedError, zipfile.BadZipFile) as error:
        return StructureError("S101", f"the member cannot be unpacked: {error}")


def _check_list(path: str) -> None:
    """Refuse too long a list of members before it is read, by what the last record of the file states: how many there are
    (65,535 stands for any larger number), and how long the list is.
    """
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at >= 0 and len(tail) >= at + 16:
        count, length = struct.unpack_from("<HI", tail, at + 10)
        if count > MAX_MEMBERS or length > MAX_LIST:
            raise _too_many()


class _LimitedReader:
    """A file that may be read for `left` more bytes: a tar header can claim to be of any length."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.left = file, HEADERS

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise _too_large(HEADERS, HEADERS, "the header of a member")
        return data


def _tar_members(path: str) -> Iterator[tuple[str, IO[bytes] | StructureError]]:
    packed = Path(path).stat().st_size
    plain = path.lower().endswith(".tar")
    with Path(path).open("rb") if plain else cast(IO[bytes], gzip.open(path)) as file:
        metered = _LimitedReader(file)
        with tarfile.open(fileobj=cast(Any, metered), mode="r|") as archive:
            for number, info in enumerate(archive):
                if number == MAX_MEMBERS:
                    raise _too_many()
                cast(Any, archive).members.clear()  # tarfile would keep them all
                total = info.offset_data + info.size
                metered.left = info.size + HEADERS
                if total > MAX_UNPACKED:
                    raise _too_large(total, MAX_UNPACKED, "the archive")
                if total > MAX_TEXT and total > MAX_RATIO * packed:
                    raise _too_large(total, MAX_TEXT, f"the archive, of {packed / 1e6:.1f} MB,")
                if info.isreg() and not info.issparse():
                    yield info.name, archive.extractfile(info) or BytesIO()
                elif not info.isdir():
                    yield info.name, _refuse("it is a link, a device or a sparse file")
