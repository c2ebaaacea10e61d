"""Measured heat capacities of ordered solids (JANAF 1998, as the package `chemicals` carries them) and predictions: make janaf

janaf_structures.csv holds CAS number, formula, SCOPE string and where the structure is from: the AMCSD code, NCrystal material or AFLOW
prototype whose string it equals. Each solid is predicted by a model of the preset `thermal` whose training rows hold no crystal of
its composition, neither in the table thermal nor in phonons (five groups of solids, one training each). Measured is Cp; predicted is Cv + A Cv² T with A = 5e-6 mol/J for all (Nernst
and Lindemann 1911), which is what "Cp - Cv" below is. The rival is the mean curve of the same
training rows. At 500 and 1,000 K only solids that are measured there count.
"""

import csv
import re
from importlib.metadata import version
from math import gcd
from pathlib import Path

import numpy as np
from folds import grouped_folds, train_head

from cloudkit.data import Tokens, tokenize
from cloudkit.evaluate import fit_predict
from cloudkit.evaluate.task_data import read_task_data
from cloudkit.models import predict_values
from cloudkit.modelspec import load_spec, tables_of
from cloudkit.scope import parse
from cloudkit.tokens import Tokenizer

HERE = Path(__file__).parent
STRUCTURES, TABLE, PICTURE = (
    HERE / "janaf_structures.csv",
    HERE / "results" / "janaf.txt",
    HERE / "results" / "janaf.png",
)
TEMPERATURES = (100.0, 200.0, 298.15, 500.0, 1000.0)  # K
REQUIRED = 3  # of them, at which each solid is measured
CP_MINUS_CV = 5e-6  # mol/J
GROUPS = 5


def measured() -> dict[str, dict[float, float]]:
    """CAS -> temperature in K -> Cp in J per mole of formula units and K."""
    from chemicals import heat_capacity

    heat_capacity._load_Cp_data()
    return {cas: dict(zip(t, cp, strict=True)) for cas, (t, cp) in heat_capacity.Cp_dict_JANAF_solid.items()}


