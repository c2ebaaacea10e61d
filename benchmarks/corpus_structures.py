"""N structures made from the shared ones by substitution, as Parquet: the input of `make corpus-check`.

    python benchmarks/corpus_structures.py N FOLDER [--seed 0]

Each is a shared structure with at most 10 atoms whose elements are exchanged one for one, drawn with a seed, and whose
cell grows by up to 10 %; one in 20 is an earlier structure again, with its origin shifted and
its atoms in another order, so that there are duplicates to find; one in 1,000 has no volume, so that something fails.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SOURCES = ("mp20_binary_ternary", "elastic", "formation_energy_flla", "matbench_phonons")
ELEMENTS = [
    "Li",
    "Be",
    "B",
    "C",
    "N",
    "O",
    "F",
    "Na",
    "Mg",
    "Al",
    "Si",
    "P",
    "S",
    "Cl",
    "K",
    "Ca",
    "Sc",
    "Ti",
    "V",
    "Cr",
    "Mn",
    "Fe",
    "Co",
    "Ni",
    "Cu",
    "Zn",
    "Ga",
    "Ge",
    "As",
    "Se",
    "Br",
    "Rb",
    "Sr",
    "Y",
    "Zr",
    "Nb",
    "Mo",
    "Ru",
    "Rh",
    "Pd",
    "Ag",
    "Cd",
    "In",
    "Sn",
    "Sb",
    "Te",
    "I",
    "Cs",
    "Ba",
    "La",
    "Ce",
    "Nd",
    "Sm",
    "Gd",
    "Dy",
    "Er",
    "Yb",
    "Lu",
    "Hf",
    "Ta",
    "W",
    "Re",
    "Os",
    "Ir",
    "Pt",
    "Au",
    "Hg",
    "Tl",
    "Pb",
    "Bi",
]
FILE, GROUP = 50_000, 1_000
SCHEMA = pa.schema([
    ("id", pa.string()),
    ("lattice", pa.list_(pa.list_(pa.float64()))),
    ("species", pa.list_(pa.string())),
    ("positions", pa.list_(pa.list_(pa.float64()))),
])  # fmt: skip


def parents() -> list[dict]:
    rows = []
    for name in SOURCES:
        with gzip.open(SHARED / f"{name}.jsonl.gz", "rt") as file:
            rows += [row for line in file if len((row := json.loads(line)["structure"])["species"]) <= 10]
    return rows


def structures(count: int, seed: int) -> Iterator[dict]:
    draw, known = np.random.default_rng(seed), parents()
    recent: list[dict] = []
    for number in range(count):
        if recent and number % 20 == 19:
            row = shifted(recent[draw.integers(len(recent))], draw)
        else:
            row = substituted(known[draw.integers(len(known))], draw)
            recent = [*recent[-500:], row]
        cell = np.asarray(row["lattice"]) * ([1, 1, 0] if number % 1000 == 500 else [1, 1, 1])
        yield {
            "id": f"s{number}",
            "lattice": cell.round(6).tolist(),
            "species": row["species"],
            "positions": np.asarray(row["frac"]).round(6).tolist(),
        }


def substituted(row: dict, draw: np.random.Generator) -> dict:
    old = list(dict.fromkeys(row["species"]))
    new = dict(zip(old, draw.choice(ELEMENTS, len(old), replace=False).tolist(), strict=True))
    scale = 1 + 0.1 * draw.random()
    return {
        "lattice": (np.asarray(row["lattice"]) * scale).tolist(),
        "species": [new[kind] for kind in row["species"]],
        "frac": row["frac"],
    }


def shifted(row: dict, draw: np.random.Generator) -> dict:
    order = draw.permutation(len(row["species"]))
    places = (np.asarray(row["frac"]) + draw.random(3))[order] % 1.0
    return row | {"species": [row["species"][i] for i in order], "frac": places.tolist()}


def write(folder: Path, count: int, seed: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    writer = None
    for number, row in enumerate(structures(count, seed)):
        if number % FILE == 0:
            if writer:
                writer.close()
            writer = pq.ParquetWriter(folder / f"structures-{number // FILE:04d}.parquet", SCHEMA)
        rows.append(row)
        if len(rows) == GROUP or number == count - 1 or number % FILE == FILE - 1:
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            rows = []
    if writer:
        writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write(options.folder, options.count, options.seed)
