"""Single thread for everything that is timed; set before any library starts its pool."""

import csv
import gzip
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1",
}  # fmt: skip
os.environ.update(ONE_THREAD)

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CLOUDKIT_SHARED", REPOSITORY.parent / "shared")) / "data"


def pytest_report_header() -> str:
    return "threads: " + " ".join(f"{name}={value}" for name, value in ONE_THREAD.items())


@pytest.fixture(scope="session")
def strings() -> list[str]:
    return read_reduced_strings()


def read_reduced_strings() -> list[str]:
    """Valid reduced strings: the published sample where shared data is at hand, else the built-in minerals."""
    sample = SHARED / "pretrain_10k.csv"
    if sample.exists():
        with sample.open(newline="") as file:
            return [row["cloud"] for row in csv.DictReader(file) if " X " not in row["cloud"]]
    from cloudkit.scope import project

    with gzip.open(REPOSITORY / "cloudkit/data/builtin/minerals.csv.gz", "rt", newline="") as file:
        return [project(row["scope"], "reduced") for row in csv.DictReader(file)]


def read_orbit_strings() -> list[str]:
    """Canonical orbit strings: of 5,000 Materials Project cells where shared data is at hand, else the built-in minerals."""
    from cloudkit import encode_batch

    if (SHARED / "mp20_binary_ternary.jsonl.gz").exists():
        return [text for text in encode_batch(read_structures(5000)).texts if text is not None]
    with gzip.open(REPOSITORY / "cloudkit/data/builtin/minerals.csv.gz", "rt", newline="") as file:
        return [row["scope"] for row in csv.DictReader(file)]


def read_structures(count: int) -> list[Any]:
    """The first Materials Project cells of the shared data as pymatgen structures; skips where they are not at hand."""
    core = pytest.importorskip("pymatgen.core")
    path = SHARED / "mp20_binary_ternary.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand; set CLOUDKIT_SHARED")
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line)["structure"] for line in itertools.islice(file, count)]
    return [core.Structure(row["lattice"], row["species"], row["frac"]) for row in rows]


def moved(structures: list[Any], draw: Any) -> list[Any]:
    """The same crystals, each shifted by less than every tolerance, so that no cache of cells can answer."""
    return [type(s)(s.lattice, s.species, s.frac_coords + 1e-7 * draw.random(3)) for s in structures]
