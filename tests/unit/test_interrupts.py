"""Ctrl-C where a compiled module is at work: while it starts, and while it answers. Each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloudkit.cli import main

SLOW = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('whole', flush=True)\n"
IMPORT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, sys.argv[1])
from cloudkit.errors import require
try:
    require("slow_to_start", "train")
except KeyboardInterrupt:
    print("interrupted", "slow_to_start" in sys.modules)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
ENGINE = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from cloudkit import cli
from cloudkit.cli import app

def interrupted(arguments):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10**6): pass
    except KeyboardInterrupt:
        raise RuntimeError("Query interrupted")  # as DuckDB has it; pydantic makes a SchemaError of it

app._run = interrupted
try:
    cli.main(["doctor"])
except SystemExit as ended:
    print(ended.code, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def run(code: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_import_ends_before_ctrl_c_counts(tmp_path: Path) -> None:
    (tmp_path / "slow_to_start.py").write_text(SLOW)
    assert run(IMPORT, tmp_path) == ["whole", "interrupted True"]


def test_what_a_package_makes_of_ctrl_c_is_ctrl_c(tmp_path: Path) -> None:
    assert run(ENGINE, tmp_path) == ["130 True"]


def test_ctrl_c_while_an_error_is_told_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cloudkit.cli.terminal.say", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["encode", "missing.cif"])
    assert ended.value.code == 130
