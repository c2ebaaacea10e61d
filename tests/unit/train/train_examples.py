"""A spec so small that a build takes a second, and labels for it."""

import csv
from collections.abc import Callable
from pathlib import Path

from cloudkit.data import read_builtin
from cloudkit.modelspec import Spec

SPEC = """
cloudkit: 1
name: tiny
encoder: {kind: transformer, layers: 1, heads: 2, width: 8, dropout: 0.1}
heads:
  mlm: {kind: masked_tokens}
  thermal: {kind: thermal}
tasks:
  - {kind: pretrain, head: mlm, data: {path: train.csv}, epochs: 2, batch: 8}
  - kind: finetune
    head: thermal
    data: {path: train.csv, columns: {id: name}, targets: &labels [{column: cv, quantity: heat_capacity, temperature: t, unit: J/mol_cell/K}]}
    validation_fraction: 0.2
    epochs: 3
    batch: 8
  - {kind: evaluate, head: thermal, data: {path: test.csv, columns: {id: name}, targets: *labels}, baselines: [mean, ridge]}
"""

Rows = list[dict[str, object]]
MakeSpec = Callable[..., Spec]


def labels(part: str, crystals: int) -> Rows:
    """Rows of the built-in thermal data at three temperatures, as a user would have them: per mole of cells."""
    columns = read_builtin("thermal", part).columns
    names = list(dict.fromkeys(columns["id"]))[:crystals]
    rows: Rows = []
    for id, scope, n, t, cv in zip(
        *(columns[name] for name in ("id", "scope", "n_atoms", "temperature", "heat_capacity")), strict=True
    ):
        if id in names and t in ("50", "100", "300"):
            rows.append(
                {"name": id, "scope": scope, "n_atoms": n, "t": t, "cv": float(str(cv)) * float(str(n))}
            )
    return rows


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


class Interrupt:
    """Progress that presses Ctrl-C after some steps of all stages together, and remembers where each stage began."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.began: dict[str, int] = {}

    def start(self, label: str, total: int, done: int = 0) -> None:
        self.began[label] = done

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            raise KeyboardInterrupt

    def stop(self) -> None:
        pass
