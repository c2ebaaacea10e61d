"""Structures for the tests of corpora: rock salts with their elements exchanged, as Parquet."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

CATIONS = ("Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Fe", "Ni", "Mn")
ANIONS = ("F", "Cl", "Br", "I", "O", "S", "Se", "Te")


def rock_salt(number: int) -> dict[str, object]:
    """Every 10th has no volume."""
    half = 2.5 + 0.01 * number if number % 10 != 9 else 0.0
    cation, anion = CATIONS[number % len(CATIONS)], ANIONS[number // len(CATIONS) % len(ANIONS)]
    return {
        "id": f"salt-{number}",
        "lattice": [[0.0, half, half], [half, 0.0, half], [half, half, 0.0]],
        "species": [cation, anion],
        "positions": [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]],
    }


def write_parquet(path: Path, numbers: range, group: int = 20) -> Path:
    pq.write_table(pa.Table.from_pylist([rock_salt(n) for n in numbers]), path, row_group_size=group)
    return path
