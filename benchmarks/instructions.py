"""What each step of the C core costs in instructions, which do not depend on what else the machine does: by callgrind.

    python benchmarks/instructions.py              the table; --write keeps it in results/instructions.json
    python benchmarks/instructions.py --check      exits with 1 where a step has grown by more than 5 %

Input: the built-in minerals as orbit and as reduced strings; for symmetry, crystals of eight common structure types in
primitive and conventional cells, and low-symmetry ones, moved and shuffled, 9 atoms on average. Counts hold for one compiler: --check compares only where
compiler and architecture are those of the kept table, and says so elsewhere. Nanoseconds are CPU time, the best of 20
rounds, and depend on the machine.
"""

import argparse
import csv
import gzip
import json
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "benchmarks/results/instructions.json"
STEPS = {
    "copy": "floor: the text copied once",
    "ck_canonical": "canonical letters and order of the orbits",
    "ck_format": "text of compact ids",
    "ck_decode_cloud": "text of published ids",
    "ck_encode_cloud": "published ids of text",
    "ck_encode_compact": "compact ids of text, which are its tree",
    "ck_check": "text checked: grammar, tables, semantics",
    "ck_find_symmetry": "space group, orbits, letters of a crystal",
    "ck_encode_structure": "string of a crystal, from arrays",
}
OF_CRYSTALS = ("ck_find_symmetry", "ck_encode_structure")
Matrix = list[list[float]]
Site = tuple[int, list[float]]
ALLOWED = 1.05


def strings() -> list[str]:
    """Orbit and reduced strings of the built-in minerals."""
    from cloudkit.scope import project

    with gzip.open(ROOT / "cloudkit/data/builtin/minerals.csv.gz", "rt", newline="") as file:
        orbits = [row["scope"] for row in csv.DictReader(file)]
    return [text for orbit in orbits for text in (orbit, project(orbit, "reduced"))]


FACES: Matrix = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
CUBE: Matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
FACE_CENTRED: Matrix = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
HEXAGON: Matrix = [[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1.6]]
TALL: Matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 0.64]]


def on_faces(number: int, *at: float) -> list[Site]:
    """A site and its three images of a face-centred cell."""
    return [(number, [x + y for x, y in zip(at, face, strict=True)]) for face in FACES]


def structure_types() -> list[tuple[Matrix, list[Site]]]:
    """Lattice vectors in units of a, and sites."""
    rutile = [(8, [u, v, w]) for u, v, w in ((0.3, 0.3, 0), (0.7, 0.7, 0), (0.8, 0.2, 0.5), (0.2, 0.8, 0.5))]
    wurtzite = [
        (n, [x, 1 - x, z]) for n, u in ((30, 0.0), (16, 0.38)) for x, z in ((1 / 3, u), (2 / 3, u + 0.5))
    ]
    perovskite = [
        (22, [0.5, 0.5, 0.5]),
        *((8, [x + 0.0 for x in face]) for face in FACES[1:]),
        (38, [0, 0, 0]),
    ]
    return [
        (FACE_CENTRED, [(11, [0, 0, 0]), (17, [0.5, 0.5, 0.5])]),
        (CUBE, on_faces(11, 0, 0, 0) + on_faces(17, 0.5, 0.5, 0.5)),
        (CUBE, on_faces(14, 0, 0, 0) + on_faces(14, 0.25, 0.25, 0.25)),
        (CUBE, on_faces(20, 0, 0, 0) + on_faces(9, 0.25, 0.25, 0.25) + on_faces(9, 0.75, 0.75, 0.75)),
        (CUBE, [(55, [0, 0, 0]), (17, [0.5, 0.5, 0.5])]),
        (CUBE, perovskite),
        (TALL, [(22, [0, 0, 0]), (22, [0.5, 0.5, 0.5]), *rutile]),
        (HEXAGON, wurtzite),
    ]


