"""Structures to strings: cloudkit compared with the published script (pymatgen and spglib) and the engines alone, one core each.

    python -m pytest benchmarks/bench_encode.py --benchmark-only --benchmark-timer=time.process_time

Needs the shared data. All start from pymatgen structures; in input order cloudkit and the script give the same string,
which is checked before anything is timed. Each round sees cells moved by a new random shift below every tolerance, so
that SpacegroupAnalyzer's cache cannot answer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from baselines import raw_engines
from baselines.published_script import to_string
from conftest import moved, read_structures

import cloudkit
from cloudkit.io import Columns

COUNT = 1000
ENCODE, ENGINE = f"{COUNT} structures to strings", f"{COUNT} structures, the engine alone"


@pytest.fixture(scope="module")
def structures() -> list[Any]:
    return read_structures(COUNT)


@pytest.fixture(scope="module")
def fresh(structures: list[Any]) -> Callable[[], list[Any]]:
    """A function that gives the structures, moved a little."""
    draw = np.random.default_rng(0)
    return lambda: moved(structures, draw)


@pytest.fixture(scope="module", autouse=True)
def same_strings(structures: list[Any]) -> None:
    ours = cloudkit.encode_batch(structures, dialect="reduced", order="input")
    assert ours.texts == [to_string(structure) for structure in structures]
    assert None not in cloudkit.encode_batch(structures).texts


def as_columns(batch: list[Any]) -> Columns:
    """The structures as four arrays."""
    return Columns(
        np.array([s.lattice.matrix for s in batch]),
        np.concatenate([s.frac_coords for s in batch]),
        np.concatenate([s.atomic_numbers for s in batch]),
        np.cumsum([0, *map(len, batch)]),
    )


def time_it(benchmark: Any, make: Callable[[], Any], work: Callable[[Any], Any], rounds: int = 5) -> None:
    benchmark.pedantic(work, setup=lambda: ((make(),), {}), rounds=rounds)
    benchmark.extra_info.update(structures=COUNT)


@pytest.mark.benchmark(group=ENCODE)
def test_published_script(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    time_it(benchmark, fresh, lambda batch: [to_string(structure) for structure in batch], rounds=3)


@pytest.mark.benchmark(group=ENCODE)
def test_cloudkit(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    time_it(benchmark, fresh, cloudkit.encode_batch)


@pytest.mark.benchmark(group=ENCODE)
def test_cloudkit_with_moyo(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    time_it(benchmark, fresh, lambda batch: cloudkit.encode_batch(batch, engine="moyo"))


@pytest.mark.benchmark(group=ENCODE)
def test_cloudkit_spglib_in_canonical_order(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    time_it(benchmark, fresh, lambda batch: cloudkit.encode_batch(batch, engine="spglib"), rounds=3)


@pytest.mark.benchmark(group=ENCODE)
def test_cloudkit_spglib_in_input_order(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    """The script's own strings."""
    time_it(
        benchmark,
        fresh,
        lambda batch: cloudkit.encode_batch(batch, dialect="reduced", order="input"),
        rounds=3,
    )


@pytest.mark.benchmark(group=ENGINE)
def test_cloudkit_from_arrays_to_strings(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    """More than the others do: the canonical strings too, from the arrays of other programs."""
    time_it(benchmark, lambda: as_columns(fresh()), cloudkit.encode_batch)


@pytest.mark.benchmark(group=ENGINE)
def test_moyopy_alone(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    time_it(benchmark, lambda: raw_engines.moyo_cells(fresh()), raw_engines.run_moyo)


@pytest.mark.benchmark(group=ENGINE)
def test_spglib_alone_through_python(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    time_it(benchmark, lambda: raw_engines.spglib_cells(fresh()), raw_engines.run_spglib, rounds=3)


@pytest.mark.benchmark(group=ENGINE)
def test_spglib_alone_in_c(benchmark: Any, fresh: Callable[[], list[Any]]) -> None:
    time_it(
        benchmark,
        lambda: raw_engines.spglib_in_c(raw_engines.spglib_cells(fresh())),
        lambda run: run(),
        rounds=3,
    )
