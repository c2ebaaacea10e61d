"""Where nothing could be compiled, the twins serve: tests of strings, tokens and structures in a process that finds no compiled module."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMPILED = ("_native.core", "structure.contacts", "structure.symspg", "io.cif_quick")
RUN = f"""
import sys
sys.modules.update({{f"cloudkit.{{name}}": None for name in {COMPILED}}})
from cloudkit import _native
assert not _native.COMPILED
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    "tests",
    [
        ("tests/unit/scope", "tests/unit/tokens", "tests/laws/test_round_trips.py"),
        ("tests/unit/io/test_io_cif.py", "tests/unit/structure/test_structure_guards.py"),
    ],
    ids=["strings", "structures"],
)
def test_the_tests_pass_without_any_compiled_module(tests: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:]
