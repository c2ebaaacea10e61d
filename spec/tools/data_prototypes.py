"""Prototypes: the 288 AFLOW structure prototypes in pymatgen, one example crystal each."""

import gzip
import hashlib
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final

import numpy as np
from data_crystal import Entry, encode_entries, entry_formula

COLUMNS: Final = ("id", "name", "formula", "scope", "space_group")
FILE: Final = "pymatgen/analysis/prototypes/aflow_prototypes.json.gz"


def _entry_of(record: dict[str, Any]) -> Entry:
    snl, tags = record["snl"], record["tags"]
    lattice = np.array(snl["lattice"]["matrix"], dtype=np.float64)
    positions = np.array([site["abc"] for site in snl["sites"]], dtype=np.float64)
    symbols = tuple(site["species"][0]["element"] for site in snl["sites"])
    names = (tags["mineral"], tags["strukturbericht"])
    return Entry(
        tags["aflow"], ", ".join(n for n in names if n not in ("", "None")), lattice, positions, symbols
    )


def build() -> tuple[list[tuple[str, ...]], list[tuple[str, str]], str]:
    """Rows of the table by AFLOW label, the labels left out with the reason, and the hash of the source file."""
    path = Path(str(distribution("pymatgen").locate_file(FILE)))
    entries = [_entry_of(record) for record in json.loads(gzip.decompress(path.read_bytes()))]
    encoded, failed = encode_entries(sorted(entries, key=lambda entry: entry.id))
    rows: list[tuple[str, ...]] = [
        (item.entry.id, item.entry.name, entry_formula(item.entry), item.scope, str(item.space_group))
        for item in encoded
    ]
    source = hashlib.sha256(path.read_bytes()).hexdigest()
    return rows, [(entry.id, reason) for entry, reason in failed], source
