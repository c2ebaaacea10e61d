"""Compile csrc to docs/playground/scope.wasm and record in scope.wasm.json what it was made from (`make wasm`).

The record lets a machine without clang see that the committed file belongs to the sources
(tests/playground/test_wasm.py); one with the same compiler makes the same bytes. Standard library only.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
WASM = ROOT / "docs/playground/scope.wasm"
RECORD = WASM.with_suffix(".wasm.json")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)  # no string of the core holds one


def sources() -> list[Path]:
    """All that decides what the compiler writes, the compiler aside."""
    found = (path for pattern in ("*.c", "*.h", "Makefile") for path in CSRC.rglob(pattern))
    return sorted(path for path in found if "build" not in path.relative_to(CSRC).parts)


def digest_of_sources() -> str:
    """One SHA-256 over the names and contents of the sources, but for comments and blanks, which change no code."""
    digest = hashlib.sha256()
    for path in sources():
        text = path.read_text(encoding="utf-8")
        code = text if path.name == "Makefile" else " ".join(COMMENT.sub(" ", text).split())
        digest.update(f"{path.relative_to(CSRC).as_posix()}\0{code}\0".encode())
    return digest.hexdigest()


def compiler() -> str | None:
    """Versions of clang and wasm-ld; None where one of them is missing."""
    if not (shutil.which("clang") and shutil.which("wasm-ld")):
        return None
    commands = (["clang", "--version"], ["wasm-ld", "--version"])
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for command in commands]
    return "; ".join(run.stdout.splitlines()[0].strip() for run in runs)


def compile_core() -> bytes:
    """The module, from an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["make", "--silent", "--no-print-directory", "-C", CSRC, "wasm", f"BUILD={folder}"], check=True
        )
        return (Path(folder) / "wasm" / "scope.wasm").read_bytes()


def record(module: bytes) -> dict[str, str | int | None]:
    """What scope.wasm.json says of a module made now."""
    return {
        "sources": digest_of_sources(),
        "module": hashlib.sha256(module).hexdigest(),
        "bytes": len(module),
        "compiler": compiler(),
    }


def main() -> None:
    if compiler() is None:
        raise SystemExit("make wasm needs clang and wasm-ld: apt-get install clang lld")
    module = compile_core()
    WASM.write_bytes(module)
    RECORD.write_text(json.dumps(record(module), indent=2) + "\n", encoding="utf-8")
    print(f"{WASM.relative_to(ROOT)}: {len(module):,} bytes")


if __name__ == "__main__":
    main()
