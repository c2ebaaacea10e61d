"""Memory of `cloudkit encode` over a long input: synthetic structures stream through in bounded memory.

    PYTHONPATH=benchmarks python benchmarks/studies/stream.py [STRUCTURES] [--jobs 1] [--form jsonl|cif] [--output benchmarks/results/stream.txt]

Writes STRUCTURES (200,000) cells of 1 to 8 atoms, every 1,000th of them without volume, to a file of JSON lines or to
a folder of CIFs; runs the command as a user does; samples the resident memory of it and its workers (Linux: VmRSS,
summed, so pages that they share count twice); and checks that every structure is in the output or in the ledger.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from memory import resident_bytes

PLACES = (
    [0, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, 0.5, 0],
    [0.5, 0, 0.5],
    [0, 0.5, 0.5],
    [0.5, 0, 0],
    [0, 0.5, 0],
    [0, 0, 0.5],
)
SYMBOLS = ("Na", "Cl", "Mg", "O", "Fe", "S", "Ti", "Zn")


def structures(count: int) -> Iterator[dict[str, object]]:
    draw = np.random.default_rng(0)
    for number in range(count):
        n = 1 + number % len(PLACES)
        lengths = 5 + 4 * draw.random(3)
        lengths[2] *= number % 1000 != 999
        yield {
            "id": f"s{number}",
            "lattice": np.diag(lengths).round(4).tolist(),
            "species": [SYMBOLS[(number // 8 + i) % len(SYMBOLS)] for i in range(n)],
            "frac": PLACES[:n],
        }


def write(folder: Path, count: int, form: str) -> Path:
    if form == "jsonl":
        target = folder / "structures.jsonl"
        with target.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in structures(count))
        return target
    for number, row in enumerate(structures(count)):
        below = folder / "cifs" / f"{number // 1000:03d}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{row['id']}.cif").write_text(cif(row))
    return folder / "cifs"


def cif(row: dict[str, object]) -> str:
    lengths = [line[i] for i, line in enumerate(row["lattice"])]
    cell = "".join(f"_cell_length_{axis} {x}\n" for axis, x in zip("abc", lengths, strict=True))
    sites = "".join(
        f"{symbol} {x} {y} {z}\n" for symbol, (x, y, z) in zip(row["species"], row["frac"], strict=True)
    )
    tags = "".join(f"_atom_site_{tag}\n" for tag in ("type_symbol", "fract_x", "fract_y", "fract_z"))
    return f"data_{row['id']}\n{cell}_symmetry_Int_Tables_number 1\nloop_\n{tags}{sites}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("structures", nargs="?", type=int, default=200_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--form", choices=("jsonl", "cif"), default="jsonl")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = write(folder, options.structures, options.form)
        out, ledger = folder / "out.csv", folder / "failures.jsonl"
        command = ["-c", "from cloudkit.cli import main; main()", "encode", str(given), "-o", str(out)]
        start, samples = time.monotonic(), []
        process = subprocess.Popen(
            [sys.executable, *command, "--failures", str(ledger), "--jobs", str(options.jobs)],
            stderr=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None:
            samples.append(resident_bytes(process.pid) / 1e6)
            time.sleep(0.2)
        spent = time.monotonic() - start
        with out.open(newline="") as file:
            done = [row["id"] for row in csv.DictReader(file)]
        failed = [json.loads(line)["id"] for line in ledger.open()]
        assert len(set(done) | set(failed)) == len(done) + len(failed) == options.structures, (
            process.stderr.read()
        )
        assert len(failed) == options.structures // 1000
    tenth = len(samples) // 10
    line = (
        f"{options.form}, {options.structures:,} structures, jobs {options.jobs}: {len(done):,} encoded, "
        f"{len(failed):,} failed; resident memory at most {max(samples):.0f} MB "
        f"(first tenth {max(samples[: tenth + 1]):.0f} MB, last tenth {max(samples[-tenth - 1 :]):.0f} MB); "
        f"{spent:.0f} s, load {os.getloadavg()[0]:.1f}"
    )
    print(line)
    if options.output:
        with options.output.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
