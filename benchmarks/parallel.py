"""Two jobs against one: structures in memory with either engine, columns with spglib, and CIF files.

    OMP_NUM_THREADS=1 python benchmarks/parallel.py [STRUCTURES] [--rounds 5] [--only moyo] [--output benchmarks/results/parallel.txt]

Prints wall times (what a user waits) and the CPU time of all threads and processes. On a busy machine the wall times
say little; CPU time then bounds the gain: with two idle cores, two jobs take at least (CPU time of two jobs) / 2, and
what stays on one core (the parent) is shown beside it. Rounds alternate; the least of each counts.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from conftest import read_structures

import cloudkit
from cloudkit.scope import encode_files


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


def measure(work: Callable[[int], object], jobs: int) -> tuple[float, float, float]:
    before = spent()
    work(jobs)
    wall, own, children = (now - then for now, then in zip(spent(), before, strict=True))
    return wall, own + children, own


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
    lines = [
        f"{'subject':28}{'one job, s':>12}{'two jobs, s':>13}{'ratio':>7}{'CPU, s':>9}{'CPU, s':>9}{'bound':>7}{'load':>6}"
    ]
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
            rounds = [(measure(work, 1), measure(work, 2)) for _ in range(options.rounds)]
            one, two = (tuple(map(min, zip(*column, strict=True))) for column in zip(*rounds, strict=True))
            bound = one[1] / max(two[1] / 2, two[2] if "moyo" in name else 0)
            lines.append(
                f"{name:28}{one[0]:12.2f}{two[0]:13.2f}{one[0] / two[0]:7.2f}"
                f"{one[1]:9.2f}{two[1]:9.2f}{bound:7.2f}{os.getloadavg()[0]:6.1f}"
            )
    lines.append(
        f"{options.structures} Materials Project cells ({len(few)} for spglib), {os.cpu_count()} cores, least of {options.rounds} "
        "rounds; workers start within the measured time; bound: CPU of one job over what two idle cores need for two"
    )
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
