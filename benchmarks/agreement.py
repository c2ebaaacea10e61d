"""The native engine against moyo on every shared structure: space group, orbits and canonical string.

    OMP_NUM_THREADS=1 nice python benchmarks/agreement.py [--cells 5000] [--seed 0] [--state agreement.state.jsonl]

All structures of the shared sets and files at symprec 1e-2, and --cells of them, drawn at random, at 1e-1, 1e-3 and
1e-5. Counts go to results/agreement.txt, each difference to results/agreement.csv: what both engines and spglib find,
how often they find it in 40 other descriptions of the crystal (order of atoms, origin, basis), the symprec from which on
each finds native's group, and the reason. The state has a line for each finished set; an interrupted run continues after
the last one.
"""

import argparse
import csv
import datetime
import gzip
import json
import os
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from perturb import change_basis, permute_atoms, shift_origin
from synthetic import random_basis

from cloudkit.errors import StructureError
from cloudkit.io import as_crystal, read_structures
from cloudkit.scope import Orbit
from cloudkit.scope.canonical import canonical_orbits
from cloudkit.structure import Crystal, Symmetry, find_symmetry

SHARED = Path(os.environ.get("CLOUDKIT_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"
RESULTS = Path(__file__).resolve().parent / "results"
SETS = (
    "mp20_binary_ternary", "mpts52_val", "wbm_val", "perovskites_train", "aflow_thermal_elastic", "elastic",
    "elastic_binary", "elastic_matbench", "formation_energy_flla", "matbench_phonons", "phonon_heat_capacity",
    "potential_phonons", "potential_todo",
)  # fmt: skip
FILES = "structures"
SYMPREC = 1e-2
OTHER_SYMPRECS = (1e-1, 1e-3, 1e-5)
DESCRIPTIONS = 40
ENGINES = ("native", "moyo", "spglib")
COLUMNS = (
    "set", "row", "id", "atoms", "symprec", "differs", "native", "moyo", "spglib", "native_descriptions",
    "moyo_descriptions", "spglib_descriptions", "native_from", "moyo_from", "spglib_from", "reason",
)  # fmt: skip


class Sample(NamedTuple):
    set: str
    row: int
    id: str
    crystal: Crystal


def read_set(name: str) -> Iterator[Sample]:
    if name == FILES:
        for row, record in enumerate(read_structures([SHARED / FILES])):
            if record.crystal is not None:
                yield Sample(name, row, record.id, record.crystal)
        return
    with gzip.open(SHARED / f"{name}.jsonl.gz", "rt") as file:
        for row, line in enumerate(file):
            record = json.loads(line)
            yield Sample(name, row, str(record["id"]), as_crystal(record["structure"]))


def symmetry_or_code(crystal: Crystal, engine: str, symprec: float) -> Symmetry | str:
    """The symmetry, or the error's code."""
    try:
        return find_symmetry(crystal, engine=engine, symprec=symprec)
    except StructureError as error:
        return error.code


def group_of(found: Symmetry | str) -> str:
    return found if isinstance(found, str) else str(found.space_group)


def canonical(found: Symmetry) -> tuple[Orbit, ...]:
    return canonical_orbits(found.space_group, found.orbits)


def difference(native: Symmetry | str, moyo: Symmetry | str) -> str:
    """What differs: nothing, or the space group, the orbits or the string."""
    if isinstance(native, str) or isinstance(moyo, str):
        return "" if native == moyo else "group"
    if native.space_group != moyo.space_group:
        return "group"
    if native.site_orbits != moyo.site_orbits:
        return "orbits"
    return "" if canonical(native) == canonical(moyo) else "string"


def descriptions(crystal: Crystal, seed: int) -> Iterator[Crystal]:
    """The crystal as given, and in other bases, with other origins and orders of atoms."""
    yield crystal
    for index in range(DESCRIPTIONS):
        rng = np.random.default_rng([seed, index])
        moved = change_basis(shift_origin(crystal, rng), random_basis(rng, steps=3))
        yield permute_atoms(moved, rng)


def onset(crystal: Crystal, engine: str, group: str, symprec: float) -> float | None:
    """The smallest symprec, between a tenth and ten times the one asked for, at which an engine finds the group."""
    grid = symprec * np.geomspace(0.1, 10, 401)
    return next(
        (float(s) for s in grid if group_of(symmetry_or_code(crystal, engine, float(s))) == group), None
    )


def explain(counts: dict[str, Counter[str]], onsets: dict[str, float | None], symprec: float) -> str:
    """The reason of a difference in the space group."""
    native, moyo = counts["native"], counts["moyo"]
    if len(native) > 1:
        return "DEFECT: native depends on the description"
    if len(moyo) > 1:
        return "moyo depends on the description of the crystal"
    if onsets["moyo"] is None:
        return "moyo finds native's group at no symprec between a tenth and ten times this one"
    if onsets["moyo"] <= symprec:
        return "moyo finds native's group at a smaller symprec and loses it before this one"
    agrees = onsets["spglib"] is not None and onsets["spglib"] <= symprec
    return f"threshold: moyo needs a larger symprec, spglib {'does not' if agrees else 'too'}"


def investigate(
    sample: Sample, symprec: float, differs: str, found: dict[str, Symmetry | str]
) -> dict[str, object]:
    """A line of agreement.csv."""
    counts = {engine: Counter[str]() for engine in ENGINES}
    for crystal in descriptions(sample.crystal, sample.row):
        for engine, count in counts.items():
            count[group_of(symmetry_or_code(crystal, engine, symprec))] += 1
    groups = {engine: group_of(answer) for engine, answer in found.items()}
    groups["spglib"] = group_of(symmetry_or_code(sample.crystal, "spglib", symprec))
    onsets = {engine: onset(sample.crystal, engine, groups["native"], symprec) for engine in ENGINES}
    spelled = {
        f"{engine}_descriptions": "; ".join(f"{group}: {n}" for group, n in count.most_common())
        for engine, count in counts.items()
    }
    spelled |= {f"{engine}_from": f"{value:.2g}" if value else "" for engine, value in onsets.items()}
    where = {"set": sample.set, "row": sample.row, "id": sample.id, "atoms": len(sample.crystal)}
    reason = explain(counts, onsets, symprec)
    return {**where, "symprec": f"{symprec:g}", "differs": differs, **groups, **spelled, "reason": reason}


def compare(samples: Iterator[Sample], symprec: float) -> dict[str, object]:
    """Counts of a set, and its differences."""
    total, groups, answers, differences = 0, 0, 0, []
    for sample in samples:
        found = {engine: symmetry_or_code(sample.crystal, engine, symprec) for engine in ("native", "moyo")}
        differs = difference(found["native"], found["moyo"])
        total += 1
        groups += differs != "group"
        answers += not isinstance(found["native"], str)
        if differs:
            differences.append(investigate(sample, symprec, differs, found))
            print(differences[-1], file=sys.stderr)
    return {"cells": total, "solved": answers, "same_group": groups, "differences": differences}


def draw(count: int, seed: int) -> list[tuple[str, int]]:
    """Rows of the sets, drawn at random."""
    places = []
    for name in SETS:
        with gzip.open(SHARED / f"{name}.jsonl.gz", "rt") as file:
            places += [(name, row) for row, _ in enumerate(file)]
    return random.Random(seed).sample(places, count)


def drawn(places: list[tuple[str, int]]) -> Iterator[Sample]:
    chosen = set(places)
    for name in SETS:
        if any(place[0] == name for place in places):
            yield from (sample for sample in read_set(name) if (name, sample.row) in chosen)


def write_results(jobs: list[tuple[str, float]], state: dict[tuple[str, float], dict]) -> None:
    names = ("cloudkit-scope", "moyopy", "spglib", "numpy")
    lines = [
        f"{datetime.date.today()}, " + ", ".join(f"{name} {version(name)}" for name in names)
        + f", Python {platform.python_version()}, {platform.machine()}",
        "native against moyo; orbits and strings are compared where the group is the same; agreement.csv lists the differences",
        "",
        f"{'set':24} {'symprec':>7} {'cells':>6} {'solved':>6} {'other group':>11} {'other orbits':>12} {'other string':>12}",
    ]  # fmt: skip
    rows = []
    totals: dict[float, Counter[str]] = {}
    for name, symprec in jobs:
        found = state[name, symprec]
        kinds = Counter(difference["differs"] for difference in found["differences"])
        total = totals.setdefault(symprec, Counter())
        total.update(kinds)
        total.update(cells=found["cells"], solved=found["solved"])
        lines.append(line(name, symprec, Counter(kinds, cells=found["cells"], solved=found["solved"])))
        rows += found["differences"]
    lines.append("")
    for symprec, total in totals.items():
        same = 1 - total["group"] / total["cells"]
        lines.append(line("all", symprec, total) + f"   same group {same:.4%}")
    lines.append("")
    lines += [f"{n:5}  {reason}" for reason, n in Counter(row["reason"] for row in rows).most_common()]
    (RESULTS / "agreement.txt").write_text("\n".join(lines) + "\n")
    with (RESULTS / "agreement.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def line(name: str, symprec: float, count: Counter[str]) -> str:
    numbers = f"{count['cells']:6} {count['solved']:6} {count['group']:11} {count['orbits']:12} {count['string']:12}"
    return f"{name:24} {symprec:7g} {numbers}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=5000, help="cells at the other symprecs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, default=Path("agreement.state.jsonl"))
    options = parser.parse_args()
    jobs = [(name, SYMPREC) for name in (*SETS, FILES)]
    jobs += [(f"{options.cells} drawn", symprec) for symprec in OTHER_SYMPRECS]
    state: dict[tuple[str, float], dict] = {}
    if options.state.exists():
        for text in options.state.read_text().splitlines():
            name, symprec, found = json.loads(text)
            state[name, symprec] = found
    places = draw(options.cells, options.seed)
    with options.state.open("a") as file:
        for name, symprec in jobs:
            if (name, symprec) in state:
                continue
            start = time.monotonic()
            samples = drawn(places) if symprec != SYMPREC else read_set(name)
            state[name, symprec] = compare(samples, symprec)
            file.write(json.dumps([name, symprec, state[name, symprec]]) + "\n")
            file.flush()
            print(f"{name} {symprec:g}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    write_results(jobs, state)


if __name__ == "__main__":
    main()
