"""The C library compiled and run without Python: laws and vectors under sanitizers, what it needs, what it offers."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CSRC, NATIVE = REPOSITORY / "csrc", REPOSITORY / "tests/native"
CORE = sorted(CSRC.glob("*.c"))
COMPILER = shutil.which("gcc") or shutil.which("clang")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
SANITIZERS = [
    "-g",
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
]
LAWS = [NATIVE / "laws.c", NATIVE / "structure_laws.c"]
MATHEMATICS = {"cbrt", "ceil", "floor", "fmax", "fmin", "rint", "sqrt"}
STRINGS = {"memchr", "memcmp", "memcpy", "memmove", "memset", "strchr", "strlen"}
NEEDED = {*STRINGS, *MATHEMATICS, "__stack_chk_fail", "__cxa_finalize"}

pytestmark = pytest.mark.skipif(COMPILER is None, reason="neither gcc nor clang is installed")


def compile_c(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(COMPILER), "-std=c11", f"-I{CSRC / 'include'}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def build_sanitized(source: str, folder: Path) -> Path:
    """A program of tests/native with the laws and the core, under sanitizers."""
    program = folder / source.removesuffix(".c")
    built = compile_c(*SANITIZERS, *WARNINGS, "-o", program, NATIVE / source, *LAWS, *CORE, "-lm")
    if built.returncode != 0 and ("asan" in built.stderr or "ubsan" in built.stderr):
        pytest.skip("this compiler has no sanitizer libraries")
    assert built.returncode == 0, built.stderr
    return program


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make -C csrc install` installs: a prefix with include/ and lib/."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path_factory.mktemp("installed")
    command = [
        "make",
        "-s",
        "-C",
        str(CSRC),
        "install",
        "PREFIX=/usr",
        f"DESTDIR={folder}",
        f"BUILD={folder}/build",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "usr"


def symbols(path: Path, *options: str) -> list[tuple[str, str]]:
    """(kind, name) of the symbols that nm lists."""
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    lines = subprocess.run(
        ["nm", *options, path], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    words = [line.split()[-2:] for line in lines if len(line.split()) > 1]
    return [(kind, name.partition("@")[0]) for kind, name in words]


@pytest.mark.parametrize("source", ["test_core.c", "test_structures.c"])
def test_the_core_holds_its_laws_under_sanitizers(source: str, tmp_path: Path) -> None:
    program = build_sanitized(source, tmp_path)
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "all laws held\n"


def test_eight_threads_give_the_same_strings_under_the_thread_sanitizer(tmp_path: Path) -> None:
    program, flags = tmp_path / "threads", ["-g", "-O1", "-fsanitize=thread", "-pthread", *WARNINGS]
    built = compile_c(*flags, "-o", program, NATIVE / "test_threads.c", NATIVE / "laws.c", *CORE, "-lm")
    if built.returncode != 0 and "tsan" in built.stderr:
        pytest.skip("this compiler has no thread sanitizer")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=300)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer does not run in this memory layout")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "all threads agree\n"


def test_the_core_gives_what_the_vectors_say_under_sanitizers(tmp_path: Path) -> None:
    program = build_sanitized("vectors.c", tmp_path)
    lines = []
    files = sorted((REPOSITORY / "spec/vectors").glob("*/*.jsonl"))
    for vector in (json.loads(line) for file in files for line in file.read_text("ascii").splitlines()):
        if "deep" in vector:
            continue  # says what a closer look finds, which is not the core's
        text = vector["text"].encode("utf-8", "surrogatepass")
        issues = [(int(d["code"][1:]), d["offset"], d["length"]) for d in vector.get("diagnostics", ())]
        ids = vector.get("ids", {})
        columns = (
            [n for issue in issues for n in issue],
            ids.get("cloud") or (),
            ids.get("compact") or (),
            text,
        )
        lines.append("".join(" ".join(map(str, column)) + "\t" for column in columns) + "\n")
    done = subprocess.run(
        [program], input="".join(lines), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{len(lines)} vectors\n"
    assert len(lines) > 1000


@pytest.mark.parametrize("source", CORE, ids=lambda path: path.name)
def test_the_core_compiles_without_warnings(source: Path, tmp_path: Path) -> None:
    built = compile_c(*WARNINGS, "-c", "-o", tmp_path / "out.o", source)
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("source", CORE, ids=lambda path: path.name)
def test_the_core_keeps_no_writable_state(source: Path, tmp_path: Path) -> None:
    assert compile_c("-O2", "-fno-pic", "-c", "-o", tmp_path / "out.o", source).returncode == 0
    assert [name for kind, name in symbols(tmp_path / "out.o") if kind in "dDbBC"] == []


def test_the_library_needs_no_allocator_no_locale_and_no_errno(library: Path) -> None:
    shared = symbols(next((library / "lib").glob("*.so.*")), "-D", "--undefined-only")
    assert {name for kind, name in shared if kind == "U"} <= NEEDED


def test_the_library_exports_what_the_header_declares(library: Path) -> None:
    header = (library / "include/cloudkit/scope.h").read_text("utf-8")
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    declared = set(re.findall(r"\b(ck_\w+)\((?!\*)", code))
    exported = symbols(next((library / "lib").glob("*.so.*")), "-D", "--defined-only")
    assert {name for _, name in exported} == declared
    assert {"ck_check", "ck_get_api"} <= declared


def test_the_table_of_functions_holds_every_function() -> None:
    header = (CSRC / "include/cloudkit/scope.h").read_text("utf-8")
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    table = set(re.findall(r"\(\*(\w+)\)\(", code.partition("typedef struct ck_api {")[2]))
    declared = {name.removeprefix("ck_") for name in re.findall(r"\b(ck_\w+)\((?!\*)", code)}
    assert table == declared - {"abi_version", "get_api"}


def test_a_program_links_with_what_pkg_config_says(library: Path, tmp_path: Path) -> None:
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    source = tmp_path / "version.c"
    source.write_text(
        "#include <cloudkit/scope.h>\nint main(void) { return ck_abi_version() != CK_ABI_VERSION; }\n"
    )
    environment = {"PKG_CONFIG_PATH": str(library / "lib/pkgconfig"), "LD_LIBRARY_PATH": str(library / "lib"), "PATH": "/usr/bin:/bin"}  # fmt: skip
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "cloudkit_scope"], env=environment, capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
    assert compile_c("-o", tmp_path / "version", source, *flags).returncode == 0
    assert subprocess.run([tmp_path / "version"], env=environment, check=False).returncode == 0


def test_the_header_is_valid_cpp(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler is installed")
    source = tmp_path / "header.cpp"
    source.write_text(
        '#include "cloudkit/scope.h"\nint main() { return ck_abi_version() == CK_ABI_VERSION ? 0 : 1; }\n'
    )
    command = [compiler, *WARNINGS, f"-I{CSRC / 'include'}", "-fsyntax-only", str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
