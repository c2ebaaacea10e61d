"""How many unseen labels lie in their 80 % intervals: phonons and heat capacity, all folds of benchmarks/tasks.py.

    PYTHONPATH=benchmarks python benchmarks/studies/intervals.py     # needs the shared data; pretraining and recipe as in tasks.py, one seed; resumable

As the key `validation_fraction: 0.2` of a finetune task has it: a fifth of a fold's training crystals chooses the epoch and sets the interval (split
conformal); the coverage is counted on the test rows of the fold. Table in results/intervals.txt.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from folds import train_head
from task_sets import FOLDS, TASKS, folds, labelled
from tasks import RUNS, packed, pretrained, recipe, spec_of

from cloudkit.data import split_crystals
from cloudkit.models import Regression, predict_interval, predict_values

RESULTS = Path(__file__).parents[1] / "results"
DONE, TABLE = RUNS / "intervals.jsonl", RESULTS / "intervals.txt"
NAMES = ("phonons", "heat_capacity_train")
VALID = 0.2


def measure(name: str, fold: int) -> dict[str, Any]:
    """Labels inside their intervals on the test rows of a fold, and the mean width of the intervals."""
    data, tokens, (train, test) = labelled(name), packed(name), folds(name, fold)
    chosen, held = (train[part] for part in split_crystals(len(train), VALID, 0))
    weights = {
        key: value for key, value in pretrained("geometry", name).items() if key.startswith("encoder.")
    }
    model = train_head(spec_of(TASKS[name].dialect), data.crystals, tokens, chosen, 0, weights, held)
    head = model.heads["value"]
    assert isinstance(head, Regression)

    def predict(rows: Any) -> tuple[Any, Any, Any]:
        known = data.crystals.of(rows)
        nothing = np.full(len(known.crystal), np.nan)
        found = predict_values(model, "value", tokens, known.crystal, np.zeros_like(known.crystal), nothing)
        return found, np.zeros_like(known.crystal), known.value

    head.fit_band(*(torch.from_numpy(part) for part in predict(held)))
    found, quantity, value = predict(test)
    lower, upper = predict_interval(model, "value", found, quantity)
    inside = (value >= lower) & (value <= upper)
    return {
        "task": name, "fold": fold, "recipe": recipe(name, "geometry"), "rows": len(value), "held_out": len(held),
        "inside": int(inside.sum()), "width": float((upper - lower).mean()), "mae": float(np.abs(found - value).mean()),
    }  # fmt: skip


def write_table(lines: list[dict[str, Any]]) -> None:
    out = [f"{'task':<22}{'rows':>8}{'inside':>8}{'coverage':>10}   of each fold"]
    for name in NAMES:
        own = [line for line in lines if line["task"] == name]
        rows, inside = (sum(line[key] for line in own) for key in ("rows", "inside"))
        each = " ".join(f"{line['inside'] / line['rows']:.3f}" for line in own)
        out.append(f"{name:<22}{rows:>8}{inside:>8}{inside / max(rows, 1):>10.3f}   {each}")
    out.append("80 % intervals, split conformal on a fifth of the training crystals of each fold, one seed")
    TABLE.write_text("\n".join(out) + "\n")
    print(TABLE.read_text())


def main() -> None:
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []
    lines = [line for line in lines if line["recipe"] == recipe(line["task"], "geometry")]
    done = {(line["task"], line["fold"]) for line in lines}
    for name in NAMES:
        for fold in range(FOLDS):
            if (name, fold) not in done:
                lines.append(measure(name, fold))
                DONE.write_text("".join(json.dumps(line) + "\n" for line in lines))
                print(lines[-1], flush=True)
    write_table(lines)


if __name__ == "__main__":
    main()
