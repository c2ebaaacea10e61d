"""How the error of formation energy falls with size and data: `cloudkit sweep` over fifteen models, and the law through them.

    python benchmarks/scaling_law.py        # writes results/scaling_mp20.{txt,svg}; about 10 minutes of one core, goes on where it was

Needs the shared data: 14,258 binary and ternary cells of the Materials Project (CC-BY-4.0). A sixth of the rows is the test part; rows that share
composition and space group with one of them are left out of training. Every model sees its crystals 20 times, so that fewer
crystals also mean fewer steps. One seed: the intervals are those of the fit, not of the seeds.
"""

import argparse
import csv
import shutil
from pathlib import Path

import numpy as np
from conftest import SHARED

from cloudkit.data import read_table
from cloudkit.data.geometry import encode_table
from cloudkit.train import points, sweep

RESULTS, RUNS = Path(__file__).parent / "results", Path("runs/scaling")
SPEC = """
cloudkit: 1
name: scaling-mp20
encoder: {kind: transformer, layers: 2, heads: 4, width: 32, dropout: 0.0, merge: true, pooling: attention}
heads: {energy: {kind: regression, outputs: [formation_energy], dropout: 0.0}}
folds: {count: 6, seed: 0, fold: 0}
tasks:
  - {kind: finetune, head: energy, apart: composition, epochs: 20, batch: 64, learning_rate: 2e-3, weight_decay: 0.05, valid: 0,
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
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    if not (RUNS / "mp20.csv").exists():
        write_table(RUNS / "mp20.csv.part")
        (RUNS / "mp20.csv.part").replace(RUNS / "mp20.csv")
    (RUNS / "spec.yaml").write_text(SPEC)
    found = sweep(points(str(RUNS / "spec.yaml")), RUNS / "runs", log=lambda line: print(line, flush=True))
    lines = [
        f"{found.measure}",
        f"{'width':>6}{'fraction':>10}{'parameters':>12}{'crystals':>10}{'loss':>10}",
    ]
    lines += [
        f"{row['encoder.width']:6}{row['tasks.0.data.fraction']:10.4f}{row['parameters']:12}{row['crystals']:10}{row['loss']:10.4f}"
        for row in found.rows
    ]
    lines += ["", *(found.law.lines() if found.law else [f"no law: {found.why}"])]
    if found.law:
        more = found.law.predict(np.array([1e6]), np.array([1e5]))[0]
        lines.append(
            f"the law at 1,000,000 parameters and 100,000 crystals: {more:.3f} eV/atom, far outside of what was measured"
        )
    lines.append("cloudkit sweep over mp20_binary_ternary, seed 0, one thread; benchmarks/scaling_law.py")
    (RESULTS / "scaling_mp20.txt").write_text("\n".join(lines) + "\n")
    shutil.copyfile(RUNS / "runs/sweep.svg", RESULTS / "scaling_mp20.svg")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
