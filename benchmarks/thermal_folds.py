"""Heat capacity of unseen crystals on the built-in thermal set: the preset `thermal` against mean curve, ridge, extra trees and an oracle.

    make thermal-folds        # or: python benchmarks/thermal_folds.py [--seeds 3]; what is done already is not done again

Five folds, no composition in two of them, three seeds (of folds and weights). |ΔCv| as a share of 3R, averaged over crystals, and in
brackets the median crystal. Rows "+ phonons" also learn the built-in table of computed frequencies (two interatomic potentials),
less the crystals with the composition of a test crystal. The network starts from the shipped geometry model. The oracle is the best
single Debye temperature for each test crystal's own Cv(300 K). Settings were chosen by inner folds of the part `train`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from folds import grouped_folds, train_head
from numpy.typing import NDArray

from cloudkit.data import Crystals, read_builtin, tokenize
from cloudkit.evaluate import fit_predict
from cloudkit.evaluate.leakage import formula_key
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.kernels import thermodynamics
from cloudkit.models import predict_values
from cloudkit.modelspec import load_spec, tables_of
from cloudkit.tokens import Tokenizer
from cloudkit.units import DULONG_PETIT

Array = NDArray[np.float64]
RESULTS = Path(__file__).parent / "results"
DONE, TABLE = Path("runs/thermal_folds.jsonl"), RESULTS / "thermal_folds.txt"
BASELINES = ("mean", "ridge", "extra_trees", "boosted_trees")
NETWORK = "network"
PHONONS = " + phonons"
NAMES = ("mean", "ridge", "extra_trees", "oracle", f"boosted_trees{PHONONS}", NETWORK, f"{NETWORK}{PHONONS}")
FOLDS = 5
BANDS = {
    "20-150 K": (20, 149),
    "20-600 K": (20, 600),
    "75 K": (75, 75),
    "150 K": (150, 150),
    "600 K": (600, 600),
}


def oracle(crystals: Crystals) -> Array:
    """Cv (observations,) of the Debye temperature that gives each crystal its Cv(300 K)."""
    thetas = torch.logspace(1.3, 3.7, 4000, dtype=torch.float64)
    at_300 = thermodynamics(thetas, 300.0).heat_capacity
    rows = np.flatnonzero(crystals.temperature == 300)
    own = {int(crystals.crystal[row]): crystals.value[row] for row in rows}
    best = thetas[[int((at_300 - own[i]).abs().argmin()) for i in range(len(crystals))]]
    kelvin = torch.from_numpy(crystals.temperature)
    return thermodynamics(best[torch.from_numpy(crystals.crystal)], kelvin).heat_capacity.numpy()


def predict(name: str, crystals: Crystals, joint: Crystals, train: NDArray[np.int64], seed: int) -> Array:
    """Cv (observations of `crystals`,) by one contender that saw the crystals `train`, or those and the phonons of other compositions."""
    if name == "oracle":
        return oracle(crystals)
    known, rows = crystals, train
    if name.endswith(PHONONS):
        hidden = {formula_key(crystals.texts[i]) for i in np.setdiff1d(np.arange(len(crystals)), train)}
        known = joint
        rows = np.array(
            [i for i, text in enumerate(joint.texts) if formula_key(text) not in hidden], np.int64
        )
    texts = [crystals.texts[i] for i in crystals.crystal]
    kind = name.removesuffix(PHONONS)
    if kind in BASELINES:
        seen = known.select(rows)
        labels = seen.temperature, seen.value
        return fit_predict(
            kind, [seen.texts[i] for i in seen.crystal], *labels, texts, crystals.temperature, seed=seed
        )
    spec = load_spec("thermal", ["tasks.0.validation_fraction=0"])
    tokenizer, limit = Tokenizer("compact"), spec.tokens.max_length
    model = train_head(spec, known, tokenize(known.texts, tokenizer, limit), rows, seed)
    place = np.full(len(texts), model.value_head("thermal").outputs.index("heat_capacity"))
    tokens = tokenize(crystals.texts, tokenizer, limit)
    return predict_values(model, "thermal", tokens, crystals.crystal, place, crystals.temperature)


def errors(crystals: Crystals, prediction: Array, test: NDArray[np.int64]) -> dict[str, list[float]]:
    """For each band of temperatures, the mean |ΔCv| / 3R of each test crystal."""
    share = np.abs(prediction - crystals.value) / DULONG_PETIT
    out = {}
    for band, (low, high) in BANDS.items():
        inside = (crystals.temperature >= low) & (crystals.temperature <= high)
        out[band] = [float(share[inside & (crystals.crystal == i)].mean()) for i in test]
    return out


def table(records: list[dict[str, object]]) -> str:
    """One line per contender: mean (median) over crystals, and the spread of the means over seeds."""
    lines = [f"{'':<24}" + "".join(f"{band:>26}" for band in BANDS)]
    for name in dict.fromkeys(str(record["name"]) for record in records):
        cells = []
        for band in BANDS:
            own = [record for record in records if record["name"] == name]
            values = [value for record in own for value in record["errors"][band]]  # type: ignore[index]
            seeds = sorted({record["seed"] for record in own})  # type: ignore[type-var]
            means = [np.mean([v for r in own if r["seed"] == s for v in r["errors"][band]]) for s in seeds]  # type: ignore[index]
            cells.append(f"{np.mean(values):.4f} ({np.median(values):.4f}) ±{np.std(means):.4f}")
        lines.append(f"{name:<24}" + "".join(f"{cell:>26}" for cell in cells) + f"   {len(seeds)} seeds")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    spec = load_spec("thermal", ["tasks.0.data.join.0.part=all"])
    joint = read_task_data(spec, spec.tasks[0].data)
    crystals = read_task_data(spec, tables_of(spec.tasks[0].data)[0])
    columns = read_builtin("thermal").columns
    formula = dict(zip(columns["scope"], columns["formula"], strict=True))
    records = [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []
    done = {(record["name"], record["seed"], record["fold"]) for record in records}
    for seed in seeds:
        fold_of = grouped_folds([str(formula[text]) for text in crystals.texts], FOLDS, seed)
        for name in NAMES:
            for fold in range(FOLDS):
                if (name, seed, fold) in done:
                    continue
                train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
                found = errors(crystals, predict(name, crystals, joint, train, seed), test)
                records.append({"name": name, "seed": seed, "fold": fold, "errors": found})
                DONE.parent.mkdir(exist_ok=True)
                with DONE.open("a") as file:
                    file.write(json.dumps(records[-1]) + "\n")
            print(f"seed {seed}: {name} done", flush=True)
            order = {name: index for index, name in enumerate(NAMES)}
            TABLE.write_text(table(sorted(records, key=lambda record: order[str(record["name"])])))
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
