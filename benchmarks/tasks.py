"""One recipe on eight labelled sets: trees, from scratch, after masked or geometry pretraining, and an ensemble with trees.

    make tasks-table          # or: python benchmarks/tasks.py [--tasks a,b] [--columns c,d] [--folds 0,1] [--seeds 3] [--minutes 9]
    python benchmarks/tasks.py --inner phonons --set encoder.dropout=0.1     # a choice, on inner splits of fold 0 alone

Needs the shared data. Every piece (task, column, fold, seed) is a line of results/tasks.jsonl with a hash of its recipe, and is
not done again; lines of another recipe are dropped. Table in results/tasks.txt. Folds: KFold(5, shuffle=True,
random_state=18012019) over the rows (Matbench's for phonons). Geometry pretraining sees no composition of the tasks of its pool
(task_sets.py), masked pretraining, which has no labels, sees all strings. No training crystal shares composition and space group
with a test crystal. The recipe, tasks.yaml, is one for all tasks; --inner, which sees no test row, is for choosing it.
"""

import argparse
import fcntl
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from folds import train_head
from numpy.typing import NDArray
from safetensors.torch import load_file
from sklearn.ensemble import ExtraTreesRegressor
from task_sets import FOLDS, TASKS, Labelled, folds, labelled, part, structures
from tasks_table import COLUMNS, read_lines, write_lines, write_table
from torch import Tensor

from cloudkit.data import Crystals, Tokens, tokenize
from cloudkit.evaluate.baselines import fit_predict
from cloudkit.models import MixedModel, build_model, predict_geometry, predict_values, save_weights
from cloudkit.modelspec import PretrainTask, Spec, heads_of, parse_spec
from cloudkit.predict.features import features
from cloudkit.tokens import Tokenizer
from cloudkit.train.calibrate import fit_scales
from cloudkit.train.devices import make_fabric, threads_for
from cloudkit.train.objectives import mixed_loss
from cloudkit.train.steps import train_config
from cloudkit.train.trainer import Silent, fit

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
TREES = ("extra_trees", "boosted_trees")
FEW = ("phonons_reduced",)  # tasks with one seed and FEWER folds, as other columns than the best have
FEWER = 2
LONG = 0.8
SHARES = [(a / 20, b / 20) for a in range(21) for b in range(21 - a)]  # of two kinds of trees in an ensemble
HEADS = {"geometry": "shape", "masked": "hidden"}  # of a column -> what it pretrains
HERE = Path(__file__).parent
RUNS = Path("runs/tasks")  # weights and predictions; not committed


def spec_of(dialect: str, changes: Sequence[str] = ()) -> Spec:
    """The recipe for a dialect; its paths, which nothing reads, are the same wherever this runs, for the hash of it."""
    text = (HERE / "tasks.yaml").read_text()
    return parse_spec(
        text, "tasks.yaml", Path("/"), [f"tokens.dialect={dialect}", *changes], check_files=False
    )


def recipe(name: str, column: str) -> str:
    """A hash of all that decides a column of a task but the code, other columns' pretraining left out: lines with another one are stale."""
    if column in TREES:
        return "trees"
    known = spec_of(TASKS[name].dialect).model_dump(mode="json", exclude_defaults=True)
    own = HEADS.get("geometry" if column == "ensemble" else column)
    known["tasks"] = [task for task in known["tasks"] if task["kind"] == "finetune" or task["head"] == own]
    return digest(known, members(name) if own == HEADS["geometry"] else [])


def members(name: str) -> list[str]:
    """The tasks of the pool of a task, as text."""
    return [f"{other}: {one}" for other, one in TASKS.items() if one.pool == TASKS[name].pool]


def digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def pretrained(column: str, name: str, changes: Sequence[str] = ()) -> dict[str, Tensor]:
    """Weights after pretraining for a task; the tasks of a pool share them, and of masked tokens those of a dialect."""
    if column == "scratch":
        return {}
    task, spec = TASKS[name], spec_of(TASKS[name].dialect, changes)
    of = task.pool if column == "geometry" else None
    known = spec.model_dump(mode="json", exclude_defaults=True)
    parts = (known["encoder"], known["heads"][HEADS[column]], known["tasks"][:2], members(name) if of else [])
    path = RUNS / f"pretrain-{column}-{of or task.dialect}-{digest(*parts)}.safetensors"
    if not path.exists():
        pretrain(column, spec, structures(task.dialect, of), path)
    return load_file(path)


