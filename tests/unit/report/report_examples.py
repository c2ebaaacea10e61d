"""A run folder as `build` leaves it, small and made up."""

import csv
import json
from pathlib import Path

from cloudkit.modelspec import dump, load_spec
from cloudkit.tables import generator_text

TEMPERATURES = (10, 100, 200, 300, 600)
HEAD = (
    "head",
    "id",
    "scope",
    "quantity",
    "temperature",
    "target",
    "prediction",
    "unit",
    "mean",
    "extra_trees",
)


def make_run(
    folder: Path, *, model_error: float = 0.5, tree_error: float = 0.8, crystals: int = 8, name: str = "Cr{}"
) -> Path:
    """Write the files of a run whose model and trees are off by a constant on every row."""
    folder.mkdir()
    text = f"{generator_text(225)} | Na 4a Cl 4b"
    rows = [
        ["thermal", name.format(i), text, "heat_capacity", kelvin, 10 + i, 10 + i + model_error, "J/mol_atom/K", 12, 10 + i + tree_error]
        for i in range(crystals) for kelvin in TEMPERATURES
    ]  # fmt: skip
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEAD, *rows])
    task = {
        "head": "thermal", "quantity": "heat_capacity", "unit": "J/mol_atom/K", "rows": len(rows), "crystals": crystals,
        "mae": model_error, "rmse": model_error, "mae_over_mad": 0.25, "share_of_3R": model_error / 24.9,
        "baselines": {"mean": {"mae": 2.5, "rmse": 3.0}, "extra_trees": {"mae": tree_error, "rmse": tree_error}},
    }  # fmt: skip
    curves = [
        {"stage": "finetune thermal", "epoch": e, "step": 2 * e, "train_loss": 1 / e, "valid_loss": 2 / e}
        for e in range(1, 6)
    ]
    write = {
        "metrics.json": {"tasks": [task], "seed": 7, "versions": {"torch": "9.9.9"}},
        "curves.json": curves,
        "timing.json": {"finetune": 12.34},
    }
    for file_name, content in write.items():
        (folder / file_name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "spec.yaml").write_text(dump(load_spec("thermal")), encoding="utf-8")
    return folder
