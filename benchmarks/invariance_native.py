"""The native engine's answer depends on the crystal and symprec alone: 0 strings may change, also near symprec.

    OMP_NUM_THREADS=1 python benchmarks/invariance_native.py [--share 1.0] [--seed 0] > benchmarks/results/invariance_native.txt

Four parts, all over find_symmetry(crystal, engine="native"):

- groups: all 230 space groups x 1,731 Wyckoff positions x 4 random settings; space group and canonical letters must be
  those that the crystal was made with.
- variants: crystals of five shared sets, written in 13 other ways, at three symprecs; the canonical string must stay.
- noise: atoms displaced by about symprec, in primitive cells and in supercells up to 4x4x2; written in six ways, each
  crystal must have one string.
- strain: lattices of nine types, strained by about symprec; six bases, one space group.

--share takes a part of each. Progress goes to standard error.
"""

import argparse
import datetime
import gzip
import json
import os
import platform
import random
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from perturb import (
    Perturbation,
    change_basis,
    hermite_supercell,
    negate_vectors,
    noise,
    permute_atoms,
    relabel_axes,
    repeat,
    rotate_in_space,
    shift_origin,
    skew_far,
    supercell_of,
    wrap_atoms,
)
from synthetic import all_positions, make_crystal, random_basis, random_setting

from cloudkit.errors import StructureError
from cloudkit.io import as_crystal
from cloudkit.scope import Orbit
from cloudkit.scope.canonical import canonical_orbits
from cloudkit.structure import Crystal, find_symmetry

