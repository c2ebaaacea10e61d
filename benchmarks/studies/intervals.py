"""Do 80 % intervals hold what they promise, for easy and for hard crystals? Unseen labels of four tasks and of the shipped models.

    PYTHONPATH=benchmarks python benchmarks/studies/intervals.py [--folds 0,1,2,3,4] [--tasks phonons,K_VRH]     # needs the shared data; resumable

A task without a finished fold is left out. Each task is the preset `property` by `cloudkit build`, one fold held out at a time (folds of Matbench, one seed), its intervals set by the
tenth of the training crystals that also chooses the epoch. The shipped models are measured when they are made (`make shipped`,
`make shipped-materials`): the thermal one on five folds of its table, the others on every tenth composition.
Thirds: the crystals with the narrowest, middle and widest intervals. Table in results/intervals.txt.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from conftest import SHARED

from cloudkit.evaluate.coverage import measure_intervals
from cloudkit.models.runtime.runtime import shipped

TABLE, RUNS = Path(__file__).parents[1] / "results" / "intervals.txt", Path("runs/intervals")
TASKS = {  # file, column of labels, unit, transform, further targets
    "phonons": ("matbench_phonons", "last_phdos_peak_cm1", "1/cm", "none"),
    "K_VRH": ("elastic", "K_VRH", "GPa", "log"),
    "formation_energy": ("formation_energy_flla", "formation_energy_per_atom", "eV/atom", "none"),
    "heat_capacity": ("phonon_heat_capacity", "cv300_J_per_molcell_K", "J/mol_atom/K", "none"),
}
NAMES = "target", "prediction", "lower", "upper"


def build(task: str, fold: int) -> Path:
    """The folder of one fold's run, built unless it is there."""
    out = RUNS / f"{task}-{fold}"
    if (out / "metrics.json").is_file():
        return out
    file, label, unit, transform = TASKS[task]
    path = write_labels(file, label, per_atom=task == "heat_capacity")
    targets = [{"column": "value", "quantity": "value", "unit": unit, "missing": "skip"}]
    data = {
        "path": str(path),
        "columns": {"text": "scope", "structure": "structure", "id": "id"},
        "targets": targets,
    }
    changes = {
        "heads.value.transform": transform,
        "folds.fold": fold,
        "tasks.0.data": {**data, "part": "train"},
        "tasks.1.data": {**data, "part": "test"},
        "tasks.1.baselines": ["mean"],
    }
    options = [part for key, value in changes.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    command = [sys.executable, "-m", "cloudkit", "build", "property", *options, "--out", str(out)]
    subprocess.run(command, check=True)
    return out


def write_labels(file: str, label: str, *, per_atom: bool) -> Path:
    """The rows of a shared file with one column of labels, per atom where they are per cell."""
    import gzip

    path = (RUNS / f"{file}.jsonl").resolve()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(SHARED / f"{file}.jsonl.gz", "rt") as rows, path.open("w") as out:
            for number, line in enumerate(rows):
                row = json.loads(line)
                value = row[label] / row["n_atoms"] if per_atom else row[label]
                out.write(json.dumps({"id": number, "structure": row["structure"], "value": value}) + "\n")
    return path


def measured(task: str, folds: list[int]) -> tuple[int, dict[str, Any]]:
    """Crystals of all folds that are built, and their intervals as metrics.json has them."""
    rows: list[dict[str, str]] = []
    for fold in folds:
        path = RUNS / f"{task}-{fold}" / "predictions.csv"
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                rows += csv.DictReader(file)
    columns = {name: np.array([float(row[name]) for row in rows]) for name in NAMES}
    return len(rows), measure_intervals([row["scope"] for row in rows], columns) if rows else {}


def shipped_intervals() -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Model, quantity, crystals and intervals of what ships."""
    for name, folder in shipped().items():
        path = folder / "about.json"
        known = json.loads(path.read_text(encoding="utf-8"))["quantities"] if path.is_file() else []
        for one in known:
            if "intervals" in one:
                yield name, one["quantity"], one["rows"], one


def line(name: str, quantity: str, folds: str, count: int, found: dict[str, Any]) -> str:
    thirds = found["intervals"]["thirds"]
    inside = " ".join(f"{one['coverage']:.3f}" for one in thirds)
    errors = " ".join(f"{one['mae']:>9.4g}" for one in thirds)
    ratio = thirds[-1]["mae"] / thirds[0]["mae"]
    return f"{name:<12}{quantity:<22}{folds:>6}{count:>7}{found['coverage_of_80']:>9.3f}   {inside}  {errors}{ratio:>8.1f}"


def kinds(quantity: str, found: dict[str, Any]) -> str:
    parts = [
        f"{one['name']} {one['coverage']:.2f} ({one['crystals']})" for one in found["intervals"]["kinds"]
    ]
    return f"{quantity}: {', '.join(parts)}"


def write_table(folds: list[int]) -> None:
    head = f"{'model':<12}{'quantity':<22}{'folds':>6}{'rows':>7}{'inside':>9}   inside, by thirds  MAE, by thirds{'':>17}ratio"
    lines, groups = [head], []
    for task in TASKS:
        done = [fold for fold in folds if (RUNS / f"{task}-{fold}" / "predictions.csv").is_file()]
        count, found = measured(task, done)
        if found:
            lines.append(line("property", task, str(len(done)), count, found))
            groups.append(kinds(task, found))
    for name, quantity, count, found in shipped_intervals():
        lines.append(line(name, quantity, "5" if name == "thermal" else "-", count, found))
        groups.append(kinds(f"{name} {quantity}", found))
    lines += ["", "by kind (crystals):", *groups]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folds", default="0,1,2,3,4")
    parser.add_argument("--tasks", default=",".join(TASKS))
    options = parser.parse_args()
    folds = [int(one) for one in options.folds.split(",")]
    for fold in folds:
        for task in filter(None, options.tasks.split(",")):
            build(task, fold)
    write_table(folds)


if __name__ == "__main__":
    main()
