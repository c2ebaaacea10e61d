"""Tables that the shipped materials models learn from: python spec/tools/data_materials.py SHARED_DATA OUT

One row per string: the median of its labels over all sources. Every tenth composition goes to NAME-test.csv, the same
ones for all tables, so that no model has seen any property of a crystal that another is tested on.
"""

import csv
import gzip
import hashlib
import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cloudkit import encode_batch
from cloudkit.scope import parse, reduced_formula
from cloudkit.tables import generator_text

CHUNK: Final = 2000  # structures encoded at a time
TEST: Final = 0.1  # share of the compositions
ALL_POSITIVE: Final = (1e-12, float("inf"))

# table -> file -> quantity -> column
SOURCES: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "elastic": {
        "elastic_matbench": {"bulk_modulus": "K_VRH", "shear_modulus": "G_VRH"},
        "elastic_binary": {"bulk_modulus": "bulk_modulus_vrh", "shear_modulus": "shear_modulus_vrh"},
        "elastic": {"bulk_modulus": "K_VRH", "shear_modulus": "G_VRH"},
    },
    "lattice": {
        "aflow_thermal_elastic": {
            name: name for name in ("debye_temperature", "thermal_conductivity", "thermal_expansion")
        }
    },
    "electronic": {
        "mp20_binary_ternary": {"formation_energy": "formation_energy_per_atom", "band_gap": "band_gap"},
        "mpts52_val": {"formation_energy": "formation_energy_per_atom"},
        "wbm_val": {"formation_energy": "formation_energy_per_atom", "band_gap": "band_gap"},
    },
}
# labels outside are failed calculations
LIMITS: Final = {
    "bulk_modulus": (1.0, 700.0),
    "shear_modulus": (1.0, 700.0),
    "debye_temperature": ALL_POSITIVE,
    "thermal_conductivity": ALL_POSITIVE,
    "thermal_expansion": ALL_POSITIVE,
    "formation_energy": (-6.0, 4.0),
    "band_gap": (0.0, 20.0),
}
# elements whose most stable form has a simple structure (C. Kittel, Introduction to Solid State Physics):
# space group and orbit; their formation energy is 0 by definition, and the sources hold few of them
ELEMENTS: Final = {
    (225, "4a"): "Ne Al Ar Ca Ni Cu Kr Sr Rh Pd Ag Xe Ce Yb Ir Pt Au Pb Ac Th",
    (229, "2a"): "Li Na K V Cr Fe Rb Nb Mo Cs Ba Eu Ta W",
    (194, "2c"): "Be Mg Sc Ti Co Zn Y Zr Tc Ru Cd La Pr Nd Gd Tb Dy Ho Er Tm Lu Hf Re Os Tl",
    (227, "8a"): "Si Ge",
}
CLASSES: Final = "conductor"  # metal or insulator; only insulators have a band gap
Labels = dict[str, dict[str, list[Any]]]  # string -> quantity -> labels


def main(shared: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for table, files in SOURCES.items():
        labels: Labels = {}
        for file, columns in files.items():
            for text, row in encoded(shared / f"{file}.jsonl.gz"):
                known = labels.setdefault(text, {})
                for quantity, column in columns.items():
                    low, high = LIMITS[quantity]
                    if row.get(column) is not None and low <= row[column] <= high:
                        known.setdefault(quantity, []).append(row[column])
        if table == "electronic":
            for text in elements():
                labels.setdefault(text, {}).setdefault("formation_energy", []).append(0.0)
        quantities = list(dict.fromkeys(name for columns in files.values() for name in columns))
        if "band_gap" in quantities:
            quantities.append(CLASSES)
            for known in labels.values():
                if gaps := known.get("band_gap"):
                    known[CLASSES] = ["insulator" if statistics.median(gaps) > 0 else "metal"]
                    if known[CLASSES] == ["metal"]:
                        del known["band_gap"]
        write(out, table, quantities, labels)
    write(out, "optical", ["refractive_index"], refractive(shared))


def encoded(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Orbit string and row of each structure of a file that has a string."""
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line in file]
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        structures = [
            (row["structure"]["lattice"], row["structure"]["frac"], row["structure"]["species"])
            for row in part
        ]
        for text, row in zip(encode_batch(structures).texts, part, strict=True):
            if text is not None:
                yield text, row


def elements() -> Iterator[str]:
    """Orbit strings of ELEMENTS."""
    for (group, orbit), symbols in ELEMENTS.items():
        for symbol in symbols.split():
            yield f"{generator_text(group)} | {symbol} {orbit}"


def refractive(shared: Path) -> Labels:
    """The published table of refractive indices has reduced strings; its labels below 1 are errors."""
    labels: Labels = {}
    with (shared / "refractive_index_train.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if float(row["n"]) >= 1:
                labels.setdefault(row["scope"], {}).setdefault("refractive_index", []).append(float(row["n"]))
    return labels


def is_test(text: str) -> bool:
    """Whether the composition of a string is one of those held out."""
    formula = reduced_formula(parse(text))
    return int(hashlib.sha256(formula.encode()).hexdigest()[:8], 16) < TEST * 2**32


def write(out: Path, table: str, quantities: list[str], labels: Labels) -> None:
    for part, wanted in (("train", False), ("test", True)):
        rows = [
            [text, *(statistics.median(known[name]) if name in known else "" for name in quantities)]
            for text, known in sorted(labels.items())
            if known and is_test(text) is wanted
        ]
        with (out / f"{table}-{part}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([["scope", *quantities], *rows])
        print(f"{table}-{part}: {len(rows):,} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
