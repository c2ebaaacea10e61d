"""Poorer and other forms of a string, measured on the shared Materials Project structures.

    OMP_NUM_THREADS=1 PYTHONPATH=benchmarks python benchmarks/studies/conversions.py [ROWS] [--seed 0] [--labels FILE]

Prints (1) reduced -> orbit: share enumerated completely, rank of the truth, share of unique answers, time;
(2) AFLOW labels compared with pymatgen's (spglib, the same symprec), each difference with its class; (3) whether structures
with one canonical string agree in space group, pymatgen's label and elements. ROWS are drawn at random; without it all
14,258 are read, which takes about six minutes. --labels keeps pymatgen's labels (the slow part) in a file.
"""

import argparse
import gzip
import json
import os
import random
import statistics
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

from cloudkit.encoding import encode_batch
from cloudkit.errors import ScopeError
from cloudkit.scope import project
from cloudkit.scope.aflow import AXES_KEPT, aflow_label, from_aflow
from cloudkit.scope.candidates import candidates

SHARED = Path(os.environ.get("CLOUDKIT_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SYMPREC = 0.01  # Å


def read_rows(count: int | None, seed: int) -> list[dict[str, Any]]:
    with gzip.open(SHARED / "data" / "mp20_binary_ternary.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    return rows if count is None else random.Random(seed).sample(rows, count)


def print_candidates(texts: list[str]) -> None:
    by_reduced: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        by_reduced[project(text, "reduced")].append(text)
    times, ranks, unique, nodes, found_anyway = [], list[int](), 0, list[int](), 0
    for reduced, truths in by_reduced.items():
        start = time.perf_counter()
        answer = candidates(reduced)
        times += [time.perf_counter() - start] * len(truths)
        nodes += [answer.nodes] * len(truths)
        if not answer.complete:
            found_anyway += sum(truth in answer.texts for truth in truths)
            continue
        unique += len(truths) * (len(answer.texts) == 1)
        ranks += [answer.texts.index(truth) + 1 if truth in answer.texts else 0 for truth in truths]
    complete, missing = len(ranks), ranks.count(0)
    print(f"reduced -> orbit, {len(texts)} structures, {len(by_reduced)} reduced strings")
    print(f"  enumerated completely     {complete / len(texts):8.2%}")
    print(f"  truth missing among these {missing:8d}")
    print(f"  one candidate only        {unique / complete:8.2%}")
    for rank in (1, 3, 10, 100):
        print(f"  truth among the first {rank:3d} {sum(0 < r <= rank for r in ranks) / complete:8.2%}")
    print(f"  cut short, truth found    {found_anyway:8d} of {len(texts) - complete}")
    print(
        f"  median, 90 %, longest     {statistics.median(times) * 1e3:.2f} ms, {statistics.quantiles(times, n=10)[-1] * 1e3:.1f} ms, {max(times):.2f} s"
    )
    print(f"  median assignments        {statistics.median(nodes):8.0f}")


def pymatgen_labels(rows: list[dict[str, Any]], keep: Path | None) -> dict[str, str]:
    known: dict[str, str] = json.loads(keep.read_text()) if keep and keep.exists() else {}
    missing = [row for row in rows if row["id"] not in known]
    if missing:
        from pymatgen.analysis.prototypes import get_protostructure_label_from_spglib
        from pymatgen.core import Structure

        warnings.filterwarnings("ignore", module="spglib|pymatgen")
        for row in missing:
            cell = row["structure"]
            structure = Structure(cell["lattice"], cell["species"], cell["frac"])
            known[row["id"]] = get_protostructure_label_from_spglib(structure, init_symprec=SYMPREC)
        if keep:
            keep.write_text(json.dumps(known))
    return known


def classify(ours: str, theirs: str) -> str:
    if ours == theirs:
        return "equal"
    try:
        same_crystal = from_aflow(theirs) == from_aflow(ours)
    except ScopeError:
        return "pymatgen gives no valid label"
    group, other = ours.split("_")[2], theirs.split("_")[2]
    if group != other:
        return "the engines find different space groups"
    if same_crystal:
        short = int(group) in AXES_KEPT
        return "same crystal, pymatgen keeps spglib's axes" if short else "same crystal, other letters"
    return "the engines find different orbits"


def print_labels(rows: list[dict[str, Any]], texts: list[str], theirs: dict[str, str]) -> None:
    """Labels of canonical strings, and of spglib's letters with its axes kept, as pymatgen makes them."""
    start = time.perf_counter()
    ours = [aflow_label(text) for text in texts]
    spent = (time.perf_counter() - start) / len(texts)
    print(
        f"AFLOW labels compared with pymatgen's (spglib, {SYMPREC} Å), {len(texts)} structures; {spent * 1e6:.0f} µs a label"
    )
    print(" of canonical strings:")
    print_classes(rows, ours, theirs)
    batch = encode_batch([row["structure"] for row in rows], order="input", symprec=SYMPREC)
    print(" of spglib's letters, keep_axes:")
    given = [aflow_label(text, keep_axes=True) if text else "none" for text in batch.texts]
    print_classes(rows, given, theirs)
    back = sum(from_aflow(label) == text for label, text in zip(ours, texts, strict=True))
    print(f"  label -> string gives the string back: {back} of {len(texts)}")
    print(f"  different strings {len(set(texts))}, different labels {len(set(ours))}")


def print_classes(rows: list[dict[str, Any]], ours: list[str], theirs: dict[str, str]) -> None:
    classes: dict[str, list[str]] = defaultdict(list)
    for row, label in zip(rows, ours, strict=True):
        classes[classify(label, theirs[row["id"]])].append(f"{row['id']} {label} | {theirs[row['id']]}")
    for kind, examples in sorted(classes.items(), key=lambda item: -len(item[1])):
        print(f"  {len(examples):6d} {len(examples) / len(rows):8.2%}  {kind}")
        for example in examples[:3] if kind != "equal" else ():
            print(f"                   e.g. {example}")


def facts_of(label: str) -> tuple[str, ...]:
    """(space group, label, elements) that pymatgen found, the label's letters chosen over the whole normalizer."""
    try:
        label = aflow_label(from_aflow(label))
    except ScopeError:
        return (label,)
    return label.split("_")[2], label, label.partition(":")[2]


def print_agreement(rows: list[dict[str, Any]], texts: list[str], theirs: dict[str, str]) -> None:
    """Two structures of one string must agree in what pymatgen, for itself, says about each."""
    members: dict[str, list[str]] = defaultdict(list)
    for row, text in zip(rows, texts, strict=True):
        members[text].append(row["id"])
    shared = {text: ids for text, ids in members.items() if len(ids) > 1}
    raw = sum(len({theirs[i] for i in ids}) > 1 for ids in shared.values())
    bad = {text: ids for text, ids in shared.items() if len({facts_of(theirs[i]) for i in ids}) > 1}
    print(f"strings of several structures: {len(shared)}, of {sum(map(len, shared.values()))} structures")
    print(
        f"  pymatgen's labels differ in {raw}; (space group, label over the whole normalizer, elements) in {len(bad)}"
    )
    for text, ids in bad.items():
        print(f"  {text}: {[(i, theirs[i]) for i in ids]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Conversions between SCOPE dialects and AFLOW labels, measured."
    )
    parser.add_argument("rows", nargs="?", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--labels", type=Path)
    options = parser.parse_args()
    rows = read_rows(options.rows, options.seed)
    batch = encode_batch([row["structure"] for row in rows], symprec=SYMPREC)
    encoded = [(row, text) for row, text in zip(rows, batch.texts, strict=True) if text is not None]
    print(f"{len(rows)} structures, {len(rows) - len(encoded)} without a string")
    rows, texts = [row for row, _ in encoded], [text for _, text in encoded]
    theirs = pymatgen_labels(rows, options.labels)
    print_labels(rows, texts, theirs)
    print_agreement(rows, texts, theirs)
    print_candidates(texts)


if __name__ == "__main__":
    main()
