"""Files made from spec/tables are what the compiler of tables makes now, and two of those tables are computed again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
COMPILED = ("cloudkit/tables/_generated.py", "csrc/tables.h", "csrc/tables.c", "spec/vocab/compact.txt")
COMPUTED = ("spec/tables/classes.csv", "spec/tables/cocycles.csv")


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A copy of the tools, the tables and the vocabulary."""
    for name in ("spec/tables", "spec/tools"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    for name in COMPILED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "spec/vocab/cloud.txt", tmp_path / "spec/vocab")
    return tmp_path


def test_compiling_the_tables_again_changes_nothing(workshop: Path) -> None:
    subprocess.run([sys.executable, "spec/tools/compile_tables.py"], check=True, cwd=workshop)
    for name in COMPILED:
        assert (workshop / name).read_text() == (REPOSITORY / name).read_text(), f"{name}: run `make tables`"


def test_computing_the_symmetry_tables_again_changes_nothing(workshop: Path) -> None:
    for name in COMPUTED:
        (workshop / name).unlink()
    subprocess.run([sys.executable, "spec/tools/build_symmetry.py"], check=True, cwd=workshop)
    for name in COMPUTED:
        assert (workshop / name).read_text() == (REPOSITORY / name).read_text(), (
            f"{name}: run spec/tools/build_symmetry.py"
        )
