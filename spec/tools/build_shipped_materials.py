"""Make the models of `cloudkit predict materials`: python spec/tools/build_shipped_materials.py SHARED_DATA [RUNS]

For each spec in spec/tools/shipped: the tables of data_materials.py, `cloudkit build`, weights in float16, a card with the
errors on the compositions held out. RUNS keeps the builds; finished ones are reused.
Each model has an `about.json` (errors, data, licences); shipped/materials holds that of the quantities which follow from several
models, and `known.npz` (what the models learned from).
"""

import csv
import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from data_materials import CLASSES, SOURCES, is_test
from data_materials import main as make_tables
from safetensors.torch import load_file

from cloudkit.data import Tokens
from cloudkit.evaluate.class_metrics import roc_auc
from cloudkit.evaluate.coverage import measure_intervals
from cloudkit.evaluate.metrics import mae
from cloudkit.models import save_weights, to_half
from cloudkit.modelspec import load_spec
from cloudkit.predict import Model
from cloudkit.predict.materials import derived_moduli
from cloudkit.predict.sheet import Interval
from cloudkit.predict.tables import Values
from cloudkit.predict.training_crystals import MAX_ELEMENTS, site_hash
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
        "0 eV/atom for 61 elements in their most stable form (structures: C. Kittel, Introduction to Solid State Physics)",
        "WBM (CC-BY-4.0; cite H.-C. Wang, S. Botti and M. A. L. Marques, npj Comput. Mater. 7 (2021) 12)",
    ],
    "optical": [
        f"{MATERIALS_PROJECT}, by Matbench (MIT) and the CLOUD repository (MIT; arXiv 2506.17345); dielectric "
        "constants: cite I. Petousis et al., Sci. Data 4 (2017) 160134"
    ],
}
JANAF: Final = HERE.parents[1] / "benchmarks" / "results" / "janaf.txt"
DERIVED: Final = [
    "youngs_modulus and poisson_ratio follow from bulk and shear modulus of the model elastic; heat_capacity_p from heat_capacity, "
    "thermal expansion, bulk modulus and volume",
    "heat_capacity_p: error of measured Cp at 298.15 K of 113 solids whose compositions training has not seen (JANAF 1998; "
    "benchmarks/results/janaf.txt, there with one Cp - Cv for all)",
]
Column = np.ndarray[Any, np.dtype[np.float64]]
LEVEL: Final = "PBE or PBE+U; band gaps of PBE are about 40 % below measured ones"
TREES: Final = ("extra_trees", "boosted_trees")
LABELS: Final = ("debye_temperature", "thermal_conductivity", "bulk_modulus", "shear_modulus", "formation_energy", "band_gap", "refractive_index")  # fmt: skip


def main(shared: Path, runs: Path) -> None:
    torch.set_num_threads(1)
    tables = runs / "data"
    if not tables.exists():
        make_tables(shared, tables)
    for name in MODELS:
        write_about(name, ship(name, tables, runs / name))
    folder = SHIPPED / "materials"
    folder.mkdir(parents=True, exist_ok=True)
    save_training_crystals(tables, folder / "known.npz")
    write_about("materials", {"data": DERIVED, "quantities": measure_derived(tables, runs)})
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    print(f"{SHIPPED}: {size:,} bytes")
    assert size < MOST, f"{size:,} bytes are too many for the wheel"


def write_about(name: str, about: dict[str, Any]) -> None:
    """What is known of a model, for `cloudkit models`, numbers to five digits."""
    text = json.dumps(rounded(about), ensure_ascii=False, separators=(",", ":"))
    (SHIPPED / name / "about.json").write_text(
        text.replace('{"quantity"', '\n{"quantity"') + "\n", encoding="utf-8"
    )


