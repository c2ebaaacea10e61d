"""Cv at 300 K: the thermal head and a direct regression with the same encoder, on the shared heat-capacity sets.

    PYTHONPATH=benchmarks python benchmarks/studies/cv300.py [--folds 5] [--epochs 40]     # needs the shared data; what is done already is not done again

Both heads read the same states and statistics and are trained alike on the same rows (preset cv300, whose head is of kind debye). Five
folds, no string in two of them; mean absolute error in J/mol_atom/K on held-out rows. `heat_capacity_train` holds reduced strings,
`phonon_heat_capacity` structures, which are encoded as canonical orbit strings.
"""

import argparse
import csv
import gzip
import json
import tempfile
from pathlib import Path

import numpy as np
from conftest import SHARED
from folds import grouped_folds, train_head

import cloudkit
from cloudkit.data import tokenize
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.models import predict_values
from cloudkit.modelspec import Spec, parse_spec, template
from cloudkit.tokens import Tokenizer

RESULTS = Path(__file__).parents[1] / "results"
DONE, TABLE = Path("runs/cv300.jsonl"), RESULTS / "cv300.txt"
SETS = {"heat_capacity_train": "reduced", "phonon_heat_capacity": "orbit"}  # name -> dialect
MAX_LENGTH = 256  # tokens; 52 of the phonon crystals have more than the usual 64
HEADS = {
    "thermal, spectrum": "{kind: thermal, modes: spectrum, outputs: [heat_capacity], tolerance: 0.2}",
    "thermal, debye": "{kind: thermal, modes: debye, outputs: [heat_capacity], tolerance: 0.2}",
    "regression": "{kind: regression, outputs: [heat_capacity]}",
}


def table_of(name: str, folder: Path) -> Path:
    """The table of one set, with the columns that the preset asks for: cloud, cv, n_atoms."""
    if name == "heat_capacity_train":
        return SHARED / "heat_capacity_train.csv"
    with gzip.open(SHARED / f"{name}.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    texts = cloudkit.encode_batch([row["structure"] for row in rows]).texts
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("cloud", "cv", "n_atoms"))
        lines.writerows(
            (text, row["cv300_J_per_molcell_K"], row["n_atoms"])
            for text, row in zip(texts, rows, strict=True)
            if text is not None
        )
    return path


def spec_of(head: str, dialect: str, path: Path, epochs: int) -> Spec:
    """The preset cv300 with another head, on one table."""
    changes = [
        f"tokens.dialect={dialect}",
        f"tokens.max_length={MAX_LENGTH}",
        f"heads.thermal={head}",
        f"tasks.0.data.path={path}",
        f"tasks.0.epochs={epochs}",
        "tasks.0.validation_fraction=0",
    ]
    if "regression" in head:
        changes.append("tasks.0.data.targets.0.temperature=null")
    return parse_spec(template("cv300"), "cv300.yaml", Path(), changes)


def measure(spec: Spec, fold: int) -> tuple[float, int]:
    """Mean absolute error on the rows of one fold, and how many they are, after training on the others."""
    crystals = read_task_data(spec, spec.tasks[0].data)
    tokens = tokenize(crystals.texts, Tokenizer("compact"), MAX_LENGTH)
    fold_of = grouped_folds(crystals.texts, 5, seed=0)
    model = train_head(spec, crystals, tokens, np.flatnonzero(fold_of != fold), seed=0)
    test = np.isin(crystals.crystal, np.flatnonzero(fold_of == fold))
    rows = crystals.crystal[test]
    found = predict_values(
        model, "thermal", tokens, rows, np.zeros(len(rows), dtype=np.int64), np.full(len(rows), 300.0)
    )
    return float(np.abs(found - crystals.value[test]).mean()), len(rows)


def summary(records: list[dict[str, object]], epochs: int) -> str:
    """For each set and head, the mean of the folds, and its ratio to the regression on the same folds."""
    lines = [f"Cv at 300 K, MAE in J/mol_atom/K, {epochs} epochs; ratio: to the regression on the same folds"]
    for data in SETS:
        of = {
            name: {
                r["fold"]: r for r in records if (r["set"], r["head"], r["epochs"]) == (data, name, epochs)
            }
            for name in HEADS
        }
        for name, own in of.items():
            both = sorted(own.keys() & of["regression"].keys())
            if both:
                weights = [own[fold]["rows"] for fold in both]
                mean, direct = (
                    np.average([part[fold]["mae"] for fold in both], weights=weights)
                    for part in (own, of["regression"])
                )
                lines.append(f"{data:<24}{name:<20}{mean:8.4f}{mean / direct:8.3f}   {len(both)} folds")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    records = [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []
    done = {(r["set"], r["head"], r["fold"], r["epochs"]) for r in records}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: table_of(name, Path(folder)) for name in SETS}
        for fold in range(options.folds):
            for data, dialect in SETS.items():
                for name, head in HEADS.items():
                    if (data, name, fold, options.epochs) in done:
                        continue
                    error, rows = measure(spec_of(head, dialect, paths[data], options.epochs), fold)
                    records.append(
                        {
                            "set": data,
                            "head": name,
                            "fold": fold,
                            "epochs": options.epochs,
                            "rows": rows,
                            "mae": error,
                        }
                    )
                    DONE.parent.mkdir(exist_ok=True)
                    with DONE.open("a") as file:
                        file.write(json.dumps(records[-1]) + "\n")
                    TABLE.write_text(summary(records, options.epochs))
                    print(records[-1], flush=True)
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
