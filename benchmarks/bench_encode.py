"""Structures to strings: cloudkit beside the published script (pymatgen and spglib), one core each.

    python -m pytest benchmarks/bench_encode.py --benchmark-only

Needs the shared data. In input order both give the same string, which is checked before anything is timed. Each round
sees cells moved by a new random shift below every tolerance, so that SpacegroupAnalyzer's cache cannot answer.
"""

import gzip
import itertools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from baselines.published_script import to_string
from conftest import SHARED

import cloudkit
from cloudkit.structure import as_crystal

COUNT = 200
NOISE = 1e-7  # fractional


@pytest.fixture(scope="module")
def structures() -> list[Any]:
    """The first Materials Project cells of the shared data as pymatgen structures."""
    pymatgen = pytest.importorskip("pymatgen.core")
    path = SHARED / "mp20_binary_ternary.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand; set CLOUDKIT_SHARED")
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line)["structure"] for line in itertools.islice(file, COUNT)]
    return [pymatgen.Structure(row["lattice"], row["species"], row["frac"]) for row in rows]


@pytest.fixture(scope="module")
def moved(structures: list[Any]) -> Callable[[], list[Any]]:
    draw = np.random.default_rng(0)

    def copies() -> list[Any]:
        return [type(s)(s.lattice, s.species, s.frac_coords + NOISE * draw.random(3)) for s in structures]

    return copies


@pytest.fixture(scope="module", autouse=True)
def same_strings(structures: list[Any]) -> None:
    for structure in structures:
        ours = cloudkit.encode(structure, dialect="reduced", order="input", engine="spglib")
        assert ours == to_string(structure)


@pytest.mark.benchmark(group=f"{COUNT} structures to strings")
def test_published_script(benchmark, moved) -> None:
    benchmark.pedantic(lambda batch: [to_string(s) for s in batch], setup=lambda: ((moved(),), {}), rounds=3)
    benchmark.extra_info.update(structures=COUNT)


@pytest.mark.benchmark(group=f"{COUNT} structures to strings")
def test_cloudkit_spglib_in_input_order(benchmark, moved) -> None:
    def run(batch: list[Any]) -> list[str | None]:
        return cloudkit.encode_batch(batch, dialect="reduced", order="input", engine="spglib").texts

    benchmark.pedantic(run, setup=lambda: ((moved(),), {}), rounds=3)
    benchmark.extra_info.update(structures=COUNT)


@pytest.mark.benchmark(group=f"{COUNT} structures to strings")
def test_cloudkit_moyo_in_canonical_order(benchmark, moved) -> None:
    benchmark.pedantic(
        lambda batch: cloudkit.encode_batch(batch).texts, setup=lambda: ((moved(),), {}), rounds=5
    )
    benchmark.extra_info.update(structures=COUNT)


@pytest.mark.benchmark(group=f"{COUNT} structures to strings")
def test_cloudkit_moyo_from_arrays(benchmark, moved) -> None:
    """Without the reading of pymatgen objects."""

    def crystals() -> tuple[tuple[list[Any]], dict[str, Any]]:
        return ([as_crystal(s) for s in moved()],), {}

    benchmark.pedantic(lambda batch: cloudkit.encode_batch(batch).texts, setup=crystals, rounds=5)
    benchmark.extra_info.update(structures=COUNT)