def pretrain(column: str, spec: Spec, crystals: Crystals, path: Path) -> None:
    start = time.perf_counter()
    task = next(one for one in spec.tasks if isinstance(one, PretrainTask) and HEADS[column] in heads_of(one))
    model, rows = build_model(spec, Tokenizer("compact")), np.arange(len(crystals))
    tokens = tokenize(crystals.texts, Tokenizer("compact"), spec.tokens.max_length)
    crystals = fit_scales(model, heads_of(task), tokens, crystals, rows)
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    loss, none = mixed_loss(model, heads_of(task), tokens, crystals), np.empty(0, np.int64)
    module, recipe = MixedModel(model, heads_of(task)), train_config(task, spec.run)
    with threads_for(spec.encoder.width):
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
    weights = pretrained(column, name, changes)
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


def fold_trees(name: str, fold: int, kind: str) -> Array:
    """What trees say of the test crystals of a fold, which all seeds share; the plain ones are the column of extra trees."""
    plain = kind == "plain"
    kept = (
        predicted(name, "extra_trees", fold, 0)
        if plain
        else RUNS / f"trees-{name}-{fold}-{recipe(name, 'ensemble')}.npy"
    )
    if not kept.exists():
        split = folds(name, fold)
        np.save(kept, trees(name, "extra_trees", *split) if plain else informed_trees(name, *split))
    return np.asarray(np.load(kept))


def informed_trees(name: str, train: Rows, test: Rows) -> Array:
    """Extra trees that also see the geometry that the pretrained model reads out of each string."""
    model = build_model(spec_of(TASKS[name].dialect), Tokenizer("compact"))
    model.load_state_dict(pretrained("geometry", name), strict=False)
    known = predict_geometry(model, "shape", packed(name))
    (seen, value, rows), (asked, _, of) = (observations(labelled(name), some) for some in (train, test))
    trees = ExtraTreesRegressor(300, max_features=0.5, random_state=0)
    trees.fit(np.column_stack([features(seen), known[rows]]), value)
    return np.asarray(trees.predict(np.column_stack([features(asked), known[of]])))


def blended(name: str, fold: int, net: Array) -> Array:
    """The mean of networks and both kinds of trees on the test crystals of a fold (observations of the fold,).

    Shares of extra trees, without and with the predicted geometry, are those that err least on the inner splits less the test
    crystals; long strings have shares of their own.
    """
    parts = [inner_predictions(name, one) for one in range(FOLDS)]
    crystal, target, *inner_found = (np.concatenate(column) for column in zip(*parts, strict=True))
    train, test = folds(name, fold)
    known, asked = ~np.isin(crystal, test), observations(labelled(name), test)[2]
    predictions = (net, fold_trees(name, fold, "plain"), fold_trees(name, fold, "informed"))
    out = np.empty_like(net)
    for wanted in (True, False):
        seen = known & (is_long(name, train, crystal) == wanted)
        seen = seen if seen.any() else known
        errors = [np.abs(mixed_with(share, *inner_found) - target)[seen].mean() for share in SHARES]
        best = SHARES[int(np.argmin(errors))]
        here = is_long(name, train, asked) == wanted
        out[here] = mixed_with(best, *predictions)[here]
    return out


def mixed_with(share: tuple[float, float], net: Array, plain: Array, informed: Array) -> Array:
    return (1 - sum(share)) * net + share[0] * plain + share[1] * informed


def is_long(name: str, train: Rows, crystals: Rows) -> NDArray[np.bool_]:
    """Whether the strings of crystals are longer than four fifths of the training strings: there networks extrapolate."""
    lengths = np.diff(packed(name).offsets)
    return np.asarray(lengths[crystals] > np.quantile(lengths[train], LONG))


def inner_predictions(name: str, which: int) -> tuple[Array, ...]:
    """Of what an inner split holds out: crystals, labels, and what a network and both kinds of trees say, all (observations,)."""
    kept = RUNS / f"inner-{name}-{which}-{recipe(name, 'ensemble')}.npz"
    train, held = inner(name, which)
    if not kept.exists():
        net, _ = network(name, "geometry", train, held, 0)
        found = {
            "plain": trees(name, "extra_trees", train, held),
            "informed": informed_trees(name, train, held),
        }
        np.savez(kept, net=net, **found)
    _, target, crystal = observations(labelled(name), held)
    with np.load(kept) as found:
        return crystal, target, found["net"], found["plain"], found["informed"]


