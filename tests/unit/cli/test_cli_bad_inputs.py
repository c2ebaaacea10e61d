"""What a tired person types and what a hostile file holds, over all verbs: bad_inputs.yaml, one row after the other.

Of each: the exit code, the words, no traceback, and a folder in which nothing has changed but what the row says is left.
"""

import re
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudkit.cli import bench
from cloudkit.cli.app import program

from .bad_files import put
from .cli_examples import POSCAR, ROCK_SALT

ROWS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("bad_inputs.yaml").read_text("utf-8"))
HERE, ALONE = [row for row in ROWS if not row.get("alone")], [row for row in ROWS if row.get("alone")]
GOOD = {"salt.vasp": POSCAR, "strings.csv": f"scope\n{ROCK_SALT}\n"}
VERBS = {command.name for command in program().registered_commands}
MAX_SECONDS = 15.0  # of CPU, of a row
MAX_MEMORY = 3 << 30  # bytes of addresses, for those run by themselves


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """The content of each file, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def prepare(folder: Path, row: dict[str, Any]) -> dict[str, bytes | None]:
    for name, content in (GOOD | row.get("with", {})).items():
        put(folder / name, content)
    return snapshot(folder)


def check(folder: Path, before: dict[str, bytes | None], row: dict[str, Any], code: int, said: str) -> None:
    """Hold what a command did against its row; … matches anything, `installed` is expected where there is no checkout."""
    assert "Traceback" not in said
    assert code == row["exit"], said
    words = row["says"] if (bench.FOLDER / "bench_parse.py").exists() else row.get("installed", row["says"])
    wanted = ".*".join(map(re.escape, re.split(r"\s*…\s*", words.strip())))
    assert re.search(wanted, said, re.DOTALL), said
    after = snapshot(folder)
    left = sorted(name for name in after if name not in before)
    assert left == sorted(row.get("leaves", []))
    assert {name: after.get(name) for name in before} == before


def test_there_are_rows_for_every_verb_and_at_least_sixty() -> None:
    assert len(ROWS) >= 60
    first = {shlex.split(row["run"])[0] for row in ROWS}
    assert first >= VERBS


@pytest.mark.parametrize("row", HERE, ids=lambda row: row["run"][:60])
def test_bad_input_is_named_and_nothing_is_half_written(cloudkit, tmp_path, monkeypatch, row) -> None:
    monkeypatch.chdir(tmp_path)
    before = prepare(tmp_path, row)
    begun = time.process_time()
    answer = cloudkit(*shlex.split(row["run"]), stdin=row.get("stdin", ""))
    assert time.process_time() - begun < MAX_SECONDS
    check(tmp_path, before, row, answer.code, answer.out + answer.err)


@pytest.mark.parametrize("row", ALONE, ids=lambda row: row["run"][:60])
def test_a_bomb_costs_a_process_little_memory_and_leaves_nothing(tmp_path, row) -> None:
    before = prepare(tmp_path, row)
    done = subprocess.run(
        [sys.executable, "-m", "cloudkit", *shlex.split(row["run"])],
        cwd=tmp_path, input=row.get("stdin", ""), capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY)),
    )  # fmt: skip
    check(tmp_path, before, row, done.returncode, done.stdout + done.stderr)
