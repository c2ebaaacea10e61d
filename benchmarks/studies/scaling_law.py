"""How the error of formation energy falls with size and data: `cloudkit sweep` over fifteen models, and the law through them.

    PYTHONPATH=benchmarks python benchmarks/studies/scaling_law.py        # writes results/scaling_mp20.{txt,svg}; about 15 minutes of one core, resumable

Needs the shared data: 14,258 binary and ternary cells of the Materials Project (CC-BY-4.0). A sixth of the rows is the test part; rows that share
composition and space group with one of them are left out of training. Every model sees its crystals 20 times, so that fewer
crystals also mean fewer steps. One seed: the intervals are those of the fit, not of the seeds.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conftest import SHARED

from cloudkit.data.geometry import encode_table
from cloudkit.io import read_table
from cloudkit.report.charts import standalone
from cloudkit.train import SweepResult, grid_points, sweep
from cloudkit.train.sweep import Point, fit_law, plot

RESULTS, RUNS = Path(__file__).parents[1] / "results", Path("runs/scaling")
SPEC = """
cloudkit: 1
name: scaling-mp20
encoder: {kind: transformer, layers: 2, heads: 4, width: 32, dropout: 0.0, merge: true, pooling: attention}
heads: {energy: {kind: regression, outputs: [formation_energy], dropout: 0.0}}
folds: {count: 6, seed: 0, fold: 0}
tasks:
  - {kind: finetune, head: energy, exclude_shared: composition, epochs: 20, batch: 64, learning_rate: 2e-3, weight_decay: 0.05, validation_fraction: 0,
     data: {path: mp20.csv, part: train, targets: &label [{column: formation_energy_per_atom, quantity: formation_energy, unit: eV/atom}]}}
  - {kind: evaluate, head: energy, baselines: [], data: {path: mp20.csv, part: test, targets: *label}}
sweep:
  grid:
    encoder.width: [8, 16, 32]
    tasks.0.data.fraction: [0.0625, 0.125, 0.25, 0.5, 1.0]
"""


def write_table(path: Path) -> None:
    """Strings and formation energies of the shared structures."""
    made, notes = encode_table(
        read_table(SHARED / "mp20_binary_ternary.jsonl.gz"), "structure", None, "orbit", False
    )
    print(*notes, sep="\n")
    names = ("scope", "formation_energy_per_atom")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*(made.column(name) for name in names), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--finished", action="store_true", help="build nothing, tell what is done")
    options = parser.parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    if not (RUNS / "mp20.csv").exists():
        write_table(RUNS / "mp20.csv.part")
        (RUNS / "mp20.csv.part").replace(RUNS / "mp20.csv")
    (RUNS / "spec.yaml").write_text(SPEC)
    grid = grid_points(str(RUNS / "spec.yaml"))
    if not options.finished:
        sweep(grid, RUNS / "runs", log=lambda line: print(line, flush=True))
    write_results(finished(grid), len(grid))


def finished(grid: Sequence[Point]) -> SweepResult:
    """The runs that are done, and the law through them."""
    rows = []
    for point in grid:
        path = RUNS / "runs" / point.folder / "metrics.json"
        if path.exists():
            metrics = json.loads(path.read_text())
            sizes = {
                "parameters": metrics["parameters"],
                "crystals": metrics["training"]["finetune energy"]["crystals"],
            }
            rows.append({**point.settings, **sizes, "loss": metrics["tasks"][0]["mae"]})
    columns = (
        np.array([row[name] for row in rows], dtype=np.float64) for name in ("parameters", "crystals", "loss")
    )
    return SweepResult(RUNS, "mean absolute error of formation energy, eV/atom", rows, fit_law(*columns), "")


def write_results(found: SweepResult, count: int) -> None:
    """The table with the law, and the plot."""
    assert found.law is not None
    lines = [
        found.measure,
        f"{'width':>6}{'fraction':>10}{'parameters':>12}{'crystals':>10}{'loss':>10}",
        *(
            f"{row['encoder.width']:6}{row['tasks.0.data.fraction']:10.4f}{row['parameters']:12}{row['crystals']:10}{row['loss']:10.4f}"
            for row in found.rows
        ),
        "",
        *found.law.lines(),
        f"{len(found.rows)} of {count} runs over mp20_binary_ternary, seed 0, one thread; benchmarks/studies/scaling_law.py",
    ]
    (RESULTS / "scaling_mp20.txt").write_text("\n".join(lines) + "\n")
    (RESULTS / "scaling_mp20.svg").write_text(standalone(plot(found)))
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
