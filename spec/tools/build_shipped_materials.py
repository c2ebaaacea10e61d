"""Make the models of `cloudkit predict materials`: python spec/tools/build_shipped_materials.py SHARED_DATA [RUNS]

For each spec in spec/tools/shipped: the tables of data_materials.py, `cloudkit build`, weights in float16, a card with the
errors on the compositions held out. RUNS keeps the builds; one that is there already, whole, is not made again.
Then shipped/materials: `about.json` (errors, data, licences) and `known.npz` (what the models learned from).
"""

import csv
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from data_materials import SOURCES, is_test
from data_materials import main as make_tables
from safetensors.torch import load_file

from cloudkit.models import save_weights, to_half
from cloudkit.models.runtime import RegressionHead, read_runtime
from cloudkit.modelspec import load_spec
from cloudkit.predict.known import MAX_ELEMENTS, site_hash
from cloudkit.scope import parse, reduced_formula
from cloudkit.tables import ELEMENT
from cloudkit.tables.composition import whole_numbers
from cloudkit.train import build

HERE: Final = Path(__file__).resolve().parent
SHIPPED: Final = HERE.parents[1] / "cloudkit" / "models" / "shipped"
MODELS: Final = ("elastic", "lattice", "electronic", "optical")
FILES: Final = ("model.safetensors", "spec.yaml", "vocab.txt", "metrics.json")
MOST: Final = 6_000_000  # bytes of all shipped models
MATERIALS_PROJECT: Final = "Materials Project (CC-BY-4.0; cite A. Jain et al., APL Mater. 1 (2013) 011002)"
DATA: Final = {
    "elastic": [
        f"{MATERIALS_PROJECT}, by Matbench (MIT), matminer and matcalc (BSD-3); elastic constants: cite M. de Jong et al., "
        "Sci. Data 2 (2015) 150009"
    ],
    "lattice": [
        "AFLOW (cite C. Toher et al., Phys. Rev. B 90 (2014) 174107 and S. Curtarolo et al., Comput. Mater. Sci. 58 (2012) 227): "
        "quasi-harmonic Debye model on computed elastic data"
    ],
    "electronic": [
        f"{MATERIALS_PROJECT}",
        "WBM (CC-BY-4.0; cite H.-C. Wang, S. Botti and M. A. L. Marques, npj Comput. Mater. 7 (2021) 12)",
    ],
    "optical": [
        f"{MATERIALS_PROJECT}, by Matbench (MIT) and the CLOUD repository (MIT; arXiv 2506.17345); dielectric "
        "constants: cite I. Petousis et al., Sci. Data 4 (2017) 160134"
    ],
}
LEVEL: Final = "PBE or PBE+U; band gaps of PBE are about 40 % below measured ones"
LABELS: Final = ("debye_temperature", "thermal_conductivity", "bulk_modulus", "shear_modulus", "formation_energy", "band_gap", "refractive_index")  # fmt: skip


def main(shared: Path, runs: Path) -> None:
    torch.set_num_threads(1)
    tables = runs / "data"
    if not tables.exists():
        make_tables(shared, tables)
    about = {name: ship(name, tables, runs / name) for name in MODELS}
    folder = SHIPPED / "materials"
    folder.mkdir(parents=True, exist_ok=True)
    save_known(tables, folder / "known.npz")
    text = json.dumps({"level": LEVEL, "models": about}, indent=1, ensure_ascii=False)
    (folder / "about.json").write_text(text + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    print(f"{SHIPPED}: {size:,} bytes")
    assert size < MOST, f"{size:,} bytes are too many for the wheel"


def ship(name: str, tables: Path, run: Path) -> dict[str, Any]:
    """Build a model unless it is there, copy it into the package, and say what it can."""
    if not all((run / file).is_file() for file in FILES):
        text = (HERE / "shipped" / f"{name}.yaml").read_text(encoding="utf-8")
        (tables / f"{name}.yaml").write_text(text, encoding="utf-8")
        build(load_spec(tables / f"{name}.yaml"), run)
    target = SHIPPED / name
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "vocab.txt", target / "vocab.txt")
    spec = (run / "spec.yaml").read_text(encoding="utf-8").replace(f"{tables.resolve()}/", "")
    (target / "spec.yaml").write_text(spec, encoding="utf-8")
    save_weights(to_half(load_file(run / "model.safetensors")), target / "model.safetensors")
    weights = (target / "model.safetensors").read_bytes()
    about: dict[str, Any] = {
        "sha256": hashlib.sha256(weights).hexdigest(),
        "train_crystals": json.loads((run / "metrics.json").read_text())["tasks"][0]["train_crystals"],
        "data": DATA[name],
        "quantities": measure(name, tables, run),
    }
    (target / "card.md").write_text(card(name, about, len(weights)), encoding="utf-8")
    return about


