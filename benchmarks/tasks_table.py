"""The table of benchmarks/tasks.py from its lines: mean error over folds and seeds, and the gain over trees with its interval."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from task_sets import TASKS

RESULTS = Path(__file__).parent / "results"
DONE, TABLE = RESULTS / "tasks.jsonl", RESULTS / "tasks.txt"
COLUMNS: Final = ("extra_trees", "boosted_trees", "geometry", "scratch", "masked", "ensemble")
SHOWN: Final = ("extra_trees", "boosted_trees", "scratch", "masked", "geometry", "ensemble")

PUBLISHED: Final = {
    "phonons": "~40.9",
    "heat_capacity_train": "0.057",
}  # CLOUD; other tasks have no figure for these folds

Line = dict[str, Any]


def read_lines() -> list[Line]:
    return [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []


def write_lines(lines: list[Line]) -> None:
    DONE.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_table() -> None:
    """Write results/tasks.txt and print it."""
    lines = read_lines()
    out = [
        f"{'task':<22}{'unit':<14}{'published':>12}"
        + "".join(f"{name:>16}" for name in SHOWN)
        + f"{'gain of the best over trees, 95 %':>46}"
    ]
    for name, task in TASKS.items():
        own = [line for line in lines if line["task"] == name]
        cells = "".join(f"{_cell(own, column, task.score):>16}" for column in SHOWN)
        out.append(
            f"{name:<22}{task.unit:<14}{PUBLISHED.get(name, '-'):>12}{cells}{_gain(own, task.score):>46}"
        )
    for words, key in (("parameters", "parameters"), ("CPU seconds per fold", "seconds")):
        out.append(f"{words:<48}" + "".join(f"{_range(lines, column, key):>16}" for column in SHOWN))
    out += [
        "Mean of folds, then of seeds (folds x seeds done); ensemble: mean of as many geometry models as seeds, and trees; gain: paired by",
        "row. Published CLOUD: ~ read off its figure (2 %). Seconds of one core, least and most of the tasks' medians: without the",
        "pretraining of geometry (3 to 6 minutes per pool of tasks) and masked, and for the ensemble without its networks.",
    ]
    TABLE.write_text("\n".join(out) + "\n")
    print(TABLE.read_text())


def _range(lines: list[Line], column: str, key: str) -> str:
    """The least and the most of the medians of the tasks."""
    own = [line for line in lines if line["column"] == column]
    medians = [
        float(np.median([line[key] for line in own if line["task"] == name]))
        for name in {line["task"] for line in own}
    ]
    ends = sorted({f"{end:.0f}" for end in (min(medians), max(medians))}, key=float) if medians else []
    return " to ".join(ends) if any(medians) else "-"


def _best(own: list[Line], column: str) -> list[Line]:
    """The lines of a column; of an ensemble those with the most members on each fold."""
    found = [line for line in own if line["column"] == column]
    if column != "ensemble":
        return found
    most = {line["fold"]: line["seed"] for line in sorted(found, key=lambda line: int(line["seed"]))}
    return [line for line in found if line["seed"] == most[line["fold"]]]


def score(line: Line, kind: str) -> float:
    return float(line["mae"] / line["mad"] if kind == "mae_over_mad" else line["mae"])


def _cell(own: list[Line], column: str, kind: str) -> str:
    found = _best(own, column)
    if not found:
        return "-"
    folds, seeds = {line["fold"] for line in found}, {line["seed"] for line in found}
    mean = np.mean([score(line, kind) for line in found])
    count = f"{len(folds)}x{max(seeds) + 1 if column == 'ensemble' else len(seeds)}"
    return f"{mean:.4g} ({count})"


def _gain(own: list[Line], kind: str) -> str:
    """Of geometry (first seed) or the ensemble over the better kind of trees on the same folds, paired and pooled over their rows."""
    columns = [_best(own, "ensemble"), [line for line in _best(own, "geometry") if line["seed"] == 0]]
    most = max(len(lines) for lines in columns)
    best = min((lines for lines in columns if len(lines) == most), key=lambda some: _mean(some, kind))
    folds = {line["fold"] for line in best}
    all_trees = {name: _best(own, name) for name in ("extra_trees", "boosted_trees")}
    same = {name: [one for one in some if one["fold"] in folds] for name, some in all_trees.items()}
    rivals = {name: _mean(some, kind) for name, some in same.items() if some and len(some) == len(folds)}
    if not rivals:
        return "-"
    rival = min(rivals, key=lambda name: rivals[name])
    known = [(line["rows"], *line[f"gain_{rival}"], line["mad"]) for line in best if f"gain_{rival}" in line]
    if len(known) < len(best):
        return "-"
    rows = np.array([one[0] for one in known], dtype=float)
    scale = np.array([one[3] if kind == "mae_over_mad" else 1.0 for one in known])
    gain, sd = np.array([one[1] for one in known]) / scale, np.array([one[2] for one in known]) / scale
    mean = (rows * gain).sum() / rows.sum()
    variance = (rows * (sd**2 + (gain - mean) ** 2)).sum() / rows.sum()
    return f"{best[0]['column']}, {rival}: {mean:.3g} ± {1.96 * np.sqrt(variance / rows.sum()):.2g}"


def _mean(lines: list[Line], kind: str) -> float:
    return float(np.mean([score(line, kind) for line in lines])) if lines else float("inf")
