"""Fuzz the C core: `make fuzz SECONDS=30`, which is the time of each target; two run at once (`--jobs`).

Every law of laws.h is a libFuzzer target under the address and undefined-behaviour sanitizers, or with `--memory` under
the one for uninitialized memory. Seeds come from the conformance vectors and, for structures, from random bytes in the
shape of simple crystals; the dictionary comes from the vocabularies. What a target finds interesting stays in
build/fuzz/corpus for the next run. Exits with 1 at a finding, whose input lies in build/fuzz/findings.
`--only structures` runs one target, `--summary FILE` writes the table.
"""

import argparse
import json
import platform
import random
import re
import shutil
import struct
import subprocess
import sys
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/fuzz"
CORE = sorted((ROOT / "csrc").glob("*.c"))
SOURCES = [*(ROOT / f"tests/native/{name}.c" for name in ("fuzz", "laws", "structure_laws")), *CORE]
TARGETS = ("check", "compact", "cloud", "decode", "format", "canonical", "structures")
SANITIZERS = "address,undefined"
LETTERS = "abcdefghijklmnopqrstuvwxyzA"


class Outcome(NamedTuple):
    """What one target did; edges: of the compiled code, laws included, that it reached."""

    target: str
    executions: int
    seconds: int
    edges: int
    corpus: int
    finding: str


def seeds(target: str) -> Iterator[bytes]:
    """Inputs in the form that the target reads, most of them from the vectors."""
    if target == "structures":
        yield from structure_seeds()
        return
    files = sorted((ROOT / "spec/vectors").glob("*/*.jsonl"))
    for line in (line for file in files for line in file.read_text("ascii").splitlines()):
        vector = json.loads(line)
        if target in ("check", "compact", "cloud"):
            yield vector["text"].encode("utf-8", "surrogatepass")
        elif target != "canonical":
            ids = vector.get("ids", {}).get("cloud" if target == "decode" else "compact")
            yield array("H", ids or ()).tobytes()
        elif (tree := vector.get("tree")) and tree["space_group"] and "orbits" in tree:
            pairs = ((LETTERS.index(o["letter"]), len(o["species"][0]["element"])) for o in tree["orbits"])
            yield bytes([tree["space_group"], *(byte for pair in sorted(pairs) for byte in pair)])


def structure_seeds() -> Iterator[bytes]:
    """Crystals as structure_laws.c reads them: a byte for each choice, or raw doubles."""
    draw = random.Random(1)
    for _ in range(150):
        edges = [draw.choice([16, 32, 40, draw.randrange(256)]) for _ in range(3)]
        shear, skew = draw.choice([0, 64, 128, draw.randrange(256)]), draw.choice([0, 0, 0, 150, 200, 220])
        repeated = draw.choice([0, 128])
        kind = draw.randrange(4) | draw.choice([0, 0, 8, 12]) | repeated
        cells = [draw.randrange(3) for _ in range(3)] if repeated else []
        head = [draw.choice([0, 0, 0, 2, 4, 6, 12]), draw.randrange(6), *edges, shear, skew, 1, kind]
        sites = draw.randrange(1, 7)
        places = [draw.choice([0, 12, 6, 18, 8, 16, draw.randrange(24)]) for _ in range(30 * sites)]
        yield bytes([*head, draw.choice([0, 0, 0, 140, 200, 255]), *cells, sites, *places])
    for _ in range(30):
        sites = draw.randrange(1, 6)
        lattice = [4.0, 0, 0, 0, 4.0, 0, 0, 0, draw.choice([4.0, 5.0, 1e-300, 1e300, float("nan")])]
        data = bytes([1, sites]) + struct.pack("<10d", 1e-2, *lattice)
        for _ in range(sites):
            data += struct.pack("<3d", *(draw.choice([0, 0.5, 0.25, 1 / 3, 1e6, -1e-20]) for _ in range(3)))
            data += struct.pack("<i", draw.choice([8, 14, -(2**31), 2**31 - 1]))
        yield data


def dictionary() -> str:
    """Tokens of the vocabularies and all generator strings, in libFuzzer's notation."""
    words = (ROOT / "spec/vocab/cloud.txt").read_text("ascii").split()
    table = (ROOT / "spec/tables/space_groups.csv").read_text("ascii")
    generators = [" ".join(text) + " | " for text in re.findall(r"\b[01][0-9a-zA-Z]{3,40}\b", table)]
    return "".join(f'"{word}"\n' for word in [f" {w}" for w in words if "#" not in w] + generators)