def measure(name: str, tables: Path, run: Path) -> list[dict[str, Any]]:
    """Errors of the float16 model on the compositions held out, by NumPy, next to those of extra trees from the build."""
    runtime = read_runtime(SHIPPED / name)
    tasks = {task["quantity"]: task for task in json.loads((run / "metrics.json").read_text())["tasks"]}
    with (tables / f"{name}-test.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ids, offsets = runtime.tokenizer.encode_batch([row["scope"] for row in rows])
    out = []
    for head, module in runtime.heads.items():
        assert isinstance(module, RegressionHead)
        found = runtime.regress(head, ids, offsets)
        lower, upper = module.intervals(found)
        for place, quantity in enumerate(module.outputs):
            column = "metal" if quantity == "metal_probability" else quantity
            target = np.array([float(row[column] or "nan") for row in rows])
            there = ~np.isnan(target)
            error = np.abs(found[:, place] - target)
            inside = (lower[:, place] <= target) & (target <= upper[:, place])
            out.append(
                {
                    "quantity": quantity,
                    "rows": int(there.sum()),
                    "mae": float(error[there].mean()),
                    "trees_mae": tasks[quantity]["baselines"]["extra_trees"]["mae"],
                    "mean_mae": tasks[quantity]["baselines"]["mean"]["mae"],
                    "coverage_of_80": None if column == "metal" else float(inside[there].mean()),
                }
            )
    return out


def card(name: str, about: dict[str, Any], size: int) -> str:
    lines = [
        f"| {one['quantity']} | {one['rows']:,} | {one['mae']:.3g} | {one['trees_mae']:.3g} | {one['mean_mae']:.3g} | "
        + ("" if one["coverage_of_80"] is None else f"{one['coverage_of_80']:.0%}")
        + " |"
        for one in about["quantities"]
    ]
    dialect = "reduced" if name == "optical" else "orbit"
    return f"""# {name}

A model over symmetry strings of crystals (SCOPE, `{dialect}` dialect), one of those behind `cloudkit predict materials`. It reads
no coordinates: elements, Wyckoff positions and space group only. {size:,} bytes in float16, SHA-256 `{about["sha256"]}`.

## Errors on compositions that training has not seen

| quantity | crystals | MAE | of extra trees | of the mean | labels in 80 % intervals |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}

Units as `cloudkit predict` prints them. Every tenth composition is held out, the same ones for all models; trees saw the same
training rows.

## Data

{about["train_crystals"]:,} crystals, {"; ".join(about["data"])}. Level: {LEVEL if name != "lattice" else "PBE elasticity"}.

## Made

`make shipped-materials`: `spec/tools/shipped/{name}.yaml` on the tables of `spec/tools/data_materials.py`.

## Limits

- Two crystals with the same string get the same value: the model does not see volume, bond lengths or pressure.
- Ordered inorganic crystals, as computed at 0 K; of others, and of elements that are rare in the data, it guesses.
"""


def training_arrays(tables: Path) -> dict[str, Any]:
    """The training rows of all tables, one for each composition, group and set of sites, as cloudkit.predict.known reads them."""
    found: dict[tuple[str, int], dict[int, dict[str, float]]] = {}
    amounts: dict[str, dict[str, int]] = {}
    orbits = []
    for table in (*SOURCES, "optical"):
        with (tables / f"{table}-train.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                scope = parse(row["scope"])
                formula = reduced_formula(scope)
                counts = (
                    whole_numbers(scope.composition) if scope.dialect != "reduced" else amounts.get(formula)
                )
                if not counts or len(counts) > MAX_ELEMENTS or max(counts.values()) > 255:
                    continue
                assert not is_test(row["scope"])
                if scope.dialect == "orbit":
                    orbits.append(len(scope.orbits))
                amounts[formula] = counts
                of_formula = found.setdefault((formula, scope.space_group), {})
                # a reduced string does not say which sites
                places = list(of_formula) if scope.dialect == "reduced" else [site_hash(scope)]
                for place in places:
                    labels = of_formula.setdefault(place, {})
                    labels |= {name: float(row[name]) for name in LABELS if row.get(name)}
    rows = [
        (*key, place, labels) for key, of in sorted(found.items()) for place, labels in sorted(of.items())
    ]
    numbers = np.zeros((len(rows), MAX_ELEMENTS), dtype=np.uint8)
    counts_of = np.zeros((len(rows), MAX_ELEMENTS), dtype=np.uint8)
    for index, (formula, *_) in enumerate(rows):
        for column, (symbol, count) in enumerate(sorted(amounts[formula].items())):
            numbers[index, column], counts_of[index, column] = ELEMENT[symbol].number, count
    return {
        "numbers": numbers,
        "amounts": counts_of,
        "group": np.array([row[1] for row in rows], dtype=np.uint8),
        "sites": np.array([row[2] for row in rows], dtype=np.uint32),
        "labels": np.array([[row[3].get(name, np.nan) for name in LABELS] for row in rows], dtype=np.float16),
        "quantities": np.array(LABELS),
        "most_orbits": np.array(np.quantile(orbits, 0.999), dtype=np.int64),
    }


def save_known(tables: Path, path: Path) -> None:
    arrays = training_arrays(tables)
    np.savez_compressed(path, **arrays)
    print(f"{path}: {len(arrays['group']):,} crystals, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as kept:
            main(Path(sys.argv[1]), Path(kept))
