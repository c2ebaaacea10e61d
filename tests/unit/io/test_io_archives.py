"""Archives: their members are structures, and what is not safe in them is refused with a reason while the rest is read."""

import gzip
import io
import json
import os
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from unittest import mock

import pytest

from cloudkit.io import archives, read_structures
from cloudkit.io.paths import MAX_TEXT

from ..structure.structure_examples import CUBIC_POSCAR, ROCK_SALT

GIGABYTE = 1 << 30
KINDS = ("zip", "tar", "tar.gz", "tgz")


def pack(path: Path, members: dict[str, bytes]) -> Path:
    """An archive of the kind that the path's suffix says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(*inputs: Path) -> dict[str, str]:
    """id -> "ok", or the code and message of the failure."""
    found = list(read_structures(inputs))
    assert len({record.id for record in found}) == len(found)
    return {r.id: f"{r.error.code} {r.error.message} {r.error.hint}" if r.error else "ok" for r in found}


def assert_failures(found: dict[str, str], wanted: dict[str, str]) -> None:
    """Every id is there, with a message that holds the words wanted."""
    assert list(found) == list(wanted)
    assert {name: text for name, text in found.items() if wanted[name] not in text} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_read_as_if_it_were_a_folder(tmp_path: Path, kind: str) -> None:
    frames = "".join('2\nLattice="4 0 0 0 4 0 0 0 4"\nCs 0 0 0\nCl 2 2 2\n' for _ in range(70))
    pack(
        tmp_path / f"all.{kind}",
        {
            "deep/a.cif": ROCK_SALT.encode(),
            "b.cif.gz": gzip.compress(ROCK_SALT.encode()),
            "POSCAR": CUBIC_POSCAR.encode(),
            "run.extxyz": frames.encode(),
            "notes.txt": b"hello",
        },
    )
    wanted = {f"all.{kind}/{name}": "ok" for name in ("deep/a.cif", "b.cif.gz", "POSCAR")}
    wanted |= {f"all.{kind}/run.extxyz#{number}": "ok" for number in range(1, 71)}
    wanted |= {f"all.{kind}/notes.txt": "S102 the kind of file of notes.txt is not recognised"}
    assert_failures(read(tmp_path), wanted)
    assert_failures(read(tmp_path / f"all.{kind}"), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_paths_that_leave_the_archive_and_repeated_names_are_refused(tmp_path: Path, kind: str) -> None:
    good = ROCK_SALT.encode()
    names = {
        "../up.cif": "through '..'",
        "a/../../up.cif": "through '..'",
        "a\\..\\up.cif": "through '..'",
        "/etc/root.cif": "absolute",
        "C:/root.cif": "absolute",
        "\\\\server\\root.cif": "absolute",
        "fine..name.cif": "ok",
    }
    path = pack(tmp_path / f"x.{kind}", dict.fromkeys(names, good))
    assert_failures(read(path), {f"{path.name}/{name}": words for name, words in names.items()})


def test_a_path_without_end_is_cut_and_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.tar.gz", {"a" * 100_000 + ".cif": b"x", "b.cif": ROCK_SALT.encode()})
    long, good = read(path).items()
    assert len(long[0]) < 5000
    assert "its path has 100,004 characters" in long[1]
    assert good == ("x.tar.gz/b.cif", "ok")


def test_an_earlier_member_of_the_same_name_wins(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.cif", ROCK_SALT)
        archive.writestr("a.cif", "data_nothing")
    first, second = read_structures([path])
    assert first.crystal is not None
    assert second.error is not None
    assert "an earlier member of this name" in second.error.message


def test_links_devices_and_sparse_files_in_a_tar_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    kinds = {"hard.cif": tarfile.LNKTYPE, "soft.cif": tarfile.SYMTYPE, "null.cif": tarfile.CHRTYPE}
    kinds |= {"block.cif": tarfile.BLKTYPE, "pipe.cif": tarfile.FIFOTYPE}
    with tarfile.open(path, "w") as archive:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("empty.cif"))
    wanted = dict.fromkeys(
        (f"x.tar/{name}" for name in kinds), "S115 the member is not read: it is a link, a device"
    )
    assert_failures(read(path), wanted | {"x.tar/empty.cif": "S101 the file is empty"})


def test_links_and_locked_members_of_a_zip_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    link, locked = zipfile.ZipInfo("soft.cif"), zipfile.ZipInfo("locked.cif")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr(locked, ROCK_SALT)
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\1\2") + 8] |= 1  # the flag of encryption, in the list of members
    path.write_bytes(data)
    assert_failures(read(path), {"x.zip/soft.cif": "a link or a device", "x.zip/locked.cif": "encrypted"})


@pytest.mark.parametrize("inner", ["inner.zip", "inner.tar.gz", "inner.tgz", "inner.db", "inner.parquet"])
def test_what_must_be_unpacked_first_says_so(tmp_path: Path, inner: str) -> None:
    path = pack(tmp_path / "x.tar.gz", {inner: b"x", "a.cif": ROCK_SALT.encode()})
    assert_failures(read(path), {f"x.tar.gz/{inner}": "unpack it first", "x.tar.gz/a.cif": "ok"})


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_archive_gives_what_came_before_the_damage(tmp_path: Path, kind: str) -> None:
    members = {
        f"{i}.cif": ROCK_SALT.encode() + os.urandom(2000).hex().encode().join([b"#", b"\n"])
        for i in range(20)
    }
    path = pack(tmp_path / f"x.{kind}", members)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 700])
    found = read(path)
    *others, last = found.values()
    assert "S101" in last
    assert all(text == "ok" for text in others[:-1])
    assert (len(others) > 5) == (kind != "zip")  # the list of members is at the end of a zip file


def zeros(size: int) -> bytes:
    """Gzip data of zeros, by members of a megabyte."""
    return gzip.compress(bytes(1 << 20)) * (size >> 20)


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files and archives that unpack to a gigabyte of zeros, each with a good structure after it."""
    folder = tmp_path_factory.mktemp("bombs")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("zeros.cif", "w", force_zip64=True) as member:
            for _ in range(GIGABYTE >> 24):
                member.write(bytes(1 << 24))
        archive.writestr("good.cif", ROCK_SALT)
    info = tarfile.TarInfo("zeros.cif")
    info.size = GIGABYTE
    (folder / "bomb.tar.gz").write_bytes(gzip.compress(info.tobuf()) + zeros(GIGABYTE))
    header = tarfile.TarInfo("header.cif")
    header.type, header.size = tarfile.XHDTYPE, GIGABYTE
    (folder / "header.tar.gz").write_bytes(
        gzip.compress(header.tobuf(tarfile.USTAR_FORMAT)) + zeros(GIGABYTE)
    )
    for name in ("zeros.cif.gz", "zeros.jsonl.gz", "zeros.extxyz.gz", "zeros.csv.gz", "zeros.json.gz"):
        (folder / name).write_bytes(zeros(GIGABYTE))
    pack(folder / "nested.tar.gz", {"zeros.cif.gz": zeros(GIGABYTE), "good.cif": ROCK_SALT.encode()})
    (folder / "good.cif").write_text(ROCK_SALT)
    return folder