def build(target: str, *flags: str, name: str = "", sanitizers: str = SANITIZERS) -> Path:
    """Compile a target with clang; returns the program."""
    program = BUILD / f"{target}{name}"
    options = [
        "-g",
        "-O1",
        "-std=c11",
        f"-DLAW={target}_laws",
        f"-I{ROOT / 'csrc/include'}",
        f"-I{ROOT / 'csrc'}",
    ]
    checks = [f"-fsanitize=fuzzer,{sanitizers}", "-fno-sanitize-recover=all"]
    command = ["clang", *options, *checks, *flags, *map(str, SOURCES), "-lm", "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return program


def fuzz(target: str, seconds: int) -> Outcome:
    """Run one built target for some seconds, from the seeds and what earlier runs found."""
    program, corpus, findings = BUILD / target, BUILD / "corpus" / target, BUILD / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(seeds(target)):
        (corpus / f"seed-{index:04}").write_bytes(data)
    (BUILD / "tokens.dict").write_text(dictionary())
    options = {
        "max_total_time": seconds,
        "print_final_stats": 1,
        "timeout": 60,
        "max_len": 4096,
        "rss_limit_mb": 4096,
    }
    command = [
        str(program),
        *(f"-{name}={value}" for name, value in options.items()),
        f"-artifact_prefix={findings}/{target}-",
    ]
    done = subprocess.run([*command, f"-dict={BUILD / 'tokens.dict'}", str(corpus)], capture_output=True, text=True, check=False, errors="replace")  # fmt: skip
    log = done.stderr
    number = {key: int(value) for key, value in re.findall(r"^stat::(\w+):\s+(\d+)", log, re.M)}
    covered = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)", log)
    elapsed = re.findall(r"in (\d+) second", log)
    finding = "" if done.returncode == 0 else "\n".join(log.splitlines()[-40:])
    return Outcome(
        target,
        number.get("number_of_executed_units", 0),
        int(elapsed[-1]) if elapsed else 0,
        *(map(int, covered[-1]) if covered else (0, 0)),
        finding,
    )


def line_coverage(targets: list[str]) -> str:
    """Lines and branches of csrc that the kept corpora reach, by llvm-cov; why not, where it is absent."""
    tools = {
        name: next(filter(None, map(shutil.which, (name, f"{name}-14"))), None)
        for name in ("llvm-profdata", "llvm-cov")
    }
    if None in tools.values():
        return "lines: not measured, llvm-profdata and llvm-cov are not installed"
    programs, profiles = [], []
    for target in targets:
        program = build(target, "-fprofile-instr-generate", "-fcoverage-mapping", name="-coverage")
        profile = BUILD / f"{target}.profraw"
        subprocess.run([str(program), "-runs=0", str(BUILD / "corpus" / target)], check=True, capture_output=True, env={"LLVM_PROFILE_FILE": str(profile)})  # fmt: skip
        programs.append(program)
        profiles.append(profile)
    merged = BUILD / "all.profdata"
    subprocess.run([str(tools["llvm-profdata"]), "merge", "-o", str(merged), *map(str, profiles)], check=True)
    objects = [str(programs[0]), *(part for program in programs[1:] for part in ("-object", str(program)))]
    report = subprocess.run([str(tools["llvm-cov"]), "export", "-summary-only", f"-instr-profile={merged}", *objects, *(str(source) for source in CORE if source.name != "tables.c")], check=True, capture_output=True, text=True)  # fmt: skip
    lines = []
    for file in json.loads(report.stdout)["data"][0]["files"]:
        seen = file["summary"]
        parts = (
            f"{seen[what]['covered']} of {seen[what]['count']} {what}"
            for what in ("functions", "lines", "branches")
        )
        lines.append(f"  csrc/{Path(file['filename']).name:<12} {', '.join(parts)}")
    return "reached by the corpora (llvm-cov):\n" + "\n".join(lines)


def table(outcomes: list[Outcome], sanitizers: str) -> str:
    """The summary of a run."""
    clang = subprocess.run(
        ["clang", "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    total = sum(o.seconds for o in outcomes)
    lines = [
        f"{date.today()}, libFuzzer, {clang}, {platform.machine()}; sanitizers: {sanitizers}",
        f"{'law':<10} {'executions':>13} {'seconds':>8} {'edges':>6} {'corpus':>7}  finding",
    ]
    for o in outcomes:
        lines.append(
            f"{o.target:<10} {o.executions:>13,} {o.seconds:>8} {o.edges:>6} {o.corpus:>7}  {'YES' if o.finding else 'none'}"
        )
    lines.append(f"{'all':<10} {sum(o.executions for o in outcomes):>13,} {total:>8}")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=int, nargs="?", default=30)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=TARGETS, action="append", help="this target; may be repeated")
    parser.add_argument("--memory", action="store_true", help="look for uninitialized memory instead")
    parser.add_argument("--summary", type=Path, help="write the table there")
    arguments = parser.parse_args()
    targets, sanitizers = arguments.only or list(TARGETS), "memory" if arguments.memory else SANITIZERS
    if shutil.which("clang") is None:
        print("fuzzing is skipped: clang is not installed (Debian: apt-get install clang libclang-rt-14-dev)")
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        for target in targets:
            build(target, sanitizers=sanitizers)
    except subprocess.CalledProcessError as error:
        if "libclang_rt" not in error.stderr:
            raise SystemExit(error.stderr) from None
        print("fuzzing is skipped: this clang has no libFuzzer (Debian: apt-get install libclang-rt-14-dev)")
        return 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = list(pool.map(lambda target: fuzz(target, arguments.seconds), targets))
    summary = table(outcomes, sanitizers)
    found = any(outcome.finding for outcome in outcomes)
    if arguments.summary and not found:
        summary += line_coverage(targets) + "\n"
        arguments.summary.write_text(summary)
    print(summary, end="")
    for outcome in outcomes:
        if outcome.finding:
            print(f"\n{outcome.target}: {outcome.finding}", file=sys.stderr)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
