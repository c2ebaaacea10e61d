"""Vibrational frequencies of crystals by interatomic potentials: the shared file of spec/tools/label_phonons.py -> rows.

A record holds a structure and 64 quantiles of its density of states. Crystals with imaginary modes are left out. There is one row for
each string and teacher (the name of the potential), made from the first record.
"""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from data_crystal import Entry, encode_entries, entry_formula

COLUMNS: Final = ("id", "formula", "scope", "n_atoms", "source", "teacher", "band_gap", "frequencies")
# THz; a lowest frequency above it is noise of the acoustic sum rule, one below it is a soft mode
SOFT: Final = -0.3
STEP: Final = 0.02  # THz; frequencies are kept as multiples of it
LOWEST: Final = 0.1  # THz; noise around zero is kept as this


def build(path: Path) -> tuple[list[tuple[str, ...]], Counter[str], str]:
    """Rows (by id, then teacher), records left out by reason, and the SHA-256 of the file."""
    refused: Counter[str] = Counter()
    kept = [record for record in _records(path) if _is_stable(record, refused)]
    entries = [_entry_of(index, record["structure"]) for index, record in enumerate(kept)]
    encoded, failed = encode_entries(entries)
    refused.update(reason for _, reason in failed)
    rows: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in encoded:
        record = kept[int(item.entry.id)]
        key = item.scope, record["teacher"]
        if key in rows:
            refused["same string and teacher as another record"] += 1
            continue
        gap = "" if record["gap"] is None else f"{record['gap']:.3g}"
        head = (record["id"], entry_formula(item.entry), item.scope, str(item.n_atoms))
        rows[key] = (*head, record["source"], record["teacher"], gap, _frequencies(record["thz"]))
    return (
        sorted(rows.values(), key=lambda row: (row[0], row[5])),
        refused,
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _is_stable(record: dict[str, Any], refused: Counter[str]) -> bool:
    reason = "no frequencies" if "thz" not in record else "imaginary modes" if record["min"] < SOFT else ""
    if reason:
        refused[reason] += 1
    return not reason


def _entry_of(index: int, structure: dict[str, Any]) -> Entry:
    lattice, positions = (np.array(structure[key], dtype=np.float64) for key in ("lattice", "frac"))
    return Entry(str(index), "", lattice, positions, tuple(structure["species"]))


def _frequencies(thz: list[float]) -> str:
    """64 multiples of STEP, rising, separated by blanks."""
    return " ".join(f"{max(round(value / STEP) * STEP, LOWEST):.4g}" for value in thz)