def test_a_gigabyte_of_zeros_is_refused_in_bounded_memory_and_nothing_is_written(bombs: Path) -> None:
    before = sorted(bombs.rglob("*"))
    # its own peak: that of getrusage starts from the process that forked it
    code = (
        "import json, sys\n"
        "from cloudkit.io import read_structures\n"
        "for r in read_structures([sys.argv[1]]):\n"
        "    print(json.dumps([r.id, f'{r.error.code} {r.error.message}' if r.error else 'ok']))\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(bombs)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=bombs,
        env=os.environ | {"TMPDIR": str(bombs), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stdout is not None
    *lines, peak = map(json.loads, process.stdout)
    assert process.wait() == 0
    assert peak < 1_000_000  # kB
    assert sorted(bombs.rglob("*")) == before
    found = dict(lines)
    assert (
        found.pop("good.cif") == found.pop("bomb.zip/good.cif") == found.pop("nested.tar.gz/good.cif") == "ok"
    )
    assert set(found) == {
        *("bomb.zip/zeros.cif", "bomb.tar.gz", "header.tar.gz", "nested.tar.gz/zeros.cif.gz"),
        *("zeros.cif.gz", "zeros.jsonl.gz", "zeros.extxyz.gz", "zeros.csv.gz", "zeros.json.gz"),
    }
    assert {name for name, text in found.items() if not text.startswith("S116")} == set()
    assert "the member unpacks to 1,074 MB, and at most 134 MB are read" in found["bomb.zip/zeros.cif"]
    assert "the header of a member" in found["header.tar.gz"]
    assert f"longer than {MAX_TEXT >> 20} MiB" in found["zeros.cif.gz"]


def test_an_archive_that_states_less_than_it_holds_gives_no_more_than_it_states(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", {"a.cif": ROCK_SALT.encode() * 1000})
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\1\2") + 24
    data[at : at + 4] = len(ROCK_SALT).to_bytes(4, "little")
    path.write_bytes(data)
    (text,) = read(path).values()
    assert text == "ok" or "S101" in text


def test_a_hundred_thousand_members_are_too_many(tmp_path: Path) -> None:
    (tmp_path / "folders.tar.gz").write_bytes(gzip.compress(_header("a/", tarfile.DIRTYPE) * 100_000, 1))
    (tmp_path / "many.tar").write_bytes(_header("0.cif") * 100_000)
    (tmp_path / "many.zip").write_bytes(_empty_members(100_000))
    found = [(record.id, str(record.error)) for record in read_structures([tmp_path])]
    assert [name for name, _ in found].count("many.tar/0.cif") == 50_000
    for name in ("folders.tar.gz", "many.tar", "many.zip"):
        assert "has more than 50,000 members; those after are not read" in dict(found)[name]
    assert len(found) == 50_003


def _header(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.type = kind
    return info.tobuf(tarfile.USTAR_FORMAT)


def _empty_members(count: int) -> bytes:
    """A zip file of empty members, written by hand: the zipfile module takes ten times as long."""
    names = [b"%06d.cif" % i for i in range(count)]
    local = [struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 10, 0) + name for name in names]
    listed = [
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 10, 0, 0, 0, 0, 0, 40 * i) + name
        for i, name in enumerate(names)
    ]
    body, index = b"".join(local), b"".join(listed)
    many = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(index), len(body))
    where = struct.pack("<4sIQI", b"PK\6\7", 0, len(body) + len(index), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(index), len(body), 0)
    return body + index + many + where + end


def test_the_zip_file_written_by_hand_is_one_that_the_zipfile_module_reads() -> None:
    with zipfile.ZipFile(io.BytesIO(_empty_members(66_000))) as archive:
        assert len(archive.infolist()) == 66_000
        assert archive.read("065999.cif") == b""


def test_a_zip_file_that_states_few_members_but_lists_many_is_refused(tmp_path: Path) -> None:
    data = bytearray(_empty_members(300_000))
    data[-14:-10] = struct.pack("<2H", 5, 5)
    (tmp_path / "liar.zip").write_bytes(data)
    assert_failures(read(tmp_path), {"liar.zip": "more than 50,000 members"})


@pytest.mark.parametrize("kind", KINDS)
def test_all_members_together_are_limited(tmp_path: Path, kind: str) -> None:
    path = pack(tmp_path / f"x.{kind}", {f"{i}.cif": ROCK_SALT.encode() for i in range(5)})
    # a tar file has blocks of 512 for headers and for contents
    most = 3 * (len(ROCK_SALT) if kind == "zip" else 1024)
    with mock.patch.object(archives, "MAX_UNPACKED", most):
        found = read(path)
    assert [text[:4] for text in found.values()] == ["ok", "ok", "ok", "S116"]


def test_workers_read_archives_as_one_process_does(tmp_path: Path) -> None:
    from cloudkit.encoding import encode_files

    members = {f"{i}.cif": ROCK_SALT.replace("5.64", f"5.{i:03}").encode() for i in range(100)}
    pack(tmp_path / "x.tar.gz", members | {"../bad.cif": b"x"})

    def rows(jobs: int) -> list[tuple[object, ...]]:
        return [(*row[:5], str(row.error)) for row in encode_files([tmp_path], jobs=jobs)]

    assert len(rows(1)) == 101
    assert rows(2) == rows(1)


def test_a_path_in_utf8_that_a_zip_file_does_not_call_so_is_read_as_such(tmp_path: Path) -> None:
    for number, name in enumerate(("Größe/结构.vasp", "\udce9t\udce9.vasp")):  # the second is not UTF-8
        pack(tmp_path / f"{number}.zip", {"?" * len(os.fsencode(name)): CUBIC_POSCAR.encode()})
        path = tmp_path / f"{number}.zip"
        path.write_bytes(path.read_bytes().replace(b"?" * len(os.fsencode(name)), os.fsencode(name)))
    assert set(read(tmp_path)) == {"0.zip/Größe/结构.vasp", "1.zip/ΘtΘ.vasp"}


def test_junk_in_the_place_of_an_archive_is_named(tmp_path: Path) -> None:
    for number, kind in enumerate(KINDS):
        (tmp_path / f"{number}.{kind}").write_bytes(
            os.urandom(3000) if number % 2 else zlib.compress(b"x" * 999)
        )
    assert all("S101" in text for text in read(tmp_path).values())
    assert len(read(tmp_path)) == len(KINDS)
