"""The C core compiled and run without Python, under the address and undefined-behaviour sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CORE = [REPOSITORY / "csrc" / name for name in ("check.c", "encode.c", "tables.c")]
COMPILER = shutil.which("gcc") or shutil.which("clang")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="neither gcc nor clang is installed")


def compile_c(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    include = f"-I{REPOSITORY / 'csrc/include'}"
    return subprocess.run(
        [str(COMPILER), "-std=c11", include, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_core_holds_its_promises_under_sanitizers(tmp_path: Path) -> None:
    program = tmp_path / "test_core"
    flags = [
        "-g",
        "-O1",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        "-fno-omit-frame-pointer",
    ]
    built = compile_c(*flags, "-o", program, REPOSITORY / "tests/native/test_core.c", *CORE)
    if built.returncode != 0 and ("asan" in built.stderr or "ubsan" in built.stderr):
        pytest.skip("this compiler has no sanitizer libraries")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "0 failures\n"


def test_the_core_compiles_without_warnings(tmp_path: Path) -> None:
    for source in CORE:
        built = compile_c(*WARNINGS, "-c", "-o", tmp_path / f"{source.stem}.o", source)
        assert built.returncode == 0, built.stderr


def test_the_core_needs_no_allocator_and_keeps_no_writable_state(tmp_path: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    for source in CORE:
        object_file = tmp_path / f"{source.stem}.o"
        assert compile_c("-O2", "-fno-pic", "-c", "-o", object_file, source).returncode == 0
        lines = subprocess.run(
            ["nm", object_file], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        symbols = [line.split()[-2:] for line in lines]
        undefined = {name for kind, name in symbols if kind == "U" and not name.startswith("ck_")}
        assert undefined <= {
            "memchr",
            "memcmp",
            "memcpy",
            "memset",
            "strlen",
            "__stack_chk_fail",
            "_GLOBAL_OFFSET_TABLE_",
        }
        assert [name for kind, name in symbols if kind in "dDbBC"] == []


def test_the_header_is_valid_cpp(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler is installed")
    source = tmp_path / "header.cpp"
    source.write_text(
        '#include "cloudkit/scope.h"\nint main() { return ck_abi_version() == CK_ABI_VERSION ? 0 : 1; }\n'
    )
    built = subprocess.run(
        [compiler, f"-I{REPOSITORY / 'csrc/include'}", "-fsyntax-only", str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
