"""What each step of the C core costs in instructions, which do not depend on what else the machine does: by callgrind.

    python benchmarks/instructions.py              the table; --write keeps it in results/instructions.json
    python benchmarks/instructions.py --check      exits with 1 where a step has grown by more than 5 %

Input: the built-in minerals as orbit and as reduced strings. Counts hold for one compiler: --check compares only where
compiler and architecture are those of the kept table, and says so elsewhere. Nanoseconds are CPU time, the best of 20
rounds, and depend on the machine.
"""

import argparse
import csv
import gzip
import json
import platform
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
}
ALLOWED = 1.05


def strings() -> list[str]:
    """Orbit and reduced strings of the built-in minerals."""
    from cloudkit.scope import project

    with gzip.open(ROOT / "cloudkit/data/builtin/minerals.csv.gz", "rt", newline="") as file:
        orbits = [row["scope"] for row in csv.DictReader(file)]
    return [text for orbit in orbits for text in (orbit, project(orbit, "reduced"))]


def compiler() -> str:
    version = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout
    return f"{version.splitlines()[0]}, {platform.machine()}"


def measure() -> dict[str, Any]:
    """Instructions and nanoseconds a string of every step."""
    with tempfile.TemporaryDirectory() as folder:
        texts, program = Path(folder) / "texts", Path(folder) / "steps"
        texts.write_text("".join(f"{text}\n" for text in strings()))
        make = ["make", "-s", "-C", str(ROOT / "csrc"), f"BUILD={folder}/build", "CC=gcc", "CFLAGS=-O3"]
        subprocess.run(make, check=True)
        source, include = ROOT / "benchmarks/native/steps.c", ROOT / "csrc/include"
        library = Path(folder) / "build/libcloudkit_scope.a"
        subprocess.run(["gcc", "-std=c11", "-O2", f"-I{include}", str(source), str(library), "-o", str(program)], check=True)  # fmt: skip
        steps = {name: step(program, texts, name, Path(folder) / "callgrind") for name in STEPS}
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


def grown(found: dict[str, Any], kept: dict[str, Any]) -> list[str]:
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
    worse = grown(found, json.loads(KEPT.read_text())) if arguments.check else []
    print("\n".join(worse), end="\n" if worse else "", file=sys.stderr)
    return bool(worse)


if __name__ == "__main__":
    raise SystemExit(main())
