"""Time, comparisons and memory of symmetry in large cells: results/large_cells.txt.

    python benchmarks/large_cells.py               the table; --write keeps it

Time is CPU time of ck_find_symmetry, the best of five. Comparisons depend on nothing but the crystal: the law test in
tests/native/test_structures.c sets a budget on them. Noise is uniform, up to the given length along each axis.
"""

import argparse
import datetime
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "benchmarks/results/large_cells.txt"


def measure() -> str:
    """The table that native/large_cells.c prints."""
    sources = [ROOT / "benchmarks/native/large_cells.c", *sorted((ROOT / "csrc").glob("*.c"))]
    include = [f"-I{ROOT / 'csrc/include'}", f"-I{ROOT / 'csrc'}"]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "large_cells"
        command = ["gcc", "-std=c11", "-O3", *include, *map(str, sources), "-lm", "-o", str(program)]
        subprocess.run(command, check=True)
        return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if shutil.which("gcc") is None:
        print("large cells are not measured: gcc is not installed")
        return 0
    load = os.getloadavg()[0]
    head = f"{datetime.date.today()}, {platform.machine()}, gcc -O3, one core, load {load:.1f}; symprec 0.01 angstrom"
    found = f"{head}\n{measure()}"
    print(found, end="")
    if arguments.write:
        KEPT.write_text(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
