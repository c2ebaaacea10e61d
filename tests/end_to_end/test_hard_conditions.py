"""Where it has to work or to say why: no locale, home or network, odd paths, many files, read-only folders, full disks, Ctrl-C.

Several commands share one process where they can, so that the whole costs seconds. What each condition must give is in
spec/decisions/0015-untrusted-input.md.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CRYSTALS = Path(__file__).parents[2] / "docs/examples/crystals"
SALT = CRYSTALS / "sodium_chloride.cif"
MANY = 10_000
IN_ONE_PROCESS = """
import contextlib, io, json, os, sys
from cloudkit.cli import main
PREPARE
answers = []
for command in json.loads(sys.argv[1]):
    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        import cloudkit.cli.terminal
        cloudkit.cli.terminal._stderr.cache_clear()
        try:
            main([os.fsdecode(word.encode()) for word in command])  # as this locale reads a command line
        except SystemExit as ended:
            code = ended.code or 0
    answers.append((code, said.getvalue()))
json.dump(answers, sys.__stdout__)
"""
NO_PRIVILEGE = """
import ctypes
header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None).capset(header, none) == 0  # root may write everywhere; without capabilities it may not
"""
NO_NETWORK = """
import socket
def refuse(*_, **__):
    raise AssertionError("a command wanted the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""
FULL_DISK = """
import resource
import cloudkit.predict, cloudkit.evaluate, cloudkit.report, cloudkit.corpus, cloudkit.train, matplotlib.figure  # Python may want to write its own files
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))  # writing more fails, as on a full disk
"""
WRITING = (
    ["encode", str(SALT), "-o", "out.csv"],
    ["encode", str(SALT), "-o", "out.parquet"],
    ["encode", str(SALT), "-o", "shards"],
    ["tokenize", "--file", "../strings.csv", "-o", "ids.npy"],
    ["audit", "../strings.csv", "-o", "page.html"],
    ["audit", "../strings.csv", "--dedupe", "unique.csv"],
    ["enumerate", "perovskite", "-e", "Sr,Ti,O,Ba", "-o", "c.csv"],
    ["new", "my.yaml"],
    ["predict", "thermal", str(SALT), "-o", "cv.csv"],
    ["predict", "thermal", str(SALT), "-t", "0:300:10", "--plot", "cv.png"],
    ["build", "thermal", "--out", "run"],
)


def run_all(
    folder: Path, commands: tuple[list[str], ...], prepare: str = "", **environment: str
) -> list[tuple[int, str]]:
    """Exit code and words of each command."""
    code = IN_ONE_PROCESS.replace("PREPARE", prepare)
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)], cwd=folder, capture_output=True, timeout=300,
        env=environment or os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return [(code, said) for code, said in json.loads(done.stdout)]


def strings(folder: Path) -> None:
    text = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
    (folder / "strings.csv").write_text(f"scope\n{text}\n")


def test_without_locale_home_and_network_in_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    folder = tmp_path / "Meine Kristalle é 中"
    folder.mkdir()
    shutil.copy(SALT, folder / "Stein salz ü.cif")
    given = "Stein salz ü.cif"
    commands = (
        ["encode", given, "-o", "Zeichen ketten ß.csv"],
        ["validate", "--file", "Zeichen ketten ß.csv"],
        ["decode", "--file", "Zeichen ketten ß.csv"],
        ["audit", "Zeichen ketten ß.csv", "-o", "Seite é.html"],
        ["explain", given],
        ["predict", "thermal", given, "-t", "0:300:50", "-o", "Kurve é.csv", "--plot", "Kurve é.png"],
        ["build", "thermal", "--dry-run", "--out", "Lauf é"],
    )
    poor = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "/usr/bin:/bin"}
    for (code, said), command in zip(run_all(folder, commands, NO_NETWORK, **poor), commands, strict=True):
        assert (code, "Traceback" in said) == (0, False), f"{command}: {said}"
    written = {"Zeichen ketten ß.csv", "Seite é.html", "Kurve é.csv", "Kurve é.png"}
    assert {path.name for path in folder.iterdir()} == written | {given}
    assert given in (folder / "Kurve é.csv").read_text("utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="privileges are dropped as Linux does it")
def test_a_read_only_folder_is_named_and_stays_empty(tmp_path: Path) -> None:
    strings(tmp_path)
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    for (code, said), command in zip(run_all(folder, WRITING, NO_PRIVILEGE), WRITING, strict=True):
        assert (code, "Traceback" in said) == (2, False), f"{command}: {said}"
        assert "Permission denied" in said, f"{command}: {said}"
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits of file sizes are those of Linux")
def test_a_full_disk_is_named_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    strings(tmp_path)
    folder = tmp_path / "full"
    folder.mkdir()
    for (code, said), command in zip(run_all(folder, WRITING, FULL_DISK), WRITING, strict=True):
        assert (code, "Traceback" in said) == (2, False), f"{command}: {said}"
        assert "too large" in said, f"{command}: {said}"
    left = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == []


def test_of_ten_thousand_files_each_is_a_row_or_an_entry_of_the_ledger(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    shutil.copy(SALT, folder / "salt.cif")
    (folder / "0.cif").touch()  # empty, so that the time is that of the files
    for number in range(1, MANY - 1):
        os.link(folder / "0.cif", folder / f"{number}.cif")
    command = ["encode", "many", "-o", "out.csv", "--failures", "bad.jsonl"]
    ((code, said),) = run_all(tmp_path, (command,))
    assert (code, said) == (1, f"1 encoded, {MANY - 1:,} failed; failures in bad.jsonl\n")
    assert len((tmp_path / "bad.jsonl").read_text().splitlines()) == MANY - 1


@pytest.mark.parametrize(
    "command",
    [
        ["encode", "pipe.extxyz", "-o", "shards"],
        ["audit", "pipe.extxyz", "-o", "page.html", "--dedupe", "unique.csv"],
        ["predict", "thermal", "pipe.extxyz", "-o", "out.csv"],
        ["tokenize", "--file", "pipe.csv", "-o", "ids.npy"],
    ],
    ids=lambda command: command[0],
)
def test_ctrl_c_ends_a_command_that_writes_with_130_and_leaves_no_draft(
    tmp_path: Path, command: list[str]
) -> None:
    pipe = tmp_path / next(word for word in command if word.startswith("pipe"))
    os.mkfifo(pipe)
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cloudkit.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    with pipe.open("w") as writer:  # opens when the command opens it to read: it is at work now
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        writer.write("")
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (130, False), said
    assert [p.name for p in tmp_path.rglob("*") if p.is_file() and p.name != ".lock"] == []
