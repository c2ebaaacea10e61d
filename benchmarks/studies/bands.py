"""Do the bands of the thermal head hold what they promise? Crystals of the built-in set that neither training nor the band has seen.

    PYTHONPATH=benchmarks python benchmarks/studies/bands.py [--seeds 3]      # about 5 minutes on one core; writes results/bands.txt

As the preset `thermal` does it: 10 % of the training crystals are held out, those of the table thermal among them set the band,
the others train. Five folds, no composition in two of them.
Of the test crystals: the share whose own best factor on all frequencies lies within the band (the promise is 80 %), the share of
their Cv between 20 and 600 K that lies between the two curves, and half the mean distance of the curves as a share of 3R.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from folds import grouped_folds, train_head

from cloudkit.data import Crystals, Tokens, tokenize
from cloudkit.evaluate.leakage import formula_key
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.models import CloudModel, Thermal, pool
from cloudkit.modelspec import load_spec, tables_of
from cloudkit.tokens import Tokenizer
from cloudkit.train.calibrate import calibration_rows, fit_band
from cloudkit.units import DULONG_PETIT

TABLE = Path(__file__).parents[1] / "results" / "bands.txt"
FOLDS = 5


def coverage(
    model: CloudModel, head: Thermal, tokens: Tokens, crystals: Crystals, test: np.ndarray
) -> tuple[float, float, float]:
    """Share of crystals within the band, share of Cv between the curves, half the mean distance of the curves / 3R."""
    band = float(head.band)
    pooled = pool(model, tokens)
    inside = []
    for crystal in test.tolist():  # the band of one crystal is the size of its own best factor
        fit_band(model, head, tokens, crystals.of(np.array([crystal])), np.array([crystal]))
        inside.append(float(head.band) <= band)
    seen = np.isin(crystals.crystal, test) & (crystals.temperature >= 20) & (crystals.temperature <= 600)
    kelvin = torch.from_numpy(crystals.temperature[seen]).float()[:, None]
    with torch.no_grad():
        modes = head.modes(pooled[torch.from_numpy(crystals.crystal[seen])])
        low, high = (
            modes.scaled(float(np.exp(way * band))).thermodynamics(kelvin).heat_capacity[:, 0].numpy()
            for way in (1, -1)
        )
    value = crystals.value[seen]
    between = (np.minimum(low, high) <= value) & (value <= np.maximum(low, high))
    return (
        float(np.mean(inside)),
        float(between.mean()),
        float(np.abs(high - low).mean()) / 2 / DULONG_PETIT,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    spec = load_spec("thermal", ["tasks.0.data.join.0.part=all"])
    crystals = read_task_data(spec, spec.tasks[0].data)
    reference = read_task_data(spec, tables_of(spec.tasks[0].data)[0])
    tokens = tokenize(crystals.texts, Tokenizer("compact"), spec.tokens.max_length)
    formulas = [formula_key(text) for text in crystals.texts]
    found = []
    for seed in range(seeds):
        fold_of = grouped_folds(
            formulas[: len(reference)], FOLDS, seed
        )  # the joined set begins with the reference
        for fold in range(FOLDS):
            test = np.flatnonzero(fold_of == fold)
            hidden = {formulas[i] for i in test}
            rows = np.array([i for i, formula in enumerate(formulas) if formula not in hidden])
            held_out = rows[grouped_folds([formulas[i] for i in rows], 10, seed) == 0]
            model = train_head(spec, crystals, tokens, np.setdiff1d(rows, held_out), seed)
            head = model.value_head("thermal")
            assert isinstance(head, Thermal)
            known = calibration_rows(crystals.of(held_out))
            fit_band(model, head, tokens, known, np.unique(known.crystal))
            found.append(coverage(model, head, tokens, crystals.of_first_source(), test))
            print(f"seed {seed}, fold {fold}: {found[-1]}", flush=True)
    each = np.array(found).reshape(seeds, FOLDS, 3).mean(axis=1)
    names = ("crystals within their band", "Cv(20-600 K) between the curves", "half distance / 3R")
    lines = [f"built-in thermal set, {FOLDS} folds, {seeds} seeds; 80 % is the promise for crystals"]
    lines += [f"{name:<34}{each[:, i].mean():.3f} ±{each[:, i].std():.3f}" for i, name in enumerate(names)]
    TABLE.write_text("\n".join(lines) + "\n")
    print(TABLE.read_text())


if __name__ == "__main__":
    main()
