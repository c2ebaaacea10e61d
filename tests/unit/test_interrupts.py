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
QUERY = """
import os, signal, sys, threading
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from cloudkit.corpus.queries import facts_in, rows
folder = Path(sys.argv[1])
import pyarrow, pyarrow.parquet
for name in ("facts", "labels"):
    pyarrow.parquet.write_table(pyarrow.table({"place": [1, 2]}), folder / f"{name}.parquet")
try:
    with facts_in(folder) as connection:
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        rows(connection, "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3")
except KeyboardInterrupt:
    print("interrupted")
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


def test_ctrl_c_ends_a_long_question_to_duckdb(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    assert run(QUERY, tmp_path) == ["interrupted"]


def test_ctrl_c_while_an_error_is_told_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cloudkit.cli.terminal._stderr", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["encode", "missing.cif"])
    assert ended.value.code == 130
