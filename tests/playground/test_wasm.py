"""docs/playground/scope.wasm is the core of this checkout."""

import hashlib
import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = runpy.run_path(str(ROOT / "spec/tools/build_wasm.py"))
RECORD = json.loads(BUILD["RECORD"].read_text(encoding="utf-8"))


def test_the_module_was_built_from_these_sources() -> None:
    assert RECORD["sources"] == BUILD["digest_of_sources"](), "csrc has changed: run make wasm"
    assert RECORD["module"] == hashlib.sha256(BUILD["WASM"].read_bytes()).hexdigest()


def test_the_module_is_small() -> None:
    assert RECORD["bytes"] == BUILD["WASM"].stat().st_size < 300_000


def test_the_same_compiler_makes_the_same_bytes() -> None:
    if BUILD["compiler"]() != RECORD["compiler"]:
        pytest.skip(f"{RECORD['compiler']} is not installed")
    assert BUILD["compile_core"]() == BUILD["WASM"].read_bytes()
