"""CIF files to strings in a CSV: `cloudkit encode` and the published script (pymatgen, spglib), one core each.

    python -m pytest benchmarks/bench_cif.py --benchmark-only

Needs the shared data. Each round writes a folder of CIFs (pymatgen's CifWriter, as in the data sets people have) with
cells moved by a new random shift below every tolerance. In input order both give the same CSV of strings, which is
checked before anything is timed. Both read from the file to the row; neither counts its imports, nor ours the 6 ms in
which a process describes its command line.
"""

import csv
import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from baselines.published_script import to_string
from click.testing import CliRunner
from conftest import moved, read_structures
from typer.main import get_command

from cloudkit.cli.app import program

COUNT = 400
COMMAND = get_command(program())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A function that writes COUNT fresh CIFs and returns their folder."""
    cif = pytest.importorskip("pymatgen.io.cif")
    warnings.filterwarnings("ignore", module="pymatgen")
    structures, draw, numbers = read_structures(COUNT), np.random.default_rng(0), itertools.count()

    def write() -> Path:
        folder = tmp_path_factory.mktemp(f"cifs-{next(numbers)}-")
        for number, structure in enumerate(moved(structures, draw)):
            cif.CifWriter(structure).write_file(folder / f"{number:04d}.cif")
        return folder

    return write


def published(folder: Path) -> list[dict[str, str]]:
    """What the published script does with a folder: pymatgen reads, spglib finds, a CSV is written."""
    from pymatgen.core import Structure

    target = folder.with_suffix(".published.csv")
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "scope"])
        for path in sorted(folder.iterdir()):
            writer.writerow([path.name, to_string(Structure.from_file(path))])
    return rows(target)


def ours(folder: Path, *options: str) -> list[dict[str, str]]:
    """`cloudkit encode FOLDER -o FILE`, in this process."""
    target = folder.with_suffix(".ours.csv")
    result = CliRunner().invoke(COMMAND, ["encode", str(folder), "-o", str(target), *options])
    assert result.exit_code == 0, result.output
    return rows(target)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{"id": row["id"], "scope": row["scope"]} for row in csv.DictReader(file)]


@pytest.fixture(scope="module", autouse=True)
def same_strings(folders: Callable[[], Path]) -> None:
    folder = folders()
    expected = published(folder)
    assert len(expected) == COUNT
    assert ours(folder, "--order", "input", "--dialect", "reduced") == expected
    assert len(ours(folder)) == COUNT


def time_it(benchmark: Any, folders: Callable[[], Path], work: Callable[[Path], Any], rounds: int) -> None:
    benchmark.pedantic(work, setup=lambda: ((folders(),), {}), rounds=rounds)
    benchmark.extra_info.update(structures=COUNT)


@pytest.mark.benchmark(group=f"{COUNT} CIF files to strings in a CSV")
def test_published_script(benchmark: Any, folders: Callable[[], Path]) -> None:
    time_it(benchmark, folders, published, rounds=3)


@pytest.mark.benchmark(group=f"{COUNT} CIF files to strings in a CSV")
def test_cloudkit_encode(benchmark: Any, folders: Callable[[], Path]) -> None:
    time_it(benchmark, folders, ours, rounds=5)


@pytest.mark.benchmark(group=f"{COUNT} CIF files to strings in a CSV")
def test_cloudkit_encode_in_input_order(benchmark: Any, folders: Callable[[], Path]) -> None:
    time_it(
        benchmark, folders, lambda folder: ours(folder, "--order", "input", "--dialect", "reduced"), rounds=3
    )
