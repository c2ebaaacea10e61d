"""Tools of spec/tools as modules, and the built-in tables as rows of text."""

import csv
import gzip
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILTIN = ROOT / "cloudkit" / "data" / "builtin"
Rows = list[dict[str, str]]


def read(name: str) -> Rows:
    with gzip.open(BUILTIN / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def builtin() -> Path:
    """The folder of the tables."""
    return BUILTIN


@pytest.fixture(scope="session")
def tables() -> dict[str, Rows]:
    return {name: read(name) for name in ("thermal", "minerals", "prototypes", "phonons")}


@pytest.fixture(scope="session")
def tools() -> Iterator[dict[str, ModuleType]]:
    """data_thermal, data_minerals, data_symmetry and data_prototypes of spec/tools."""
    sys.path.insert(0, str(ROOT / "spec" / "tools"))
    names = ("data_thermal", "data_minerals", "data_symmetry", "data_prototypes")
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(ROOT / "spec" / "tools"))
