"""`cloudkit bench`: ratios of a benchmark file, and what it says where there is none."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudkit.cli import bench

TINY = """
import pytest
@pytest.mark.benchmark(group="sums")
@pytest.mark.parametrize("n", [1])
def test_cloudkit_sum(benchmark, n):
    benchmark.pedantic(sum, ([n] * 10,), rounds=3, iterations=50)
    benchmark.extra_info.update(items=10)
@pytest.mark.benchmark(group="sums")
def test_slow_sum(benchmark):
    benchmark.pedantic(sum, (list(range(20000)),), rounds=3)
    benchmark.extra_info.update(items=10)
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of benchmarks with one small file."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "bench_tiny.py").write_text(TINY)
    monkeypatch.setattr(bench, "FOLDER", folder)
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)  # the benchmarks, in a process of their own, would time nothing
    return folder


def test_a_table_has_every_contender_with_its_ratio_to_the_rival(
    cloudkit: Callable[..., Any], checkout: Path
) -> None:
    answer = cloudkit("bench", "tiny")
    assert answer.code == 0
    lines = answer.out.strip().splitlines()
    assert lines[0] == "sums"
    assert lines[1].split() == ["contender", "best", "median", "items/s", "ratio"]
    ratios = {line.split()[0]: float(line.split()[-1]) for line in lines[2:]}
    assert ratios["slow_sum"] == 1
    assert ratios["cloudkit_sum[1]"] > 1
    assert "versions: python" in answer.err


def test_json_has_rows_machine_and_versions(cloudkit: Callable[..., Any], checkout: Path) -> None:
    found = json.loads(cloudkit("bench", "--json").out)
    assert [row["contender"] for row in found["rows"]] == ["cloudkit_sum[1]", "slow_sum"]
    assert all(0 < row["best"] <= row["median"] and row["items"] == 10 for row in found["rows"])
    assert {"cpu", "cores", "load", "time", "versions"} < set(found)


def test_an_unknown_subject_is_answered_with_those_that_are_known(
    cloudkit: Callable[..., Any], checkout: Path
) -> None:
    answer = cloudkit("bench", "tinny")
    assert answer.code == 2
    assert "no benchmark 'tinny'; choose from tiny" in answer.err


def test_without_a_checkout_it_says_so(cloudkit: Callable[..., Any], checkout: Path) -> None:
    (checkout / "bench_tiny.py").unlink()
    answer = cloudkit("bench")
    assert answer.code == 2
    assert "need a checkout" in answer.err


def test_a_benchmark_that_fails_is_an_error_with_its_output(
    cloudkit: Callable[..., Any], checkout: Path
) -> None:
    (checkout / "bench_tiny.py").write_text("def test_x(benchmark):\n    assert 1 == 2\n")
    answer = cloudkit("bench", "tiny")
    assert answer.code == 2
    assert "bench_tiny.py failed" in answer.err
    assert "assert 1 == 2" in answer.err


def test_kernels_are_counted_by_a_script_of_their_own(cloudkit, tmp_path, monkeypatch):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/bench_other.py").write_text("")
    (tmp_path / "benchmarks/kernel_counts.py").write_text("print('12 MB, 1.02 times the least')")
    monkeypatch.setattr("cloudkit.cli.bench.FOLDER", tmp_path / "benchmarks")
    assert cloudkit("bench", "kernels") == (0, "12 MB, 1.02 times the least\n", "")
    (tmp_path / "benchmarks/kernel_counts.py").write_text("raise SystemExit('no Triton')")
    answer = cloudkit("bench", "kernels")
    assert answer.code == 2
    assert "no Triton" in answer.err
