"""`cloudkit audit --dedupe` over many rows: the count is exact and memory stays bounded.

    PYTHONPATH=benchmarks python benchmarks/studies/dedupe_rows.py [ROWS] [--folder runs/dedupe-N] [--output benchmarks/results/dedupe_rows.txt]

Makes ROWS (10,000,000) rows of a string, an id and a label. Their distinct strings are prototypes of the built-in set with
other elements, kept where the text is canonical already, so that two of them are never the same crystal; a row is
one of these drawn at random. So the number of distinct strings, their copies and first rows are known without the command.
Runs it as a user does, samples its resident memory every 0.1 s, and ends with 1 if anything is off.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from memory import resident_bytes

from cloudkit.data import builtin_path
from cloudkit.io import read_table
from cloudkit.scope.canonical import canonical_text
from cloudkit.tables import ELEMENT

MEMORY = 1e9  # bytes
GROUP = 100_000  # rows written at a time
SYMBOL = re.compile(r"\b[A-Z][a-z]?\b")
ELEMENTS = [element.symbol for element in ELEMENT.values() if element.number <= 42 and element.group != 18]


def distinct_strings(count: int, draw: np.random.Generator) -> list[str]:
    """So many canonical strings, no two alike."""
    prototypes = [str(text).split(" | ") for text in read_table(builtin_path("prototypes")).column("scope")]
    found = dict[str, None]()
    while len(found) < count:
        head, body = prototypes[draw.integers(len(prototypes))]
        old = sorted(set(SYMBOL.findall(body)))
        new = dict(zip(old, draw.choice(ELEMENTS, len(old), replace=False).tolist(), strict=True))
        text = f"{head} | {SYMBOL.sub(lambda match, new=new: new[match.group()], body)}"
        if canonical_text(text) == text:
            found[text] = None
    return list(found)


def write_rows(path: Path, strings: pa.Array, picks: np.ndarray, draw: np.random.Generator) -> None:
    with pq.ParquetWriter(path, pa.schema({"id": "string", "scope": "string", "energy": "double"})) as writer:
        for start in range(0, len(picks), GROUP):
            part = picks[start : start + GROUP]
            ids = [f"row{start + number}" for number in range(len(part))]
            columns = {
                "id": ids,
                "scope": strings.take(pa.array(part)),
                "energy": draw.normal(size=len(part)),
            }
            writer.write_table(pa.table(columns))


def run(command: list[str]) -> tuple[float, float]:
    """Seconds of CPU and the most resident memory of a command that must succeed."""
    process, most = subprocess.Popen(command), 0.0
    while process.poll() is None:
        most = max(most, resident_bytes(process.pid))
        time.sleep(0.1)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    used = os.times()
    return used.children_user + used.children_system, most


def differences(output: Path, strings: pa.Array, picks: np.ndarray) -> list[str]:
    """What of the output is not as it was made."""
    chosen, first, copies = np.unique(picks, return_index=True, return_counts=True)
    order = np.argsort(first)
    table = pq.read_table(output)
    checks = {
        "distinct strings": table["scope"].combine_chunks().equals(strings.take(pa.array(chosen[order]))),
        "copies": np.array_equal(table["copies"].to_numpy(), copies[order]),
        "ids of first rows": table["id"].to_pylist() == [f"row{row}" for row in first[order].tolist()],
    }
    return [name for name, holds in checks.items() if not holds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="?", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    folder = options.folder or Path(f"runs/dedupe-{options.rows}")
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    strings = pa.array(distinct_strings(options.rows // 20, draw))
    picks = draw.integers(len(strings), size=options.rows)
    source, output = folder / "rows.parquet", folder / "unique.parquet"
    write_rows(source, strings, picks, draw)
    code = "from cloudkit.cli import main; main()"
    seconds, memory = run([sys.executable, "-c", code, "audit", str(source), "--dedupe", str(output)])
    wrong = differences(output, strings, picks)
    text = (
        f"{options.rows:,} rows, {source.stat().st_size / 1e6:,.0f} MB of Parquet: {pq.read_metadata(output).num_rows:,} distinct strings\n"
        f"as made: {'NO: ' + ', '.join(wrong) if wrong else 'strings, copies, ids of first rows, order'}\n"
        f"{seconds:.0f} s of CPU ({seconds / options.rows * 1e6:.1f} µs a row); resident memory at most {memory / 1e6:.0f} MB; "
        f"load {os.getloadavg()[0]:.1f}\n"
    )
    print(text, end="")
    if options.output:
        options.output.write_text(text)
    sys.exit(1 if wrong or memory > MEMORY else 0)


if __name__ == "__main__":
    main()
