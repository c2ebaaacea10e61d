"""`cloudkit(...)`: one command in this process, with its exit code and both streams."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cloudkit.cli import main

from .cli_examples import POSCAR


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def cloudkit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; `stdin` is what it reads from `-`. An exception that reaches the user fails the test."""

    def run(*arguments: object, stdin: str | bytes = "") -> Answer:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Answer(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def structures(tmp_path: Path) -> Path:
    """A folder with one good structure, one bad, and one file of an unknown kind."""
    folder = tmp_path / "structures"
    folder.mkdir()
    (folder / "salt.vasp").write_text(POSCAR)
    (folder / "broken.cif").write_text("data_broken\n_cell_length_a 1\n")
    (folder / "notes.md").write_text("not a crystal\n")
    return folder
