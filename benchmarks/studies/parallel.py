"""Two jobs against one: structures in memory with either engine, columns with spglib, and CIF files.

    OMP_NUM_THREADS=1 PYTHONPATH=benchmarks python benchmarks/studies/parallel.py [STRUCTURES] [--rounds 5] [--only moyo] [--output benchmarks/results/parallel.txt]

Prints what a user waits for one job and for two, and a control for machines that are not idle: two processes that share
nothing, each of which does everything with one job. Half of their time is the best that two jobs could do in that
minute; `of best` is how much of it they reach. Twice that is what an idle machine would show, bar the share of the
parent on the workers' cores. CPU times count all threads and processes. Rounds alternate; the median of each counts.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from conftest import read_structures

import cloudkit
from cloudkit.encoding import encode_files


def as_columns(structures: list[Any]) -> cloudkit.Columns:
    return cloudkit.Columns(
        np.array([s.lattice.matrix for s in structures]),
        np.concatenate([s.frac_coords for s in structures]),
        np.concatenate([s.atomic_numbers for s in structures]),
        np.cumsum([0, *map(len, structures)]),
    )


def spent() -> tuple[float, float, float]:
    """Wall time, CPU time of this process, CPU time of its ended children."""
    times = os.times()
    return time.perf_counter(), times.user + times.system, times.children_user + times.children_system


def measure(work: Callable[[int], object], jobs: int) -> tuple[float, float]:
    """(wall, CPU) seconds."""
    before = spent()
    work(jobs)
    wall, own, children = (now - then for now, then in zip(spent(), before, strict=True))
    return wall, own + children


def measure_copies(work: Callable[[int], object]) -> float:
    """Wall seconds of this process and a copy of it, each working with one job."""
    start = time.perf_counter()
    copy = os.fork()
    if copy == 0:
        work(1)
        os._exit(0)
    work(1)
    os.waitpid(copy, 0)
    return time.perf_counter() - start


def main() -> None:
    from pymatgen.io.cif import CifWriter

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("structures", nargs="?", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="subjects whose names hold this")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    structures = read_structures(options.structures)
    few = structures[: options.structures // 8]
    columns = as_columns(few)
    heads = (
        "one job, s",
        "two jobs, s",
        "ratio",
        "two copies, s",
        "of best",
        "CPU one, s",
        "CPU two, s",
        "load",
    )
    lines = [f"{'subject':20}" + "".join(f"{head:>15}" for head in heads)]
    with tempfile.TemporaryDirectory() as folder:
        for number, structure in enumerate(structures if options.only in "CIF files" else []):
            CifWriter(structure).write_file(Path(folder) / f"{number}.cif")
        subjects: dict[str, Callable[[int], object]] = {
            "structures, moyo": lambda jobs: cloudkit.encode_batch(structures, jobs=jobs),
            "structures, spglib": lambda jobs: cloudkit.encode_batch(few, engine="spglib", jobs=jobs),
            "columns, spglib": lambda jobs: cloudkit.encode_batch(columns, engine="spglib", jobs=jobs),
            "CIF files, moyo": lambda jobs: list(encode_files([folder], jobs=jobs)),
        }
        for name, work in subjects.items():
            if options.only not in name:
                continue
            rounds = [
                (*measure(work, 1), *measure(work, 2), measure_copies(work)) for _ in range(options.rounds)
            ]
            wall, cpu, wall_two, cpu_two, copies = (median(column) for column in zip(*rounds, strict=True))
            cells = (
                wall,
                wall_two,
                wall / wall_two,
                copies,
                copies / 2 / wall_two,
                cpu,
                cpu_two,
                os.getloadavg()[0],
            )
            lines.append(f"{name:20}" + "".join(f"{cell:15.2f}" for cell in cells))
    lines.append(
        f"{options.structures} Materials Project cells ({len(few)} for spglib), {os.cpu_count()} cores, median of "
        f"{options.rounds} rounds; workers start within the measured time"
    )
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