def crystals() -> list[str]:
    """The number of sites, a lattice, and a number and fractions for each site, one crystal a line."""
    draw, lines = random.Random(16), []
    for index in range(400):
        lattice, sites = structure_types()[index % 10] if index % 10 < 8 else (CUBE, [])
        a, shift = draw.uniform(5.6, 6.4), [draw.random() for _ in range(3)]
        stretch = [1.0, 1.0, 1.0]
        if not sites:
            stretch = [1, draw.uniform(1.1, 1.3), draw.uniform(1.4, 1.6)]
            pairs = [(draw.choice((8, 14, 26)), [draw.random() for _ in range(3)]) for _ in range(6)]
            sites = [(number, [sign * x for x in at]) for number, at in pairs for sign in (1, -1)]
        moved = [(number, [(x + t) % 1 for x, t in zip(at, shift, strict=True)]) for number, at in sites]
        draw.shuffle(moved)
        rows = [a * x * s for row in lattice for x, s in zip(row, stretch, strict=True)]
        numbers = [repr(x) for x in rows] + [" ".join([str(n), *map(repr, at)]) for n, at in moved]
        lines.append(f"{len(moved)} {' '.join(numbers)}")
    return lines


def compiler() -> str:
    version = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout
    return f"{version.splitlines()[0]}, {platform.machine()}"


def measure() -> dict[str, Any]:
    """Instructions and nanoseconds a string of every step."""
    with tempfile.TemporaryDirectory() as folder:
        texts, program = Path(folder) / "texts", Path(folder) / "steps"
        arrays = Path(folder) / "crystals"
        texts.write_text("".join(f"{text}\n" for text in strings()))
        arrays.write_text("".join(f"{line}\n" for line in crystals()))
        make = ["make", "-s", "-C", str(ROOT / "csrc"), f"BUILD={folder}/build", "CC=gcc", "CFLAGS=-O3"]
        subprocess.run(make, check=True)
        source, include = ROOT / "benchmarks/native/steps.c", ROOT / "csrc/include"
        library = Path(folder) / "build/libcloudkit_scope.a"
        subprocess.run(["gcc", "-std=c11", "-O2", f"-I{include}", str(source), str(library), "-lm", "-o", str(program)], check=True)  # fmt: skip
        report = Path(folder) / "callgrind"
        steps = {
            name: step(program, arrays if name in OF_CRYSTALS else texts, name, report) for name in STEPS
        }
        count = len(texts.read_text().splitlines())
    return {"compiler": compiler(), "strings": count, "steps": steps}


def step(program: Path, texts: Path, name: str, report: Path) -> dict[str, float]:
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={report}", "--toggle-collect=all_rows"]
    subprocess.run([*command, str(program), name, str(texts)], check=True, capture_output=True)
    summary = re.search(r"^(?:summary|totals): (\d+)", report.read_text(), re.M)
    timed = subprocess.run([str(program), name, str(texts), "20"], check=True, capture_output=True, text=True)
    rows, nanoseconds = timed.stdout.split()
    instructions = int(summary[1]) / int(rows) if summary else 0.0
    return {"instructions": round(instructions, 1), "nanoseconds": float(nanoseconds)}


def table(found: dict[str, Any]) -> str:
    floor = found["steps"]["copy"]["nanoseconds"]
    lines = [
        f"{found['strings']} strings; {found['compiler']}",
        f"{'step':<42} {'instructions':>12} {'ns':>7} {'x floor':>8}",
    ]
    for name, step in found["steps"].items():
        lines.append(
            f"{STEPS[name]:<42} {step['instructions']:>12,.0f} {step['nanoseconds']:>7.0f} {step['nanoseconds'] / floor:>8.1f}"
        )
    return "\n".join(lines)


def regressions(found: dict[str, Any], kept: dict[str, Any]) -> list[str]:
    """The steps that take more instructions than they may."""
    if found["compiler"] != kept["compiler"]:
        print(f"not compared: the kept counts are of {kept['compiler']}")
        return []
    return [
        f"{name}: {found['steps'][name]['instructions']:,.0f} instructions, {step['instructions']:,.0f} before"
        for name, step in kept["steps"].items()
        if name != "copy" and found["steps"][name]["instructions"] > ALLOWED * step["instructions"]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    missing = [tool for tool in ("valgrind", "gcc", "make") if shutil.which(tool) is None]
    if missing:
        print(f"instructions are not counted: {' and '.join(missing)} not installed")
        return 0
    found = measure()
    print(table(found))
    if arguments.write:
        KEPT.write_text(json.dumps(found, indent=1) + "\n")
    worse = regressions(found, json.loads(KEPT.read_text())) if arguments.check else []
    print("\n".join(worse), end="\n" if worse else "", file=sys.stderr)
    return bool(worse)


if __name__ == "__main__":
    raise SystemExit(main())
