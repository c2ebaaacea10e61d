"""What each step from a file or a pymatgen Structure to token ids costs, as it runs in a batch, and its floor.

    OMP_NUM_THREADS=1 PYTHONPATH=benchmarks python benchmarks/studies/steps.py [STRUCTURES] [--output benchmarks/results/steps.txt]

Steps run over chunks of 32 fresh structures, one step after another, as `encode_batch` does; CPU time a structure, the
least of several passes. The floor of a step is what it cannot do without, alone in a loop: the engine's own call, the
compiled function, gemmi's parser, the reading of an object's attributes. Instructions come from valgrind's callgrind,
if it is installed: the script runs itself under it, each step alone, counted in and around the step only.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from conftest import moved, read_structures

from cloudkit import Tokenizer, _native
from cloudkit.encoding.text import scope_text
from cloudkit.io import as_crystal
from cloudkit.io.chunks import Chunk
from cloudkit.io.read import read_chunks
from cloudkit.structure import engine_spglib, guards
from cloudkit.structure.symmetry import Search, _conclude, _guard, load_engine

CHUNK: Final = 32
PASSES: Final = 5
Step = Callable[[list[Any]], list[Any]]


class Chain:
    """The steps, each from the list of the one before to its own, and the floor of each."""

    def __init__(self) -> None:
        import gemmi
        import moyopy

        moyo, spglib = Search("moyo"), Search("spglib")
        self.tokenizer = Tokenizer("compact")
        compact = _native.encode_batch
        self.steps: dict[str, Step] = {
            "read: CIF file": lambda paths: self._read(paths),
            "read: pymatgen object": lambda objects: [as_crystal(item) for item in objects],
            "guard": lambda crystals: [_guard(crystal, moyo) for crystal in crystals],
            "symmetry: moyo": lambda cells: self._search(cells, moyo),
            "symmetry: spglib": lambda cells: self._search(cells, spglib),
            "orbits": lambda found: [_conclude(*cell, one, "moyo", 0.01) for cell, one in found],
            "canonical form, text": lambda known: [
                scope_text(None, one, "orbit", "canonical") for one in known
            ],
            "ids": lambda texts: list(self.tokenizer.encode_batch(texts)),
        }
        library = engine_spglib.find_library()
        assert library is not None
        self.floors: dict[str, Step] = {
            "read: CIF file": lambda paths: [gemmi.cif.read_file(str(path)) for path in paths],
            "read: pymatgen object": lambda objects: [
                [(site.frac_coords, site.species) for site in item.sites] for item in objects
            ],
            "guard": lambda crystals: [guards.is_obviously_sound(crystal) for crystal in crystals],
            "symmetry: moyo": lambda cells: [
                moyopy.MoyoDataset(cell, symprec=0.01) and None for cell in cells
            ],
            "symmetry: spglib": lambda cells: [
                library.search(*cell, np.array([0, len(cell[2])]), 0.01, -1.0) and None for cell in cells
            ],
            "canonical form, text": lambda known: [
                _native.canonical(group, letters, contents) for group, letters, contents in known
            ],
            "ids": lambda texts: [compact(texts, "compact")],
        }

    def _read(self, paths: list[Path]) -> list[Any]:
        chunks = (Chunk(path.name, str(path), "cif") for path in paths)
        return [record.crystal for records in read_chunks(chunks) for record in records]

    def _search(self, cells: list[Any], search: Search) -> list[Any]:
        engine, _ = load_engine(search.engine)
        return list(zip(cells, engine([cell for _, cell in cells], search.symprec, None), strict=True))


def floor_inputs(chain: Chain, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """What the floors are given: the inputs of the steps, prepared."""
    import moyopy

    from cloudkit.scope.canonical import content_numbers

    cells = [cell for _, cell in inputs["symmetry: moyo"]]
    known = inputs["canonical form, text"]
    return inputs | {
        "symmetry: moyo": [moyopy.Cell(c.lattice.tolist(), c.positions.tolist(), c.types) for c in cells],
        "symmetry: spglib": [(c.lattice[None], c.positions, np.array(c.types, np.int32)) for c in cells],
        "canonical form, text": [
            (
                s.space_group,
                "".join(o.letter for o in s.orbits),
                content_numbers([o.species for o in s.orbits]),
            )
            for s in known
        ],
    }


def make_inputs(chain: Chain, structures: list[Any], folder: Path) -> dict[str, list[Any]]:
    """The input of each step for some structures."""
    from pymatgen.io.cif import CifWriter

    paths = [folder / f"{number}.cif" for number in range(len(structures))]
    for path, structure in zip(paths, structures, strict=True):
        CifWriter(structure).write_file(path)
    inputs: dict[str, list[Any]] = {"read: CIF file": paths, "read: pymatgen object": structures}
    inputs["guard"] = chain.steps["read: pymatgen object"](structures)
    inputs["symmetry: moyo"] = inputs["symmetry: spglib"] = chain.steps["guard"](inputs["guard"])
    inputs["orbits"] = chain.steps["symmetry: moyo"](inputs["symmetry: moyo"])
    inputs["canonical form, text"] = chain.steps["orbits"](inputs["orbits"])
    inputs["ids"] = chain.steps["canonical form, text"](inputs["canonical form, text"])
    return inputs


def time_chain(
    chain: Chain, structures: list[Any], folder: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """Least CPU seconds a structure of each step, in turn over chunks, and of each floor, over all at once."""
    draw, steps, floors = np.random.default_rng(0), dict[str, float](), dict[str, float]()
    for _ in range(PASSES):
        inputs = make_inputs(chain, moved(structures, draw), folder)
        spent = dict.fromkeys(chain.steps, 0.0)
        for at in range(0, len(structures), CHUNK):
            for name, step in chain.steps.items():
                given = inputs[name][at : at + CHUNK]
                start = time.process_time()
                step(given)
                spent[name] += time.process_time() - start
        steps = {name: min(steps.get(name, 1e9), spent[name] / len(structures)) for name in spent}
        given = floor_inputs(chain, inputs)
        for name, floor in chain.floors.items():
            start = time.process_time()
            floor(given[name])
            floors[name] = min(floors.get(name, 1e9), (time.process_time() - start) / len(structures))
    return steps, floors


def count(name: str, structures: int) -> int:
    """Instructions of one step (of none, for ""), from callgrind; 0 where valgrind is missing."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
        command += [sys.executable, __file__, str(structures), "--only", name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return 0
        found = re.findall(r"^(?:summary|totals): (\d+)", Path(folder, "out").read_text(), re.MULTILINE)
        assert done.returncode == 0 and found, done.stderr
        return max(map(int, found))


def run_only(chain: Chain, name: str, structures: list[Any], folder: Path) -> None:
    """One step once, with callgrind switched on around it."""
    inputs, steps = make_inputs(chain, structures, folder), {"": list[Any]} | chain.steps
    given, step = inputs.get(name, []), steps[name]
    step(given)
    switch = ["callgrind_control", str(os.getpid()), "-i"]
    subprocess.run([*switch, "on"], check=True, stdout=subprocess.DEVNULL)
    step(given)
    subprocess.run([*switch, "off"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("structures", nargs="?", type=int, default=320)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    chain, structures = Chain(), read_structures(options.structures)
    with tempfile.TemporaryDirectory() as name:
        if options.only is not None:
            run_only(chain, options.only, structures, Path(name))
            return
        steps, floors = time_chain(chain, structures, Path(name))
    lines = [f"{'step':24}{'µs':>8}{'floor, µs':>11}{'ratio':>7}{'instructions':>14}"]
    nothing = count("", CHUNK)
    for step, seconds in steps.items():
        floor = floors.get(step)
        ratio = f"{floor * 1e6:11.1f}{seconds / floor:7.2f}" if floor else f"{'-':>11}{'-':>7}"
        counted = max(count(step, CHUNK) - nothing, 0) // CHUNK
        lines.append(f"{step:24}{seconds * 1e6:8.1f}{ratio}{f'{counted:,}' if counted else '-':>14}")
    lines.append(
        f"{options.structures} Materials Project cells, mean {np.mean(list(map(len, structures))):.1f} sites; CPU time, "
        f"least of {PASSES} passes; instructions of the first {CHUNK}; load {os.getloadavg()[0]:.1f}"
    )
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
