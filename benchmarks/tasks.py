"""One recipe on eight labelled sets: trees, from scratch, after masked or geometry pretraining, and an ensemble with trees.

    make tasks-table          # or: python benchmarks/tasks.py [--tasks a,b] [--columns c,d] [--folds 0,1] [--seeds 3] [--minutes 9]
    python benchmarks/tasks.py --inner phonons --set encoder.dropout=0.1     # a choice, on inner splits of fold 0 alone

Needs the shared data. Every piece (task, column, fold, seed) is a line of results/tasks.jsonl and is not done again; table in
results/tasks.txt. Folds: KFold(5, shuffle=True, random_state=18012019) over the rows (Matbench's for phonons). Pretraining
sees no crystal whose composition occurs in any of the eight sets. No training crystal shares composition and space
group with a test crystal. Recipe in tasks.yaml: a prototype's,
narrower for speed; --inner, which sees no test row, is for choosing a better one and has not been used for it yet.
"""

import argparse
import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from folds import train_head
from numpy.typing import NDArray
from safetensors.torch import load_file
from task_sets import FOLDS, TASKS, Labelled, folds, labelled, part, structures
from tasks_table import COLUMNS, DONE, read_lines, write_table
from torch import Tensor

from cloudkit.data import Crystals, Tokens, tokenize
from cloudkit.models import MixedModel, build_model, predict_geometry, predict_values, save_weights
from cloudkit.modelspec import PretrainTask, Spec, heads_of, parse_spec
from cloudkit.property.baselines import blend_trees, fit_predict
from cloudkit.tokens import Tokenizer
from cloudkit.train.loop import fit
from cloudkit.train.objectives import mixed
from cloudkit.train.progress import Silent
from cloudkit.train.work import make_fabric, prepare_mix, recipe_of, steady_threads

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
HERE = Path(__file__).parent
RUNS = Path("runs/tasks")  # weights and predictions; not committed
WEIGHTS = np.linspace(0, 0.6, 13)  # shares of the trees that a blend chooses from


def spec_of(dialect: str, changes: Sequence[str] = ()) -> Spec:
    text = (HERE / "tasks.yaml").read_text()
    return parse_spec(text, "tasks.yaml", Path(), [f"tokens.dialect={dialect}", *changes], check_files=False)


def pretrained(column: str, name: str, changes: Sequence[str] = ()) -> dict[str, Tensor]:
    """Weights after pretraining for a task: one model for all tasks of a dialect."""
    if column == "scratch":
        return {}
    dialect = TASKS[name].dialect
    mark = "".join(f"-{change}".replace("/", "_") for change in changes)
    path = RUNS / f"pretrain-{column}-{dialect}{mark}.safetensors"
    if not path.exists():
        pretrain(column, spec_of(dialect, changes), structures(dialect), path)
    return load_file(path)


def pretrain(column: str, spec: Spec, crystals: Crystals, path: Path) -> None:
    start = time.perf_counter()
    head = {"geometry": "shape", "masked": "hidden"}[column]
    task = next(one for one in spec.tasks if isinstance(one, PretrainTask) and head in heads_of(one))
    model, rows = build_model(spec, Tokenizer("compact")), np.arange(len(crystals))
    tokens = tokenize(crystals.texts, Tokenizer("compact"), spec.tokens.max_length)
    steady_threads(spec.encoder.width)
    crystals = prepare_mix(model, heads_of(task), tokens, crystals, rows)
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    loss, none = mixed(model, heads_of(task), tokens, crystals), np.empty(0, np.int64)
    module, recipe = MixedModel(model, heads_of(task)), recipe_of(task, spec.run.seed)
    weights, _ = fit(make_fabric(spec.run), module, loss, rows, none, recipe, folder, Silent(), "")
    save_weights(weights, path)
    print(f"{path.name}: {len(rows)} crystals, {time.perf_counter() - start:.0f} s", flush=True)


@cache
def packed(name: str) -> Tokens:
    return tokenize(labelled(name).crystals.texts, Tokenizer("compact"), 512)


def network(
    name: str, column: str, train: Rows, test: Rows, seed: int, changes: Sequence[str] = ()
) -> tuple[Array, int]:
    """Predictions (observations of `test`,) per atom, and the number of parameters."""
    data, spec = labelled(name), spec_of(TASKS[name].dialect, changes)
    weights = pretrained(
        column, name, [c for c in changes if c.startswith(("encoder", "tasks.0", "tasks.1", "heads.shape"))]
    )
    start = {key: value for key, value in weights.items() if key.startswith("encoder.")}
    model = train_head(spec, data.crystals, packed(name), train, seed, start)
    rows = data.crystals.crystal[np.isin(data.crystals.crystal, test)]
    zeros, none = np.zeros(len(rows), np.int64), np.full(len(rows), np.nan)
    return predict_values(model, "value", packed(name), rows, zeros, none), model.parameters_count


def trees(name: str, column: str, train: Rows, test: Rows) -> Array:
    fitted, asked = observations(labelled(name), train), observations(labelled(name), test)
    return fit_predict(column, fitted[0], None, fitted[1], asked[0], None)


def observations(data: Labelled, chosen: Rows) -> tuple[list[str], Array, Rows]:
    """Strings, labels and crystals of the labelled values of some crystals."""
    crystal = data.crystals.crystal[np.isin(data.crystals.crystal, chosen)]
    value = data.crystals.value[np.isin(data.crystals.crystal, chosen)]
    return [data.crystals.texts[index] for index in crystal], value, crystal


