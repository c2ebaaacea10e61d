"""Make docs/examples/bulk_modulus.csv, the table of the documentation: python spec/tools/build_example_table.py FOLDER_OF_SHARED_DATA

Bulk moduli K_VRH (GPa) of 1,181 crystals of the Materials Project (CC-BY-4.0; M. de Jong et al., Sci. Data 2 (2015) 150009), from
matminer's elastic_tensor_2015, each crystal as its canonical string.
"""

import csv
import gzip
import json
import sys
from pathlib import Path

import cloudkit

SOURCE = "elastic.jsonl.gz"
TARGET = Path(__file__).resolve().parents[2] / "docs" / "examples" / "bulk_modulus.csv"


def main(data: Path) -> None:
    with gzip.open(data / SOURCE, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    cells = [row["structure"] for row in rows]
    strings = cloudkit.encode_batch([(cell["lattice"], cell["frac"], cell["species"]) for cell in cells])
    if failed := [row["id"] for row, text in zip(rows, strings.texts, strict=True) if text is None]:
        raise SystemExit(f"no string: {failed}")
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["material_id", "formula", "scope", "K_VRH"])
        for row, text in zip(rows, strings.texts, strict=True):
            table.writerow([row["id"], row["formula"], text, f"{row['K_VRH']:.1f}"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