def rounded(value: Any) -> Any:
    """The same with all numbers to five digits."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def ship(name: str, tables: Path, run: Path) -> dict[str, Any]:
    """Build a model unless it is there, copy it into the package, and say what it can."""
    if not all((run / file).is_file() for file in FILES):
        text = (HERE / "shipped" / f"{name}.yaml").read_text(encoding="utf-8")
        (tables / f"{name}.yaml").write_text(text, encoding="utf-8")
        build(load_spec(tables / f"{name}.yaml"), run)
    target = SHIPPED / name
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "vocab.txt", target / "vocab.txt")
    spec = re.sub(r"(path: )\S*/", r"\1", (run / "spec.yaml").read_text(encoding="utf-8"))
    (target / "spec.yaml").write_text(spec, encoding="utf-8")
    save_weights(to_half(load_file(run / "model.safetensors")), target / "model.safetensors")
    for old in target.glob("trees-*.npz"):
        old.unlink()
    for trees in run.glob("trees-*.npz"):
        shutil.copyfile(trees, target / trees.name)
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
    """Errors and intervals of the float16 model on the compositions held out, by NumPy; errors of the better trees from the build."""
    model = Model(SHIPPED / name)
    tasks = json.loads((run / "metrics.json").read_text())["tasks"]
    scores = {task["quantity"]: task["baselines"] for task in tasks}
    with (tables / f"{name}-test.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tokens = Tokens(*model.tokenizer.encode_batch([row["scope"] for row in rows]))
    out = []
    for head in model.heads:
        values = model.values(head, tokens, np.empty(0))
        if values.classes is not None:
            out.append(measure_metals(rows, values, run))
            continue
        for place, quantity in enumerate(values.quantities):
            target = np.array([float(row[quantity] or "nan") for row in rows])
            there = np.flatnonzero(~np.isnan(target))
            ends = zip(("prediction", "lower", "upper"), values.ends, strict=True)
            columns = {"target": target[there], **{key: part[there, 0, place] for key, part in ends}}
            one = {
                "quantity": quantity,
                "rows": len(there),
                "mae": mae(columns["target"], columns["prediction"]),
                "trees_mae": min(scores[quantity][name]["mae"] for name in TREES),
                "mean_mae": scores[quantity]["mean"]["mae"],
            }
            out.append(one | measure_intervals([rows[row]["scope"] for row in there], columns))
    return out


def measure_metals(rows: list[dict[str, str]], values: Values, run: Path) -> dict[str, Any]:
    """Errors of the probability of being a metal, against 1 for metals and 0 for others."""
    known = [index for index, row in enumerate(rows) if row[CLASSES]]
    target = np.array([float(rows[index][CLASSES] == "metal") for index in known])
    probability = values.ends.value[known, 0, values.quantities.index(f"{CLASSES}_metal")]
    with (run / "predictions.csv").open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["quantity"] == CLASSES]
    label = np.array([float(line["target"] == "metal") for line in lines])
    rivals = {
        name: mae(label, np.array([float(line[f"{name} p(metal)"]) for line in lines]))
        for name in (*TREES, "mean")
    }
    return {
        "quantity": "metal_probability",
        "rows": len(known),
        "mae": mae(target, probability),
        "trees_mae": min(rivals[name] for name in TREES),
        "mean_mae": rivals["mean"],
        "roc_auc": roc_auc(target.astype(np.int64), np.column_stack([1 - probability, probability]), 1),
        "coverage_of_80": None,
    }


def measure_derived(tables: Path, runs: Path) -> list[dict[str, Any]]:
    """Errors of what follows from several models: of the moduli on the compositions held out, trees by the same formulas; of Cp
    as in benchmarks/results/janaf.txt.
    """
    with (tables / "elastic-test.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["bulk_modulus"] and row["shear_modulus"]]
    texts = [row["scope"] for row in rows]
    moduli = [np.array([float(row[name]) for row in rows]) for name in ("bulk_modulus", "shear_modulus")]
    model = Model(SHIPPED / "elastic")
    ends = model.values("elastic", Tokens(*model.tokenizer.encode_batch(texts)), np.empty(0)).ends
    parts = [Interval(*(part[:, 0, place] for part in ends)) for place in (0, 1)]
    with (runs / "elastic" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        lines = {(row["scope"], row["quantity"]): row for row in csv.DictReader(file)}
    rivals = {
        name: derive_moduli(
            *(
                [
                    np.array([float(lines[text, quantity][name]) for text in texts])
                    for quantity in ("bulk_modulus", "shear_modulus")
                ]
            )
        )
        for name in (*TREES, "mean")
    }
    target, found = derive_moduli(*moduli), derived_moduli(*parts)
    out = []
    for quantity, wanted in target.items():
        own = found[quantity]
        columns = {"target": wanted, "prediction": own.value, "lower": own.lower, "upper": own.upper}
        one: dict[str, Any] = {"quantity": quantity, "rows": len(texts), "mae": mae(wanted, own.value)}
        one["trees_mae"] = min(mae(wanted, rivals[name][quantity]) for name in TREES)
        one["mean_mae"] = mae(wanted, rivals["mean"][quantity])
        out.append(one | measure_intervals(texts, columns))
    return [*out, measured_cp()]


def derive_moduli(bulk: Column, shear: Column) -> dict[str, Column]:
    """Young's modulus and Poisson's ratio of isotropic solids."""
    return {
        "youngs_modulus": 9 * bulk * shear / (3 * bulk + shear),
        "poisson_ratio": (3 * bulk - 2 * shear) / (6 * bulk + 2 * shear),
    }


def measured_cp() -> dict[str, Any]:
    """Errors of Cp at 298.15 K from the table of measured solids."""
    line = next(
        line for line in JANAF.read_text(encoding="utf-8").splitlines() if line.strip().startswith("298.15")
    )
    solids, error, *_ = line.split()[1:]
    mean = line.split()[6]
    known = {
        "rows": int(solids),
        "mae": float(error),
        "trees_mae": None,
        "mean_mae": float(mean),
        "coverage_of_80": None,
    }
    return {"quantity": "heat_capacity_p", **known}


def card(name: str, about: dict[str, Any], size: int) -> str:
    lines = [
        f"| {one['quantity']} | {one['rows']:,} | {one['mae']:.3g} | {one['trees_mae']:.3g} | {one['mean_mae']:.3g} | "
        + ("" if one["coverage_of_80"] is None else f"{one['coverage_of_80']:.0%}")
        + " | "
        + ", ".join(f"{third['coverage']:.0%}" for third in one.get("intervals", {}).get("thirds", []))
        + " |"
        for one in about["quantities"]
    ]
    dialect = "reduced" if name == "optical" else "orbit"
    return f"""# {name}

A model over symmetry strings of crystals (SCOPE, `{dialect}` dialect), one of those behind `cloudkit predict materials`. It reads
no coordinates: elements, Wyckoff positions and space group only. {size:,} bytes in float16, SHA-256 `{about["sha256"]}`.

## Errors on compositions that training has not seen

| quantity | crystals | MAE | of the better trees | of the mean | labels in 80 % intervals | narrowest, middle, widest third |
| --- | --- | --- | --- | --- | --- | --- |
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
    """The training rows of all tables, one for each composition, group and set of sites, as cloudkit.predict.training_crystals reads them."""
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
                    if row.get(CLASSES) == "metal":
                        labels["band_gap"] = 0.0
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


def save_training_crystals(tables: Path, path: Path) -> None:
    arrays = training_arrays(tables)
    np.savez_compressed(
        path, **{name: np.array(array, order="F") for name, array in arrays.items()}
    )  # columns pack better
    print(f"{path}: {len(arrays['group']):,} crystals, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as kept:
            main(Path(sys.argv[1]), Path(kept))
