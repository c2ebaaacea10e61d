"""Cv at 300 K: the thermal head beside a direct regression with the same encoder, on the shared heat-capacity sets.

    python benchmarks/cv300.py [--folds 5] [--epochs 40]     # needs the shared data; what is done already is not done again

Both heads read the same states and statistics and are trained alike on the same rows (preset cv300). Five folds, no string in two of
them; mean absolute error in J/mol_atom/K on held-out rows. Done for `heat_capacity_train` (reduced strings).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from conftest import SHARED
from folds import grouped_folds, train_head

from cloudkit.data import tokenize
from cloudkit.models import predict_values
from cloudkit.modelspec import Spec, parse_spec, template
from cloudkit.tokens import Tokenizer
from cloudkit.train.source import read_data

RESULTS = Path(__file__).parent / "results"
DONE, TABLE = RESULTS / "cv300.jsonl", RESULTS / "cv300.txt"
HEADS = {
    "thermal, spectrum": "{kind: thermal, modes: spectrum, outputs: [heat_capacity], tolerance: 0.2}",
    "thermal, debye": "{kind: thermal, modes: debye, outputs: [heat_capacity], tolerance: 0.2}",
    "regression": "{kind: regression, outputs: [heat_capacity]}",
}


def spec_of(head: str, epochs: int) -> Spec:
    """The preset cv300 with another head, on the shared table."""
    path = SHARED / "heat_capacity_train.csv"
    changes = [
        f"heads.thermal={head}",
        f"tasks.0.data.path={path}",
        f"tasks.0.epochs={epochs}",
        "tasks.0.valid=0",
    ]
    if "regression" in head:
        changes.append("tasks.0.data.targets.0.temperature=null")
    return parse_spec(template("cv300"), "cv300.yaml", Path(), changes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    records = [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []
    done = {(r["head"], r["fold"], r["epochs"]) for r in records}
    for fold in range(options.folds):
        for name, head in HEADS.items():
            if (name, fold, options.epochs) in done:
                continue
            spec = spec_of(head, options.epochs)
            crystals = read_data(spec, spec.tasks[0].data)
            tokens = tokenize(crystals.texts, Tokenizer("compact"), 64)
            fold_of = grouped_folds(crystals.texts, 5, seed=0)
            model = train_head(spec, crystals, tokens, np.flatnonzero(fold_of != fold), seed=0)
            test = np.isin(crystals.crystal, np.flatnonzero(fold_of == fold))
            rows = crystals.crystal[test]
            found = predict_values(
                model, "thermal", tokens, rows, np.zeros(len(rows), dtype=np.int64), np.full(len(rows), 300.0)
            )
            error = float(np.abs(found - crystals.value[test]).mean())
            records.append(
                {"head": name, "fold": fold, "epochs": options.epochs, "rows": len(rows), "mae": error}
            )
            with DONE.open("a") as file:
                file.write(json.dumps(records[-1]) + "\n")
            print(records[-1], flush=True)
    lines = [f"heat_capacity_train, Cv at 300 K, MAE in J/mol_atom/K, {options.epochs} epochs"]
    for name in HEADS:
        own = [r for r in records if r["head"] == name and r["epochs"] == options.epochs]
        mean = np.average([r["mae"] for r in own], weights=[r["rows"] for r in own])
        lines.append(f"{name:<20}{mean:8.4f}   {len(own)} folds")
    TABLE.write_text("\n".join(lines) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
