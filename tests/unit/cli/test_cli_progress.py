"""Progress on a real terminal: a bar while a command works, none once it is done, and none in a file."""

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudkit.cli import terminal

from .cli_examples import POSCAR

pty = pytest.importorskip("pty")  # not on Windows
LIMIT = 120.0  # seconds
SPEC = """
cloudkit: 1
name: tiny
encoder: {kind: transformer, layers: 1, heads: 2, width: 8}
heads:
  thermal: {kind: thermal}
tasks:
  - kind: finetune
    head: thermal
    data: {builtin: thermal, part: test, targets: [{column: heat_capacity, quantity: heat_capacity, temperature: temperature, unit: J/mol_atom/K}]}
    epochs: 6
    batch: 8
"""


class Terminal:
    """A command whose standard error is a terminal."""

    def __init__(self, *arguments: object) -> None:
        self._screen, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudkit", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "OMP_NUM_THREADS": "1"},
        )
        os.close(theirs)
        self.shown = ""

    def wait_for(self, pattern: str) -> bool:
        """Read the screen until a pattern is on it; False where the command ends, or never shows it."""
        end = time.monotonic() + LIMIT
        while not re.search(pattern, self.shown) and time.monotonic() < end:
            if not self._read():
                break
        return re.search(pattern, self.shown) is not None

    def finish(self) -> tuple[int, str]:
        """The exit code, and what stays on the screen."""
        while self._read():
            pass
        os.close(self._screen)
        return self.process.wait(LIMIT), "\n".join(filter(None, map(str.strip, rendered(self.shown))))

    def _read(self) -> bool:
        try:
            if select.select([self._screen], [], [], LIMIT)[0]:
                part = os.read(self._screen, 65536)
                self.shown += part.decode(errors="replace")
                return bool(part)
        except OSError:  # the other end is closed
            pass
        return False


def rendered(written: str) -> list[str]:
    """The lines of a screen, by the few codes that a bar needs: up, erase the line, and back to its start."""
    lines, row, back = [""], 0, False
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", written):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            back = True
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            lines[row], back = part if back else lines[row] + part, False
    return lines


def test_a_command_shows_that_it_waits_and_takes_the_bar_away(tmp_path: Path) -> None:
    terminal = Terminal("encode", "-", "-o", tmp_path / "out.csv")
    assert terminal.wait_for(r"structures.*0:00:0\d")  # nothing has arrived, so nothing is done
    assert terminal.process.stdin
    terminal.process.stdin.write(POSCAR.encode())
    terminal.process.stdin.close()
    assert terminal.finish() == (0, "1 encoded, 0 failed")


def test_a_build_shows_from_the_start_what_it_does_then_epoch_and_time_left(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    terminal = Terminal("build", tmp_path / "tiny.yaml", "--out", tmp_path / "run")
    assert terminal.wait_for("starting")
    assert terminal.wait_for(r"finetune thermal.*epoch \d+ of 6.*\d+/\d+.*0:00:\d\d")
    code, left = terminal.finish()
    assert code == 0 and "epoch" not in left and "report tiny: done" in left


def test_a_command_whose_output_is_a_file_shows_no_bar(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cloudkit", "encode", "-", "-o", str(tmp_path / "out.csv")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(2.5)  # longer than it waits with a bar
        _, said = process.communicate(POSCAR)
    assert said == "1 encoded, 0 failed\n"


def test_a_log_has_a_line_of_progress_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 70.0, 90.0, 150.0])
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    bar = terminal.Bar()
    bar.start("finetune value", total=4000, done=1000)
    for _ in range(4):
        bar.advance(250, "epoch 2 of 4")
    bar.stop()
    assert capsys.readouterr().err.splitlines() == [
        "finetune value: 1,500 of 4,000, epoch 2 of 4, about 6 min left",
        "finetune value: 2,000 of 4,000, epoch 2 of 4, about 5 min left",
    ]
