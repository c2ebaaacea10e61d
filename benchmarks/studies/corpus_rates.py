"""CPU time of each stage from structures to ids, and what 6.3 million structures would take on 1, 16 and 1,000 cores.

    OMP_NUM_THREADS=1 PYTHONPATH=benchmarks python benchmarks/studies/corpus_rates.py [N] [--folder runs/rates-N] [--output benchmarks/results/corpus_rates.txt]

Each stage runs once as a user runs it (`encode` with one worker beside the process that reads and writes: --jobs 2), and
its own CPU time and that of its workers are told apart; what the command needs before the first structure (N = 100) is
subtracted. From these, for each number of cores: encode = max(workers / cores, reading and writing / processes), where a
machine has 16 cores and one process that reads and writes, and Ray runs whole shards on each core; dedupe and tokenize run
on one core. Cost at $0.04 a core-hour, the order of what clouds ask; time in queues and transfers is not counted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from corpus_check import shard_size
from corpus_structures import write

CORPUS, PRICE = 6_300_000, 0.04
COPIES = 20  # of the distinct strings are tokenized, since one would be lost in the noise of the start
RUN = """
import json, resource, sys
from cloudkit.cli import main
try:
    main()
except SystemExit as ended:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps([ended.code, *(u.ru_utime + u.ru_stime for u in used)]))
"""


def measure(folder: Path, count: int) -> dict[str, tuple[float, float]]:
    """(own, workers') CPU seconds of each stage."""
    shutil.rmtree(folder, ignore_errors=True)
    write(folder / "structures", count)
    strings, unique, many = (str(folder / name) for name in ("strings", "unique.parquet", "many.parquet"))
    size = ["--shard-size", str(shard_size(count))]
    stages = {
        "encode": ["encode", str(folder / "structures"), "-o", strings, "--jobs", "2", *size],
        "dedupe": ["audit", strings, "--dedupe", unique],
        "tokenize": ["tokenize", "--file", many, "-o", str(folder / "ids.npy")],
    }
    found = {}
    for name, command in stages.items():
        if name == "tokenize":
            pq.write_table(pa.concat_tables([pq.read_table(unique)] * COPIES), many)
        done = subprocess.run(
            [sys.executable, "-c", RUN, *command], capture_output=True, text=True, check=True
        )
        code, own, workers = json.loads(done.stdout.splitlines()[-1])
        assert code in (0, 1), done.stderr
        found[name] = (own, workers)
    return found


def hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.1f} min"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(f"runs/rates-{options.count}")
    measure(folder, 100)  # a first run compiles modules, which would be subtracted too
    small, large = measure(folder, 100), measure(folder, options.count)
    rate = {
        name: tuple(
            max(b - a, 0.0) / (options.count - 100) for a, b in zip(small[name], large[name], strict=True)
        )
        for name in large
    }
    (serial, search), dedupe, tokenize = rate["encode"], sum(rate["dedupe"]), sum(rate["tokenize"]) / COPIES
    lines = [
        f"{'stage':34}{'µs of CPU a structure':>24}{'structures a second and core':>31}",
        *(
            f"{name:34}{value * 1e6:24.1f}{1 / value:31,.0f}"
            for name, value in (
                ("encode: search for symmetry", search),
                ("encode: reading, text, writing", serial),
                ("dedupe", dedupe),
                ("tokenize", tokenize),
            )
        ),
        "",
        f"{CORPUS:,} structures:",
        f"{'cores':>6}{'encode':>12}{'dedupe':>12}{'tokenize':>12}{'together':>12}{'cost':>9}  bottleneck",
    ]
    for cores in (1, 16, 1000):
        on_shards = (search + serial) / cores  # Ray, or one core: everything of a shard in one process
        encode = CORPUS * (max(search / cores, serial) if cores == 16 else on_shards)
        parts = {
            "search for symmetry" if cores < 16 or search / cores > serial else "reading and writing": encode,
            "dedupe": CORPUS * dedupe,
            "tokenize": CORPUS * tokenize,
        }
        if cores == 1000:
            parts = {"search for symmetry": encode, "dedupe": parts["dedupe"], "tokenize": parts["tokenize"]}
        total = sum(parts.values())
        cost = (encode * cores + parts["dedupe"] + parts["tokenize"]) / 3600 * PRICE
        cells = "".join(f"{hours(value):>12}" for value in (*parts.values(), total))
        lines.append(f"{cores:6,}{cells}{f'${cost:.2f}':>9}  {max(parts, key=lambda part: parts[part])}")
    lines.append(
        f"measured on {options.count:,} structures of at most 10 atoms in the cell; load {os.getloadavg()[0]:.1f}, which raises CPU "
        "times where cores share their units"
    )
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
