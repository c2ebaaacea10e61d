"""The stage `evaluate`: a model's predictions on held-out rows, and those of baselines trained on the same rows as it."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import Crystals
from cloudkit.units import canonical_unit

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Observations of one quantity. crystals: which crystal of `data`; temperature in K or NaN; value per atom; (n,)."""

    data: Crystals
    crystal: NDArray[np.int64]
    temperature: Array
    value: Array

    @property
    def texts(self) -> list[str]:
        """The string of each observation."""
        return [self.data.texts[index] for index in self.crystal.tolist()]


def rows_of(crystals: Crystals, quantity: str, keep: NDArray[np.int64] | None = None) -> Rows:
    """The observations of a quantity, only of the crystals `keep` if given."""
    chosen = np.isin(
        crystals.quantity, [crystals.quantities.index(quantity)] if quantity in crystals.quantities else []
    )
    if keep is not None:
        chosen &= np.isin(crystals.crystal, keep)
    return Rows(crystals, crystals.crystal[chosen], crystals.temperature[chosen], crystals.value[chosen])


def evaluate_quantity(
    head: str, quantity: str, test: Rows, train: Rows, prediction: Array, baselines: list[str], seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Metrics of one quantity, as in metrics.json, and its lines of predictions.csv; prediction (test rows,)."""
    from cloudkit.property.baselines import fit_predict
    from cloudkit.property.metrics import summarize

    mean = float(train.value.mean()) if len(train.value) else float(test.value.mean())
    guesses = {
        name: fit_predict(
            name, train.texts, _kelvin(train), train.value, test.texts, _kelvin(test), seed=seed
        )
        for name in baselines
    }  # fmt: skip

    def score(guess: Array) -> dict[str, float]:
        return summarize(test.value, guess, quantity=quantity, train_mean=mean)

    metrics = {
        "head": head,
        "quantity": quantity,
        "unit": canonical_unit(quantity),
        "rows": len(test.value),
        "crystals": len(np.unique(test.crystal)),
        "train_rows": len(train.value),
        "train_crystals": len(np.unique(train.crystal)),
        "crystals_in_training": len(set(test.texts) & set(train.texts)),
        **score(prediction),
        "baselines": {name: score(guess) for name, guess in guesses.items()},
    }
    return metrics, _lines(head, quantity, test, prediction, guesses)


def _kelvin(rows: Rows) -> Array | None:
    return None if np.isnan(rows.temperature).all() else rows.temperature


def _lines(
    head: str, quantity: str, test: Rows, prediction: Array, guesses: dict[str, Array]
) -> list[dict[str, Any]]:
    unit = canonical_unit(quantity)
    lines = []
    for row, crystal in enumerate(test.crystal.tolist()):
        kelvin = test.temperature[row]
        lines.append(
            {
                "head": head,
                "id": test.data.ids[crystal],
                "scope": test.data.texts[crystal],
                "quantity": quantity,
                "temperature": "" if np.isnan(kelvin) else float(kelvin),
                "target": float(test.value[row]),
                "prediction": float(prediction[row]),
                "unit": unit,
                **{name: float(guess[row]) for name, guess in guesses.items()},
            }
        )
    return lines


def write_evaluation(folder: Path, metrics: list[dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    """Write ``metrics.json`` and ``predictions.csv`` of one evaluate task."""
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    write_lines(folder / "predictions.csv", lines)


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    """A CSV file with the columns of all lines, empty where a line has no such column."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(lines)
