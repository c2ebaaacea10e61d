"""Files made from spec/tables are what the compiler of tables makes now."""

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
MADE = ("cloudkit/tables/_generated.py", "csrc/tables.h", "csrc/tables.c", "spec/vocab/compact.txt")


def test_compiling_the_tables_again_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "spec/tables", tmp_path / "spec/tables")
    (tmp_path / "spec/vocab").mkdir()
    (tmp_path / "spec/tools").mkdir()
    shutil.copy(REPOSITORY / "spec/vocab/cloud.txt", tmp_path / "spec/vocab")
    shutil.copy(REPOSITORY / "spec/tools/compile_tables.py", tmp_path / "spec/tools")
    for name in MADE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, tmp_path / "spec/tools/compile_tables.py"], check=True, cwd=tmp_path)
    for name in MADE:
        assert (tmp_path / name).read_text() == (REPOSITORY / name).read_text(), f"{name}: run `make tables`"
