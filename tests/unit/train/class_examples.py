"""Rock salts whose anion decides their class, and a spec that learns it in a second."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"
CATIONS, ANIONS = (
    ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "Ti", "V"),
    ("F", "Cl", "Br", "O", "S", "Se"),
)
PAIRS = [(a, b) for a in CATIONS for b in ANIONS]
TEXTS = [f"{ROCK_SALT} | {a} 4a {b} 4b" for a, b in PAIRS]
KIND = ["halide" if b in ("F", "Cl", "Br") else "oxide" if b == "O" else "chalcogenide" for _, b in PAIRS]
HALIDE = ["yes" if kind == "halide" else "no" for kind in KIND]

SPEC = """
cloudkit: 1
name: kinds
encoder: {kind: transformer, layers: 1, heads: 2, width: 16, dropout: 0}
heads:
  kind: {kind: classification, output: halide, classes: ['no', 'yes'], threshold: balanced_accuracy, dropout: 0}
folds: {count: 3, stratified: true}
tasks:
  - kind: finetune
    head: kind
    data: {path: kinds.csv, part: train, targets: &labels [{column: label, quantity: halide}]}
    validation_fraction: 0.25
    epochs: 15
    batch: 8
    learning_rate: 1e-2
  - {kind: evaluate, head: kind, data: {path: kinds.csv, part: test, targets: *labels}, baselines: [mean, extra_trees]}
"""
THREE = (
    "heads.kind.classes=[halide, oxide, chalcogenide]",
    "heads.kind.threshold=none",
    "heads.kind.output=kind",
    "tasks.0.data.targets.0.quantity=kind",
    "tasks.1.data.targets.0.quantity=kind",
)
Make = Callable[..., Path]


def write_labels(path: Path, labels: Sequence[object], texts: Sequence[str] = TEXTS) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("scope", "label"), *zip(texts, labels, strict=True)])