SHARED = Path(os.environ.get("CLOUDKIT_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"
SETS = {
    "mp20_binary_ternary": 1000,
    "mpts52_val": 500,
    "wbm_val": 600,
    "aflow_thermal_elastic": 300,
    "perovskites_train": 300,
}
SYMPRECS = (1e-1, 1e-2, 1e-3)
SMALL_NOISE = 1e-5  # Å
VARIANTS: dict[str, Perturbation] = {
    "atoms permuted": permute_atoms,
    "origin shifted": shift_origin,
    "atoms moved by cells": wrap_atoms,
    "rotated in space": rotate_in_space,
    "axes relabelled": relabel_axes,
    "vectors negated": negate_vectors,
    "very skew cell": skew_far,
    "supercell 1x1x2": repeat((1, 1, 2)),
    "supercell 2x2x1": repeat((2, 2, 1)),
    "supercell 3x3x3": repeat((3, 3, 3)),
    "supercell of any shape": hermite_supercell,
    "noise of 1e-5 Å": noise(SMALL_NOISE),
    "the same in a 1x2x1 cell": lambda crystal, rng: noise(SMALL_NOISE)(repeat((1, 2, 1))(crystal, rng), rng),
}
NOISES = (0.3, 0.6, 1.0, 2.0)  # of symprec, along each axis at most
SUPERCELL_NOISES = (0.2, 0.4, 0.5, 0.6)
STRAINS = (0.3, 1.0, 2.0)  # a fifth of symprec per Å
ROOT = 3**0.5
LATTICES = {
    "face-centred": [[0, 2, 2], [2, 0, 2], [2, 2, 0]],
    "body-centred": [[-2, 2, 2], [2, -2, 2], [2, 2, -2]],
    "cubic": [[3, 0, 0], [0, 3, 0], [0, 0, 3]],
    "hexagonal": [[3, 0, 0], [-1.5, 1.5 * ROOT, 0], [0, 0, 5]],
    "tetragonal, body-centred": [[-2, 2, 3], [2, -2, 3], [2, 2, -3]],
    "tetragonal": [[3, 0, 0], [0, 3, 0], [0, 0, 4.2]],
    "orthorhombic": [[3, 0, 0], [0, 3.4, 0], [0, 0, 4.2]],
    "rhombohedral": [[4, 1, 1], [1, 4, 1], [1, 1, 4]],
    "rhombohedral, flat": [[1, 1.2, 1.2], [1.2, 1, 1.2], [1.2, 1.2, 1]],
}

Answer = tuple[int, tuple[Orbit, ...]] | str  # the error's text


class Sample(NamedTuple):
    id: str
    crystal: Crystal


def answer_for(crystal: Crystal, symprec: float) -> Answer:
    """Space group and canonical orbits, or the error."""
    try:
        found = find_symmetry(crystal, engine="native", symprec=symprec)
    except StructureError as error:
        return f"{error.code} {error}"
    return found.space_group, canonical_orbits(found.space_group, found.orbits)


def short(answer: Answer) -> str:
    if isinstance(answer, str):
        return answer
    words = (f"{orbit.species[0][0]} {orbit.multiplicity}{orbit.letter}" for orbit in answer[1])
    return f"{answer[0]} | {' '.join(words)}"


def read_samples(seed: int, share: float) -> list[Sample]:
    """Crystals drawn from each set."""
    samples = []
    for name, count in SETS.items():
        with gzip.open(SHARED / f"{name}.jsonl.gz", "rt") as file:
            rows = file.readlines()
        for row in random.Random(seed).sample(rows, round(count * share)):
            record = json.loads(row)
            samples.append(Sample(f"{name} {record['id']}", as_crystal(record["structure"])))
    return samples


def report(title: str, cells: int, changed: list[str], start: float) -> None:
    print(f"{title}: {len(changed)} of {cells} differ", flush=True)
    for line in changed:
        print(f"    {line}")
    print(f"{title}: {cells} cells, {time.monotonic() - start:.0f} s", file=sys.stderr)


# ---- The four parts -------------------------------------------------------------------------------------------------


def check_groups(seed: int, settings: int = 4, every: int = 1) -> tuple[int, list[str]]:
    """Number of crystals and those whose group or letters are wrong; every: take each n-th position."""
    positions, wrong = list(all_positions())[::every], []
    for number, letter in positions:
        for setting in range(settings):
            rng = np.random.default_rng([seed, number, ord(letter), setting])
            crystal, orbits = make_crystal(number, letter, rng)
            expected = (number, canonical_orbits(number, orbits))
            answer = answer_for(random_setting(crystal, rng), 1e-3)
            if answer != expected:
                wrong.append(f"{number}{letter}, setting {setting}: {short(answer)}, not {short(expected)}")
    return len(positions) * settings, wrong


def check_variants(samples: list[Sample], symprec: float, seed: int) -> tuple[int, list[str]]:
    """Number of perturbed cells and those whose string is not that of the crystal as given."""
    changed = []
    for index, (id, crystal) in enumerate(samples):
        before = answer_for(crystal, symprec)
        for place, (name, perturb) in enumerate(VARIANTS.items()):
            rng = np.random.default_rng([seed, index, place])
            after = answer_for(perturb(crystal, rng), symprec)
            if after != before:
                changed.append(f"{id}, {name}: {short(before)} became {short(after)}")
    return len(samples) * len(VARIANTS), changed


def other_settings(crystal: Crystal, rng: np.random.Generator, count: int = 5) -> Iterator[Crystal]:
    """A crystal as given and in other settings of the same cell or lattice."""
    yield crystal
    for _ in range(count):
        moved = change_basis(shift_origin(crystal, rng), random_basis(rng, steps=4))
        yield permute_atoms(moved, rng)


def distinct_answers(crystal: Crystal, symprec: float, rng: np.random.Generator) -> set[Answer]:
    return {answer_for(way, symprec) for way in other_settings(crystal, rng)}


def displace(crystal: Crystal, length: float, rng: np.random.Generator) -> Crystal:
    """Every atom moves by at most `length` Å along each axis."""
    moves = rng.uniform(-length, length, crystal.positions.shape)
    return Crystal(
        crystal.lattice,
        crystal.positions + moves @ np.linalg.inv(crystal.lattice),
        crystal.labels,
        crystal.species,
    )


def check_noise(
    samples: list[Sample],
    symprec: float,
    seed: int,
    noises: tuple[float, ...],
    times: tuple[int, int, int] = (1, 1, 1),
) -> tuple[int, list[str]]:
    """Number of noisy crystals and those that have several strings."""
    several = []
    for index, (id, crystal) in enumerate(samples):
        for place, size in enumerate(noises):
            rng = np.random.default_rng([seed, index, place, *times])
            noisy = displace(supercell_of(crystal, np.diag(times)), size * symprec, rng)
            answers = distinct_answers(noisy, symprec, rng)
            if len(answers) > 1:
                several.append(
                    f"{id} {times}, noise {size:g} symprec: {'; '.join(sorted(map(short, answers)))}"
                )
    return len(samples) * len(noises), several


def strained_crystal(
    vectors: list[list[float]], strain: float, symprec: float, rng: np.random.Generator
) -> Crystal:
    """One atom on a lattice whose vectors change by about strain * symprec / 5 per Å."""
    lattice: NDArray[np.float64] = (
        1.3 * np.array(vectors) @ (np.eye(3) + rng.normal(size=(3, 3)) * strain * symprec / 5)
    )
    return Crystal(lattice, np.zeros((1, 3)), np.zeros(1, np.int32), ((("Na", 1.0),),))


def check_strain(count: int, symprec: float, seed: int) -> tuple[int, list[str]]:
    """Number of strained lattices and those that have several space groups."""
    several = []
    for name, vectors in LATTICES.items():
        for index in range(count):
            for place, strain in enumerate(STRAINS):
                rng = np.random.default_rng([seed, index, place])
                answers = distinct_answers(strained_crystal(vectors, strain, symprec, rng), symprec, rng)
                if len(answers) > 1:
                    several.append(f"{name}, strain {strain:g}: {'; '.join(sorted(map(short, answers)))}")
    return len(LATTICES) * count * len(STRAINS), several


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    names = ("cloudkit-scope", "moyopy", "numpy")
    print(f"{datetime.date.today()}, " + ", ".join(f"{name} {version(name)}" for name in names), end="")
    print(f", Python {platform.python_version()}, {platform.machine()}; seed {options.seed}")
    start = time.monotonic()
    settings = max(1, round(4 * options.share))
    report("space groups and letters, 1,731 positions", *check_groups(options.seed, settings), start)
    samples = read_samples(options.seed, options.share)
    for symprec in SYMPRECS:
        found = check_variants(samples, symprec, options.seed)
        report(f"strings of perturbed cells, symprec {symprec:g} Å, {len(samples)} crystals", *found, start)
    small = [sample for sample in samples if len(sample.crystal) <= 12][: round(600 * options.share)]
    found = check_noise(small, 1e-2, options.seed, NOISES)
    report("crystals with noise near symprec", *found, start)
    tiny = [sample for sample in samples if len(sample.crystal) <= 8][: round(60 * options.share)]
    for times in ((3, 3, 3), (4, 4, 2)):
        found = check_noise(tiny, 1e-2, options.seed, SUPERCELL_NOISES, times)
        report(f"noisy supercells {times}", *found, start)
    report("strained lattices", *check_strain(round(150 * options.share), 1e-2, options.seed), start)


if __name__ == "__main__":
    main()
