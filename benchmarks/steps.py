"""What each step from a pymatgen Structure to token ids costs, as it runs in a batch, and how far it is from its floor.

    OMP_NUM_THREADS=1 python benchmarks/steps.py [STRUCTURES] [--engine moyo]

Steps run over chunks of 32 fresh structures, one step after another, as `encode_batch` does. Time is CPU time and
instructions are those of this process in user mode (perf_event_open; "-" where the system does not allow it); best of
several passes. The floor of a step is what it cannot do without, alone in a loop: the engine's own call, the compiled
function, the reading of the attributes.
"""

import argparse
import ctypes
import os
import platform
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from conftest import read_structures

from cloudkit import Tokenizer, _native
from cloudkit.scope.canonical import canonical_orbits
from cloudkit.scope.encoder import to_text
from cloudkit.scope.tree import Orbit
from cloudkit.structure import as_crystal, find_symmetry, guards
from cloudkit.structure.symmetry import Cell, Search, _conclude, _guard, load_engine

CHUNK = 32
PASSES = 5


class Instructions:
    """Retired user-mode instructions of this process, from perf_event_open(2)."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        exclude_kernel_and_hypervisor = 1 << 5 | 1 << 6
        attributes = struct.pack("<IIQQQQQ", 0, 112, 1, 0, 0, 0, exclude_kernel_and_hypervisor).ljust(112, b"\0")
        number = {"x86_64": 298, "aarch64": 241}.get(platform.machine(), -1)
        self.file = libc.syscall(number, attributes, 0, -1, -1, 0)

    def read(self) -> int:
        return struct.unpack("<Q", os.read(self.file, 8))[0] if self.file >= 0 else 0


def moved(structures: list[Any], draw: np.random.Generator) -> list[Any]:
    return [type(s)(s.lattice, s.species, s.frac_coords + 1e-7 * draw.random(3)) for s in structures]


class Bench:
    """Best cost per structure of each named step over the passes."""

    def __init__(self) -> None:
        self.counter = Instructions()
        self.best: dict[str, tuple[float, float]] = {}
        self.now: dict[str, tuple[float, float]] = {}

    def step(self, name: str, work: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        count, start = self.counter.read(), time.process_time()
        results = [work(item) for item in items]
        spent, counted = time.process_time() - start, self.counter.read() - count
        old = self.now.get(name, (0.0, 0.0))
        self.now[name] = (old[0] + spent, old[1] + counted)
        return results

    def end(self, n: int) -> None:
        for name, (spent, counted) in self.now.items():
            best = self.best.get(name, (float("inf"), float("inf")))
            self.best[name] = (min(best[0], spent / n * 1e6), min(best[1], counted / n))
        self.now = {}


def run_pass(bench: Bench, structures: list[Any], search: Search, tokenizer: Tokenizer) -> None:
    engine, name = load_engine(search.engine)
    for at in range(0, len(structures), CHUNK):
        chunk = structures[at : at + CHUNK]
        crystals = bench.step("read", as_crystal, chunk)
        cells = bench.step("guard", lambda crystal: _guard(crystal, search), crystals)
        found = bench.step("symmetry", lambda pair: engine([pair[1]], search.symprec, None)[0], cells)
        symmetries = bench.step(
            "orbits", lambda row: _conclude(*row[0], row[1], name, search.symprec), list(zip(cells, found))
        )
        texts = bench.step(
            "canonical form and text", lambda row: to_text(*row, "orbit", "canonical"), list(zip(crystals, symmetries))
        )
        bench.step("ids", tokenizer.encode, texts)
    bench.end(len(structures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("structures", nargs="?", type=int, default=400)
    parser.add_argument("--engine", default="moyo")
    options = parser.parse_args()
    structures = read_structures(options.structures)
    search, tokenizer, draw = Search(options.engine), Tokenizer("compact"), np.random.default_rng(0)
    bench = Bench()
    for _ in range(PASSES):
        run_pass(bench, moved(structures, draw), search, tokenizer)
    for name,(t,i) in bench.best.items(): print(f"{name:30s} {t:8.1f} {i:12.0f}")
    print(sum(t for t,_ in bench.best.values()))
main()
import cloudkit
structures=structures=read_structures(200)
draw=np.random.default_rng(0)
bench=Bench()
for _ in range(5):
    run_pass(bench, moved(structures, draw), Search("moyo"), Tokenizer("compact"))
print({k:round(v[0],1) for k,v in bench.best.items()}, sum(t for t,_ in bench.best.values()))
import moyopy
for _ in range(3):
    m=moved(structures,draw); t=time.process_time(); cloudkit.encode_batch(m); print("batch",(time.process_time()-t)/200*1e6)
    cs=[moyopy.Cell(s.lattice.matrix.tolist(),s.frac_coords.tolist(),list(s.atomic_numbers)) for s in moved(structures,draw)]
    t=time.process_time(); x=[moyopy.MoyoDataset(c,symprec=1e-2) for c in cs]; print("moyo",(time.process_time()-t)/200*1e6)
    t=time.process_time(); 
    for c in cs: moyopy.MoyoDataset(c,symprec=1e-2)
    print("moyo",(time.process_time()-t)/200*1e6)
import gc; gc.collect(); gc.freeze()
m=moved(structures,draw); t=time.process_time(); cloudkit.encode_batch(m); print("batch frozen",(time.process_time()-t)/200*1e6)
gc.disable()
m=moved(structures,draw); t=time.process_time(); cloudkit.encode_batch(m); print("batch nogc",(time.process_time()-t)/200*1e6)