def informed_trees(name: str, train: Rows, test: Rows) -> Array:
    """Extra trees that also see the geometry that the pretrained model reads out of each string."""
    model = build_model(spec_of(TASKS[name].dialect), Tokenizer("compact"))
    model.load_state_dict(pretrained("geometry", name), strict=False)
    known = predict_geometry(model, "shape", packed(name))
    (seen, value, rows), (asked, _, of) = (observations(labelled(name), some) for some in (train, test))
    return blend_trees(seen, known[rows], value, seed=0).predict(asked, known[of])


def blend_share(name: str) -> float:
    """The share of the trees with the least error on an inner split of fold 0's training crystals."""
    kept = RUNS / f"blend-{name}.json"
    if not kept.exists():
        train, test = inner(name)
        net, _ = network(name, "geometry", train, test, 0)
        other, target = informed_trees(name, train, test), observations(labelled(name), test)[1]
        errors = [float(np.abs((1 - w) * net + w * other - target).mean()) for w in WEIGHTS]
        kept.write_text(json.dumps([float(WEIGHTS[int(np.argmin(errors))]), errors]))
    return float(json.loads(kept.read_text())[0])


def inner(name: str) -> tuple[Rows, Rows]:
    """A split of fold 0's training crystals, a fifth of them held out."""
    data, (train, _) = labelled(name), folds(name, 0)
    mine = np.isin(data.crystals.crystal, train)
    fifth = np.random.default_rng(0).permutation(train)[: len(train) // 5]
    fitted, held = part(data, mine & np.isin(data.crystals.crystal, fifth))
    return np.intersect1d(fitted, train), held


def predicted(name: str, column: str, fold: int, seed: int) -> Path:
    return RUNS / f"predicted-{name}-{column}-{fold}-{seed}.npy"


def piece(name: str, column: str, fold: int, seed: int) -> dict[str, Any]:
    """Do one piece and tell its errors; the difference to each kind of trees is that of the errors, row by row."""
    start, (train, test) = time.perf_counter(), folds(name, fold)
    size = 0
    if column == "ensemble":
        members = [np.load(predicted(name, "geometry", fold, one)) for one in range(seed + 1)]
        share = blend_share(name)
        found = (1 - share) * np.mean(members, axis=0) + share * informed_trees(name, train, test)
    elif column in ("extra_trees", "boosted_trees"):
        found = trees(name, column, train, test)
    else:
        found, size = network(name, column, train, test, seed)
    np.save(predicted(name, column, fold, seed), found)
    error = absolute(name, test, found)
    line: dict[str, Any] = {"task": name, "column": column, "fold": fold, "seed": seed, "rows": len(error)}
    line |= {"mae": float(error.mean()), "mad": spread(name, train, test), "parameters": size}
    for rival in ("extra_trees", "boosted_trees"):
        if column != rival and predicted(name, rival, fold, 0).exists():
            gain = absolute(name, test, np.load(predicted(name, rival, fold, 0))) - error
            line[f"gain_{rival}"] = [float(gain.mean()), float(gain.std())]
    return line | {"seconds": round(time.perf_counter() - start, 1)}


def absolute(name: str, test: Rows, found: Array) -> Array:
    """Absolute errors (rows,): per cell where the task is scored so, else per atom."""
    data = labelled(name)
    chosen = np.isin(data.crystals.crystal, test)
    scale = data.atoms[chosen] if TASKS[name].score == "mae_over_mad" else 1.0
    return np.asarray(np.abs(found - data.target[chosen]) * scale)


def spread(name: str, train: Rows, test: Rows) -> float:
    """Mean absolute deviation of the test labels from their mean, as `absolute` counts."""
    data = labelled(name)
    chosen = np.isin(data.crystals.crystal, test)
    label = data.target[chosen] * (data.atoms[chosen] if TASKS[name].score == "mae_over_mad" else 1.0)
    return float(np.abs(label - label.mean()).mean())


def try_inner(names: Sequence[str], column: str, changes: Sequence[str]) -> None:
    """Errors on inner splits of fold 0's training crystals, for choices."""
    for name in names:
        start, (train, held) = time.perf_counter(), inner(name)
        found, size = network(name, column, train, held, 0, changes)
        print(
            f"{name} {column} {' '.join(changes)}: {absolute(name, held, found).mean():.4f}  ({size} parameters, {time.perf_counter() - start:.0f} s)",
            flush=True,
        )


def wanted(options: argparse.Namespace) -> list[tuple[str, str, int, int]]:
    """Pieces in the order in which they matter: the first seed of the best model on all folds of all tasks comes first."""
    pieces = []
    for seed in range(options.seeds):
        groups = [("extra_trees", "geometry", "ensemble"), ("scratch",), ("masked",), ("boosted_trees",)]
        for group in groups[: None if seed == 0 else 1]:
            for name in options.tasks:
                for column in group[1 if seed else 0 :]:
                    few = column in ("scratch", "masked", "boosted_trees")
                    pieces += [
                        (name, column, fold, seed) for fold in (options.folds[:2] if few else options.folds)
                    ]
    return [one for one in pieces if one[1] in options.columns]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    split = lambda text: text.split(",")  # noqa: E731 - the type of an option
    parser.add_argument("--tasks", type=split, default=list(TASKS))
    parser.add_argument("--columns", type=split, default=list(COLUMNS))
    parser.add_argument(
        "--folds", type=lambda text: [int(one) for one in text.split(",")], default=list(range(FOLDS))
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1e9, help="start no piece after so long")
    parser.add_argument("--inner", type=split, help="tasks to try changes on")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    if options.inner:
        for column in options.columns:
            try_inner(options.inner, column, options.set)
        return
    start = time.perf_counter()
    done = {(one["task"], one["column"], one["fold"], one["seed"]) for one in read_lines()}
    for one in wanted(options):
        if one in done or time.perf_counter() - start > 60 * options.minutes:
            continue
        line = piece(*one)
        with DONE.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)
    write_table()


if __name__ == "__main__":
    main()
