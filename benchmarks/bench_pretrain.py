"""Pretraining and inference at 12 x 768 on a CPU: cloudkit compared with transformers' BertForMaskedLM in the published recipe.

    python benchmarks/bench_pretrain.py [--rounds 3] [--precision bf16] [--minutes 9]    # writes results/pretrain.json and .txt

Batches of 64 fresh strings, one thread, both eager, both with dropout 0.1 and fused AdamW, sides in turn; best of the rounds by CPU time
(`--threads`: several, by the clock). Every step is kept in runs/, so that a run stopped after some minutes goes on in the next. The rival pads reduced strings to 64 and has 30,522 rows of tokens; cloudkit packs the same
strings over the published vocabulary, or the orbit strings of the same kind of crystals over the compact one. Before anything
is timed, both must give the same states of the same weights on 1,000 strings.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from baselines import transformers_mlm as rival
from conftest import ONE_THREAD, read_orbit_strings, read_reduced_strings

from cloudkit.data import Crystals, Tokens, make_batch, tokenize
from cloudkit.models import CloudModel, MultiTaskModel, read_published
from cloudkit.modelspec import parse_spec, template
from cloudkit.tokens import Tokenizer
from cloudkit.train.objectives import draw_tokens, mixed_loss

RESULTS = Path(__file__).parent / "results"
BATCH = 64
START = time.monotonic()
WANTED = {"train reduced": 2.5, "train orbit": 6.0, "infer reduced": 1.8, "infer orbit": 4.5}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32", help="of both sides")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no step after so long")
    parser.add_argument("--check", type=int, default=1000, help="strings whose states are compared first")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    load = os.getloadavg()[0]
    theirs = rival.load(args.layers)
    published = packed_model(args.layers, "reduced", "cloud")
    compact = packed_model(args.layers, "orbit", "compact")
    reduced = tokenize(read_reduced_strings(), published.tokenizer, 64)
    orbits = tokenize(read_orbit_strings(), compact.tokenizer, 512)
    kept = OutputHook(f"{args.precision}-{args.layers}-{args.threads}")
    difference = kept.number(f"states of {args.check}", lambda: compare_states(theirs, reduced, args.check))
    cast = torch.autocast("cpu", torch.bfloat16) if args.precision == "bf16" else nullcontext()
    clock = time.process_time if args.threads == 1 else time.perf_counter
    with cast:
        sides = {"reduced": (published, reduced), "orbit": (compact, orbits)}
        seconds = measure(theirs, sides, args.rounds, clock, kept, until=START + 60 * args.minutes)
    if min(map(len, seconds.values())) < args.rounds:
        print(f"{sum(map(len, seconds.values()))} steps are done; the same command goes on")
        return
    rows = [row(name, seconds) for name in WANTED]
    machine = {
        "cpu": cpu_name(), "load": [round(load, 1), round(os.getloadavg()[0], 1)], "torch": torch.__version__,
        "threads": args.threads, "environment": ONE_THREAD, "precision": args.precision, "layers": args.layers, "batch": BATCH,
        "rounds": args.rounds, "largest_difference_of_states": difference, "strings_compared": args.check,
        "mean_tokens": {"reduced": float(reduced.lengths.mean()), "orbit": float(orbits.lengths.mean())},
    }  # fmt: skip
    name = "pretrain" + ("" if args.precision == "float32" else f"_{args.precision}")
    (RESULTS / f"{name}.json").write_text(
        json.dumps({**machine, "seconds": seconds, "rows": rows}, indent=1) + "\n"
    )
    text = table(rows, machine)
    (RESULTS / f"{name}.txt").write_text(text)
    print(text)


class OutputHook:
    """What earlier runs of this script have measured, in a file that git ignores."""

    def __init__(self, name: str) -> None:
        self.path = Path("runs") / f"pretrain-{name}.jsonl"
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.numbers: dict[str, float] = dict(map(json.loads, lines))

    def number(self, name: str, find: Callable[[], float]) -> float:
        """A number measured before, or now."""
        if name not in self.numbers:
            self.numbers[name] = find()
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps([name, self.numbers[name]]) + "\n")
        return self.numbers[name]


def packed_model(layers: int, dialect: str, vocabulary: str) -> CloudModel:
    """The published architecture over packed strings of a dialect."""
    text = (
        template("published")
        .replace("layers: 12", f"layers: {layers}")
        .replace("positions: 64", "positions: 512")
    )
    text = text.replace("dialect: reduced", f"dialect: {dialect}").replace(
        "vocabulary: cloud", f"vocabulary: {vocabulary}"
    )
    return CloudModel(parse_spec(text, "published", Path()), Tokenizer(vocabulary))


def compare_states(theirs: Any, tokens: Tokens, count: int) -> float:
    """Largest difference of hidden states between transformers and its converted weights."""
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours, _ = read_published(folder)
    worst = 0.0
    for start in range(0, count, BATCH):
        batch = make_batch(tokens, np.arange(start, min(start + BATCH, count)))
        inputs = ours.inputs(batch.ids, batch.offsets)
        padded = rival.pad(inputs.ids, inputs.sequence, inputs.position, inputs.count)
        with torch.no_grad():
            states = theirs.eval().bert(padded, (padded != rival.PAD).long()).last_hidden_state
            worst = max(
                worst, float((ours(inputs).states - states[inputs.sequence, inputs.position]).abs().max())
            )
    assert worst < 1e-5, f"states differ by {worst}"
    return worst


def measure(
    theirs: Any,
    ours: dict[str, tuple[CloudModel, Tokens]],
    rounds: int,
    clock: Callable[[], float],
    kept: OutputHook,
    until: float,
) -> dict[str, list[float]]:
    """Seconds of each round of each contender, in turn; the first step of a contender in a process only warms up."""
    steps: dict[str, Iterator[None]] = {"infer transformers": infer_theirs(theirs, ours["reduced"][1])}
    for dialect, (model, tokens) in ours.items():
        steps[f"infer {dialect}"] = infer_ours(model, tokens)
    steps["train transformers"] = train_theirs(theirs, *ours["reduced"])
    for dialect, (model, tokens) in ours.items():
        steps[f"train {dialect}"] = train_ours(model, tokens)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    warm: set[str] = set()
    for number in range(rounds):
        for name, step in steps.items():
            known = f"{name} {number}" in kept.numbers
            if not known and time.monotonic() > until:
                return seconds
            if not known and name not in warm:
                timed(step, clock)
                warm.add(name)
            seconds[name].append(kept.number(f"{name} {number}", partial(timed, step, clock)))
    return seconds


def timed(step: Iterator[None], clock: Callable[[], float]) -> float:
    """Seconds of one step, without laying out its batch."""
    next(step)
    start = clock()
    next(step)
    return round(clock() - start, 3)


def draws(tokens: Tokens) -> Iterator[np.ndarray]:
    """Batches that were not seen before."""
    generator = np.random.default_rng(0)
    while True:
        yield generator.choice(len(tokens), BATCH, replace=False)


def train_ours(model: CloudModel, tokens: Tokens) -> Iterator[None]:
    """Steps as `build` makes them, laying out the batch and hiding tokens included."""
    module = MultiTaskModel(model, ["mlm"])
    none = np.empty(0, np.int64)
    unlabelled = Crystals([], [], (), none, none, np.empty(0), np.empty(0))
    loss, optimizer = mixed_loss(model, ["mlm"], tokens, unlabelled), adam(module)
    for number, rows in enumerate(draws(tokens)):
        yield
        module.train()
        loss(module, rows, number)[0].backward()
        optimizer.step()
        optimizer.zero_grad()
        yield


def train_theirs(theirs: Any, model: CloudModel, tokens: Tokens) -> Iterator[None]:
    """The rival's steps; padding and hiding are done before the clock starts."""
    optimizer = adam(theirs)
    for number, rows in enumerate(draws(tokens)):
        batch = make_batch(tokens, rows)
        inputs = model.inputs(batch.ids, batch.offsets)
        changed, places = model.heads["mlm"].mask(inputs, draw_tokens(batch.crystals, batch.offsets, number))
        wanted = torch.full_like(inputs.ids, -100)
        wanted[places] = inputs.ids[places]
        at = (inputs.sequence, inputs.position, inputs.count)
        ids, labels = rival.pad(changed, *at), rival.pad(wanted, *at, fill=-100)
        theirs.train()
        yield
        rival.train_step(theirs, optimizer, ids, labels)
        yield


