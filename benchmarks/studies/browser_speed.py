"""Crystals a second of the core as WebAssembly (in node) and as native code, from arrays to canonical strings, one thread each, CPU time.

    OMP_NUM_THREADS=1 python benchmarks/studies/browser_speed.py SHARED [--output benchmarks/results/browser_speed.txt]

The crystals are 1,000 Materials Project cells of SHARED/data/mp20_binary_ternary.jsonl.gz. Passes of both take turns; the best counts.
"""

import argparse
import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

from cloudkit import _native
from cloudkit.encoding.text import species_table
from cloudkit.io import as_crystal
from cloudkit.structure import Crystal

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = ROOT / "benchmarks/studies/browser_speed.mjs"
CELLS: Final = 1_000
PASSES: Final = 5


def read_cells(shared: Path) -> list[Crystal]:
    with gzip.open(shared / "data/mp20_binary_ternary.jsonl.gz", "rt") as file:
        return [as_crystal(json.loads(next(file))["structure"]) for _ in range(CELLS)]


def time_native(crystals: list[Crystal]) -> tuple[float, list[str]]:
    """Seconds of the processor, and the strings."""
    rows = [(c.lattice, c.positions, c.labels, species_table(c.species)) for c in crystals]
    start = time.process_time()
    texts, _, _ = _native.encode_crystals(rows, 1e-2, 0, 1)
    return time.process_time() - start, texts


def time_wasm(crystals: list[Crystal]) -> tuple[float, list[str]]:
    given = [
        {
            "lattice": c.lattice.tolist(),
            "positions": c.positions.tolist(),
            "sites": [c.species[label] for label in c.labels],
        }
        for c in crystals
    ]
    run = subprocess.run(
        ["node", SCRIPT], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    answer = json.loads(run.stdout)
    return answer["seconds"], answer["texts"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("shared", type=Path)
    arguments.add_argument("--output", type=Path)
    given = arguments.parse_args()
    crystals = read_cells(given.shared)
    passes = [(time_native(crystals), time_wasm(crystals)) for _ in range(PASSES)]
    if any(native[1] != wasm[1] for native, wasm in passes):
        sys.exit("the strings differ")
    native, wasm = (np.min([one[at][0] for one in passes]) / CELLS for at in (0, 1))
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    text = (
        f"{CELLS:,} Materials Project cells, arrays to strings, the same strings; one thread, CPU time, best of {PASSES} passes\n"
        f"native       {native * 1e6:6.1f} µs a crystal  {1 / native:10,.0f} a second\n"
        f"WebAssembly  {wasm * 1e6:6.1f} µs a crystal  {1 / wasm:10,.0f} a second  (node {node})\n"
    )
    print(text, end="")
    if given.output:
        given.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