def composition(text: str) -> tuple[tuple[str, int], ...]:
    """Reduced composition of an orbit string: polymorphs share it."""
    counts = {element: round(count) for element, count in parse(text).composition.items()}
    divisor = gcd(*counts.values())
    return tuple(sorted((element, count // divisor) for element, count in counts.items()))


def atoms_in(formula: str) -> int:
    return sum(int(count or 1) for _, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula))


def predictions(solids: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Cp (solids, temperatures) per mole of atoms by models that saw no crystal of the composition, and by their mean curves."""
    spec = load_spec("thermal", ["tasks.0.data.join.0.part=all", "tasks.0.validation_fraction=0"])
    crystals = read_task_data(spec, spec.tasks[0].data)
    tokenizer = Tokenizer("compact")
    tokens = tokenize(crystals.texts, tokenizer, spec.tokens.max_length)
    of_training = [composition(text) for text in crystals.texts]
    of_solids = [composition(solid["scope"]) for solid in solids]
    fold = grouped_folds([str(one) for one in of_solids], GROUPS, seed=0)
    model_cp, mean_cp = (np.zeros((len(solids), len(TEMPERATURES))) for _ in range(2))
    for group in range(GROUPS):
        own = np.flatnonzero(fold == group)
        hidden = {of_solids[i] for i in own}
        rows = np.array([i for i, one in enumerate(of_training) if one not in hidden])
        texts = [solids[i]["scope"] for i in own for _ in TEMPERATURES]
        kelvin = np.tile(TEMPERATURES, len(own))
        model = train_head(spec, crystals, tokens, rows, seed=0)
        packed = Tokens(*tokenizer.encode_batch([solids[i]["scope"] for i in own]))
        sequence, quantity = (
            np.repeat(np.arange(len(own)), len(TEMPERATURES)),
            np.zeros(len(texts), dtype=np.int64),
        )
        seen = np.isin(crystals.crystal, rows)
        labels = crystals.temperature[seen], crystals.value[seen]
        known = [crystals.texts[i] for i in crystals.crystal[seen]]
        for out, cv in (
            (model_cp, predict_values(model, "thermal", packed, sequence, quantity, kelvin)),
            (mean_cp, fit_predict("mean", known, *labels, texts, kelvin)),
        ):
            out[own] = (cv + CP_MINUS_CV * cv**2 * kelvin).reshape(len(own), -1)
        print(
            f"group {group + 1} of {GROUPS}: {len(rows)} crystals to train, {len(own)} solids predicted",
            flush=True,
        )
    return model_cp, mean_cp


def main() -> None:
    with STRUCTURES.open(newline="") as file:
        solids = list(csv.DictReader(file))
    cp = measured()
    solids = [solid for solid in solids if all(t in cp[solid["cas"]] for t in TEMPERATURES[:REQUIRED])]
    truth = np.array(
        [[cp[s["cas"]].get(t, np.nan) / atoms_in(s["formula"]) for t in TEMPERATURES] for s in solids]
    )
    found, mean = predictions(solids)
    trained = {composition(text) for text in _reference_texts()}
    lines = [
        f"{len(solids)} ordered solids of JANAF 1998 (chemicals {version('chemicals')}), {sum(composition(s['scope']) not in trained for s in solids)} "
        f"of compositions that the table thermal does not hold; Cp in J/mol_atom/K, Cp - Cv = {CP_MINUS_CV:g} mol/J Cv² T",
        f"{'T (K)':>8}{'solids':>8}{'MAE':>8}{'median':>8}{'MAE %':>8}{'bias':>8}{'mean curve':>12}{'Cp - Cv':>9}",
    ]
    for column, kelvin in enumerate(TEMPERATURES):
        there = np.isfinite(truth[:, column])
        cp_found, cp_true = found[there, column], truth[there, column]
        error, share = cp_found - cp_true, np.abs(cp_found / cp_true - 1)
        rival = np.abs(mean[there, column] - cp_true).mean()
        cv = (np.sqrt(1 + 4 * CP_MINUS_CV * kelvin * cp_found) - 1) / (2 * CP_MINUS_CV * kelvin)
        lines.append(
            f"{kelvin:8g}{len(error):8d}{np.abs(error).mean():8.2f}{np.median(np.abs(error)):8.2f}{100 * share.mean():8.1f}"
            f"{error.mean():8.2f}{rival:12.2f}{(cp_found - cv).mean():9.2f}"
        )
    off = np.abs(found - truth)[:, :REQUIRED].mean(1)
    worst = np.argsort(-off)[:8]
    lines.append("worst: " + ", ".join(f"{solids[i]['formula']} {off[i]:.1f}" for i in worst))
    TABLE.write_text("\n".join(lines) + "\n")
    print(TABLE.read_text())
    draw(truth, found)


def _reference_texts() -> list[str]:
    spec = load_spec("thermal", ["tasks.0.data.join.0.part=all"])
    return read_task_data(spec, tables_of(spec.tasks[0].data)[0]).texts


def draw(truth: np.ndarray, found: np.ndarray) -> None:
    """Predicted against measured, one panel for each temperature."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), dpi=90, layout="constrained")
    for column, (axes, kelvin) in enumerate(
        zip(figure.subplots(1, REQUIRED), TEMPERATURES[:REQUIRED], strict=True)
    ):
        ends = 0, 1.05 * max(truth[:, column].max(), found[:, column].max())
        axes.plot(ends, ends, color="#9aa6b5", linewidth=0.8)
        axes.plot(
            truth[:, column],
            found[:, column],
            "o",
            color="#1d5fd1",
            markersize=3.5,
            alpha=0.6,
            markeredgewidth=0,
        )
        axes.set(
            title=f"{kelvin:g} K", xlabel="measured Cp (J/mol_atom/K)", xlim=ends, ylim=ends, aspect="equal"
        )
        axes.set_ylabel("predicted" if column == 0 else "")
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