def infer_ours(model: CloudModel, tokens: Tokens) -> Iterator[None]:
    for rows in draws(tokens):
        model.eval()
        yield
        batch = make_batch(tokens, rows)
        with torch.inference_mode():
            model.pooled(model.inputs(batch.ids, batch.offsets))
        yield


def infer_theirs(theirs: Any, tokens: Tokens) -> Iterator[None]:
    for rows in draws(tokens):
        ids = torch.full((BATCH, rival.LENGTH), rival.PAD)
        for place, row_ in enumerate(rows):
            one = torch.from_numpy(
                tokens.ids[tokens.offsets[row_] : tokens.offsets[row_ + 1]].astype(np.int64)
            )
            ids[place, : len(one)] = one
        theirs.eval()
        yield
        with torch.inference_mode():
            rival.first_states(theirs, ids)
        yield


def adam(module: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), lr=1e-4, fused=True)


def row(name: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """One contender against the rival, by the best rounds."""
    what = name.split()[0]
    best, best_rival = min(seconds[name]), min(seconds[f"{what} transformers"])
    return {
        "what": name, "strings_per_s": round(BATCH / best, 3), "rival_strings_per_s": round(BATCH / best_rival, 3),
        "ratio": round(best_rival / best, 2), "wanted": WANTED[name],
    }  # fmt: skip


def table(rows: list[dict[str, Any]], machine: dict[str, Any]) -> str:
    lines = [
        f"{'':15} {'transformers':>12} {'cloudkit':>10} {'ratio':>7} {'wanted':>7}   strings/s, {machine['precision']}"
    ]
    lines += [
        f"{r['what']:15} {r['rival_strings_per_s']:12.2f} {r['strings_per_s']:10.2f} {r['ratio']:7.2f} {r['wanted']:7.1f}"
        for r in rows
    ]
    tokens = machine["mean_tokens"]
    lines += [
        f"{machine['cpu']}, {machine['threads']} thread(s), load {machine['load'][0]} to {machine['load'][1]}, torch {machine['torch']}, "
        f"{machine['layers']} layers, batch {machine['batch']}, best of {machine['rounds']}",
        f"mean tokens: reduced {tokens['reduced']:.1f}, compact orbit {tokens['orbit']:.1f}; the rival's are padded to 64",
        f"states of {machine['strings_compared']} strings differ by at most {machine['largest_difference_of_states']:.1e}",
    ]
    return "\n".join(lines) + "\n"


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


if __name__ == "__main__":
    main()