def inner(name: str, which: int) -> tuple[Rows, Rows]:
    """One of five splits of fold 0's training crystals, a fifth of them held out."""
    data, (train, _) = labelled(name), folds(name, 0)
    mine = np.isin(data.crystals.crystal, train)
    fifth = np.array_split(np.random.default_rng(0).permutation(train), FOLDS)[which]
    fitted, held = part(data, mine & np.isin(data.crystals.crystal, fifth))
    return np.intersect1d(fitted, train), held


def predicted(name: str, column: str, fold: int, seed: int) -> Path:
    return RUNS / f"predicted-{name}-{column}-{fold}-{seed}-{recipe(name, column)}.npy"


def piece(name: str, column: str, fold: int, seed: int) -> dict[str, Any]:
    """Do one piece and tell its errors; seconds: of CPU, pretraining included where it was due."""
    start, (train, test) = time.process_time(), folds(name, fold)
    size = 0
    if column == "ensemble":
        members = [np.load(predicted(name, "geometry", fold, one)) for one in range(seed + 1)]
        found = blended(name, fold, np.mean(members, axis=0))
    elif column in TREES:
        found = trees(name, column, train, test)
    else:
        found, size = network(name, column, train, test, seed)
    np.save(predicted(name, column, fold, seed), found)
    error = absolute(name, test, found)
    line: dict[str, Any] = {"task": name, "column": column, "fold": fold, "seed": seed, "rows": len(error)}
    line["recipe"] = recipe(name, column)
    line |= {"mae": float(error.mean()), "mad": spread(name, train, test), "parameters": size}
    return line | {"seconds": round(time.process_time() - start, 1)}


def with_gains(line: dict[str, Any]) -> dict[str, Any]:
    """The line with mean and deviation of what each kind of trees errs more, row by row, once their predictions are there."""
    name, column, fold, seed = (line[key] for key in ("task", "column", "fold", "seed"))
    own = predicted(name, column, fold, seed)
    for rival in TREES:
        theirs = predicted(name, rival, fold, 0)
        if column not in TREES and f"gain_{rival}" not in line and own.exists() and theirs.exists():
            test = folds(name, fold)[1]
            gain = absolute(name, test, np.load(theirs)) - absolute(name, test, np.load(own))
            line[f"gain_{rival}"] = [float(gain.mean()), float(gain.std())]
    return line


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
    for name, which in product(names, range(FOLDS)):
        start, (train, held) = time.perf_counter(), inner(name, which)
        found, size = network(name, column, train, held, which, changes)
        error, seconds = absolute(name, held, found).mean(), time.perf_counter() - start
        words = f"{name} {which} {column} {' '.join(changes)}"
        print(f"{words}: {error:.4f}  ({size} parameters, {seconds:.0f} s)", flush=True)


def wanted(options: argparse.Namespace) -> list[tuple[str, str, int, int]]:
    """Pieces in the order in which they matter: the first seed of the best model on all folds of all tasks comes first."""
    pieces = []
    for seed in range(options.seeds):
        groups = [("extra_trees", "geometry"), ("scratch", "masked", "boosted_trees"), ("ensemble",)]
        for group in groups:
            for name, column in product(options.tasks, group):
                few = column in ("scratch", "masked") or name in FEW
                if seed == 0 or not (few or column in TREES):
                    pieces += [(name, column, fold, seed) for fold in options.folds[: FEWER if few else None]]
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
    with alone():
        kept = read_lines()
        current = [one for one in kept if one.get("recipe") == recipe(one["task"], one["column"])]
        if len(current) < len(kept):
            print(f"{len(kept) - len(current)} of {len(kept)} lines are of another recipe and go", flush=True)
        write_lines(current)
    done = {(one["task"], one["column"], one["fold"], one["seed"]) for one in current}
    for one in wanted(options):
        if one in done or time.perf_counter() - start > 60 * options.minutes:
            continue
        line = piece(*one)
        with alone():
            write_lines([*read_lines(), line])
        print(line, flush=True)
    with alone():
        write_lines([with_gains(one) for one in read_lines()])
    write_table()


@contextmanager
def alone() -> Iterator[None]:
    """Keep other processes of this benchmark from the file of lines."""
    with (RUNS / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()
