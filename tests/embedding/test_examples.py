"""docs/examples built and run against an installed cloudkit: this one, or that of the Python in $CLOUDKIT_PYTHON."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"
PYTHON = os.environ.get("CLOUDKIT_PYTHON", sys.executable)
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"
LINES = f"{ROCK_SALT} | Na 4a Cl 4b\n{ROCK_SALT} | Fe 0.25 Ni 0.75 4a O 4b\n{ROCK_SALT} | Xx 4a\n"

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")


def run(*command: str | Path, cwd: Path, text: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command away from the checkout, so that the installed package is the one that is found."""
    done = subprocess.run(
        [*map(str, command)], input=text, capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def ask(expression: str, cwd: Path) -> str:
    return run(PYTHON, "-c", f"import cloudkit; print({expression})", cwd=cwd).stdout.strip()


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> None:
    if ask("cloudkit._native.COMPILED", tmp_path_factory.mktemp("anywhere")) != "True":
        pytest.skip("no compiled core in this installation")


@needs_compiler
def test_the_c_program_counts_atoms(core: None, tmp_path: Path) -> None:
    include, library = ask("cloudkit.get_include()", tmp_path), ask("cloudkit.get_library()", tmp_path)
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run(
        str(COMPILER),
        *flags,
        EXAMPLES / "c/atoms.c",
        "-I",
        include,
        library,
        "-lm",
        "-o",
        "atoms",
        cwd=tmp_path,
    )
    reduced = f"{ROCK_SALT} | 4a 4b | Na 0.5 Cl 0.5"
    done = run(tmp_path / "atoms", cwd=tmp_path, text=f"{'x' * 9000}\n{LINES}{reduced}", code=1)
    assert done.stdout == "225: 11 4 17 4\n225: 8 4 26 1 28 3\n"
    assert done.stderr.splitlines() == [
        "a line is longer than 4094 bytes",
        f"error 202 at byte {len(ROCK_SALT) + 3}: Xx",
        f"no orbit string: {reduced}",
    ]
    assert (
        run(tmp_path / "atoms", cwd=tmp_path, text=LINES[: LINES.index("Xx") - len(ROCK_SALT) - 3]).stderr
        == ""
    )


@needs_compiler
def test_the_c_program_encodes_a_crystal(core: None, tmp_path: Path) -> None:
    include, library = ask("cloudkit.get_include()", tmp_path), ask("cloudkit.get_library()", tmp_path)
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    source = EXAMPLES / "c/encode.c"
    run(str(COMPILER), *flags, source, "-I", include, library, "-lm", "-o", "encode", cwd=tmp_path)
    assert run(tmp_path / "encode", cwd=tmp_path).stdout == f"{ROCK_SALT} | Na 4a Cl 4b\n"


@needs_compiler
def test_the_cython_package_works_linked_and_by_capsule(core: None, tmp_path: Path) -> None:
    package = shutil.copytree(EXAMPLES / "cython", tmp_path / "package")
    run(PYTHON, "setup.py", "-q", "build_ext", "--inplace", cwd=package)
    text = f"{ROCK_SALT} | Na 4a Cl 4b".encode()
    code = (
        "from letters import capsule, linked\n"
        f"assert linked.letters({text!r}) == capsule.letters({text!r}) == ['4a', '4b']\n"
        "assert linked.letters(b'') is capsule.letters(b'') is None\n"
        "cell, sites = [4.1, 0, 0, 0, 4.1, 0, 0, 0, 4.1], [0, 0, 0, 0.5, 0.5, 0.5]\n"
        "assert linked.encode(cell, sites, [55, 17]).endswith(b' | Cs 1a Cl 1b')\n"
        "assert capsule.encode(cell, sites, [55, 17]) == linked.encode(cell, sites, [55, 17])\n"
        "assert linked.encode(cell, [0] * 6, [55, 17]) is capsule.encode(cell, [0] * 6, [55, 17]) is None\n"
    )
    run(PYTHON, "-c", code, cwd=package)


def test_the_ctypes_program_encodes_a_crystal(core: None, tmp_path: Path) -> None:
    done = run(PYTHON, EXAMPLES / "ctypes/encode.py", cwd=tmp_path)
    assert done.stdout == f"{ROCK_SALT} | Na 4a Cl 4b\n"


def test_the_ctypes_program_needs_no_compiler(core: None, tmp_path: Path) -> None:
    done = run(PYTHON, EXAMPLES / "ctypes/check_lines.py", cwd=tmp_path, text=LINES)
    faulty = f"space group 225: 202 at byte {len(ROCK_SALT) + 3}"
    assert done.stdout.splitlines() == ["space group 225: valid", "space group 225: valid", faulty]
