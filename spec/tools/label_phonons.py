"""Phonons of crystals by any calculator of ASE: the labels of the built-in table `phonons`. Resumable.

    pip install ase phonopy==4.10.0 sevenn==0.13.0
    python spec/tools/label_phonons.py sevenn.calculator:SevenNetCalculator structures.jsonl labels.jsonl --options '{"model": "7net-l3i5"}'

structures.jsonl: one JSON object a line with id and structure {lattice (3, 3) in Å, species, frac}; other keys are carried over.
labels.jsonl: the same and

    teacher         --name, by default the calculator
    n, super        atoms of the primitive cell and of the supercell
    displacements   force calculations, as few as symmetry allows
    thz             64 quantiles of the frequencies on a mesh of 10³ points (6³ from 8 atoms), THz; negative: imaginary
    max, min        largest and smallest frequency, THz
    seconds         of CPU

or `error` in their place. Cells are taken as given, not relaxed; there is no LO-TO splitting. Crystals that labels.jsonl has are not
done again, so the same command goes on after an interruption; --part 0/4 takes every fourth crystal, for several processes.
spec/tools/build_data.py --phonons takes labels.jsonl, gzipped.
"""

import argparse
import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
FACE: Final = 7.0  # Å, least distance between opposite faces of the supercell
STEP: Final = 0.02  # Å, displacement
QUANTILES: Final = 64


def load_calculator(name: str, options: Json) -> Any:
    """A calculator of ASE from `module:class` and its keyword arguments."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)(**options)


def repeats(lattice: NDArray[np.float64]) -> list[int]:
    """How often to repeat a cell (3, 3) along each vector to have FACE between opposite faces."""
    volume = abs(np.linalg.det(lattice))
    heights = [
        volume / np.linalg.norm(np.cross(lattice[(i + 1) % 3], lattice[(i + 2) % 3])) for i in range(3)
    ]
    return [max(1, int(np.ceil(FACE / height))) for height in heights]


def quantiles(frequencies: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(QUANTILES,) of frequencies (points, branches) with weights (points,) of the points."""
    order = np.argsort(frequencies.ravel())
    values = frequencies.ravel()[order]
    share = np.cumsum(np.repeat(weights, frequencies.shape[1])[order])
    return np.interp((np.arange(QUANTILES) + 0.5) / QUANTILES, share / share[-1], values)


def label(calculator: Any, structure: Json, most: int) -> Json:
    """Frequencies of one structure. Raises ValueError for a supercell of more than `most` atoms, and what phonopy raises."""
    from ase import Atoms
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    lattice = np.array(structure["lattice"], dtype=np.float64)
    cell = PhonopyAtoms(symbols=structure["species"], cell=lattice, scaled_positions=structure["frac"])
    times = repeats(lattice)
    if (atoms := int(np.prod(times)) * len(cell)) > most:
        raise ValueError(f"the supercell has {atoms} atoms, more than {most}")
    work = Phonopy(cell, np.diag(times), primitive_matrix="auto", log_level=0)
    work.generate_displacements(distance=STEP)
    moved = work.supercells_with_displacements
    forces = []
    for one in moved:
        displaced = Atoms(one.symbols, cell=one.cell, scaled_positions=one.scaled_positions, pbc=True)
        displaced.calc = calculator
        forces.append(displaced.get_forces())
    work.forces = np.array(forces)
    work.produce_force_constants()
    work.symmetrize_force_constants()
    work.run_mesh([10, 10, 10] if len(work.primitive) < 8 else [6, 6, 6], is_mesh_symmetry=True)
    found = work.mesh.frequencies
    thz = quantiles(found, work.mesh.weights.astype(np.float64))
    ends = {"max": round(float(found.max()), 3), "min": round(float(found.min()), 3)}
    counts = {"n": len(work.primitive), "super": len(work.supercell), "displacements": len(moved)}
    return {**counts, "thz": [round(float(value), 3) for value in thz], **ends}


def unlabelled(path: Path, done: set[str], part: int, parts: int) -> Iterator[Json]:
    """The crystals of a part that are not done yet."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            record = json.loads(line)
            if number % parts == part and record["id"] not in done:
                yield record


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("calculator", help="module:class of a calculator of ASE")
    parser.add_argument("structures", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--options", type=json.loads, default={}, help="JSON of the calculator's arguments")
    parser.add_argument("--name", help="teacher in the labels")
    parser.add_argument("--most", type=int, default=100, help="atoms of the largest supercell")
    parser.add_argument("--part", default="0/1", help="which of how many parts")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    lines = given.labels.read_text(encoding="utf-8").splitlines() if given.labels.exists() else []
    done = {json.loads(line)["id"] for line in lines}
    calculator = load_calculator(given.calculator, given.options)
    with given.labels.open("a", encoding="utf-8") as file:
        for record in unlabelled(given.structures, done, part, parts):
            start = time.process_time()
            try:
                found = label(calculator, record["structure"], given.most)
            except (
                Exception
            ) as error:  # one bad cell must not end a night's run; the reason is kept in its row
                found = {"error": repr(error)[:200]}
            found["seconds"] = round(time.process_time() - start, 2)
            file.write(json.dumps({**record, "teacher": given.name or given.calculator, **found}) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
