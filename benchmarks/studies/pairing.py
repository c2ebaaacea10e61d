"""Crystals whose label only says who sits where: orbit strings learn it, reduced strings cannot.

    PYTHONPATH=benchmarks python benchmarks/studies/pairing.py        # writes results/pairing.txt; two minutes on one core

Every pair of metals below makes two perovskites AMO3 (1a and 1b exchanged) and, each way round, a normal and an inverse
spinel (M on 8a and A on 16d; or A on 8a and both on 16d). Either two have one composition, one space group and the same
positions. The label is the tolerance factor (Goldschmidt 1926) of the sites as they are filled, (r of the first + r of O) /
(r of the second + r of O), over the square root of 2 in a perovskite, with the covalent radii of Cordero et al. (2008) that
`cloudkit.tables` holds, averaged on a shared site. A quarter of the pairs of elements is held out: none of their crystals is trained
on. The floor is the mean absolute error of the best function of the strings there is, the median label of each.

Three kinds of strings: orbit; reduced as published, with the letters of one setting for all (1a 1b 3c); reduced with
canonical letters. Of a perovskite these say a little more: the less electronegative metal is on 1a, so 3c or 3d tells
which of the two has the twelve oxygens. They have nothing of the kind for a spinel.
"""

import argparse
import csv
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.io import read_table
from cloudkit.modelspec import parse_spec
from cloudkit.scope import canonical_text, parse
from cloudkit.tables import ELEMENT, GENERATOR_TEXTS
from cloudkit.train import build

RESULT = Path(__file__).parents[1] / "results" / "pairing.txt"
METALS = (
    "Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Sc", "Y", "La", "Ti", "Zr", "V", "Nb", "Cr", "Mn", "Fe", "Co",
    "Ni", "Cu", "Zn", "Ge", "Sn",
)  # fmt: skip
GROUPS = {"perovskite": 221, "spinel": 227}
KINDS = (("orbit", "canonical"), ("reduced", "one_setting"), ("reduced", "canonical"))
HELD_OUT = 0.25
SPEC = """
cloudkit: 1
name: pairing
tokens: {dialect: DIALECT}
encoder: {kind: transformer, layers: 2, heads: 4, width: 48, feedforward: 96, dropout: 0.0, merge: true, pooling: attention}
heads: {factor: {kind: regression, outputs: [tolerance_factor], dropout: 0.0}}
tasks:
  - {kind: finetune, head: factor, epochs: 30, batch: 64, learning_rate: 2e-3, validation_fraction: 0, data: {path: train.csv, columns: &columns {text: LETTERS, id: id},
     targets: &label [{column: tolerance_factor, quantity: tolerance_factor}]}}
  - {kind: evaluate, head: factor, baselines: [extra_trees], data: {path: test.csv, columns: *columns, targets: *label}}
"""


class Labelled(NamedTuple):
    """A row of the tables: name, orbit string in the letters above and in canonical ones, label."""

    id: str
    one_setting: str
    canonical: str
    tolerance_factor: float


class Learned(NamedTuple):
    """Mean absolute errors by family: of the strings (floor), of the model and of the baselines."""

    errors: dict[str, dict[str, float]]
    parameters: int


def radius(*elements: str) -> float:
    """Mean covalent radius, Å."""
    return float(np.mean([ELEMENT[element].covalent_radius for element in elements]))


def factor(first: Sequence[str], second: Sequence[str]) -> float:
    """Ratio of the bonds to oxygen of two sites, each with the elements that share it."""
    return (radius(*first) + radius("O")) / (radius(*second) + radius("O"))


def perovskite(a: str, b: str) -> Labelled:
    """`a` among twelve oxygens, `b` among six."""
    text = f"{GENERATOR_TEXTS[GROUPS['perovskite'] - 1]} | {a} 1a {b} 1b O 3c"
    return Labelled(f"{a}{b}O3", text, canonical_text(text), factor([a], [b]) / 2**0.5)


def spinel(a: str, b: str, inverse: bool) -> Labelled:
    """`a`2 `b`O4: `b` on the tetrahedral site, or `a` there and the rest shared."""
    first, second = ([a], [a, b]) if inverse else ([b], [a])
    shared = f"{a} 0.5 {b} 0.5" if inverse else a
    text = f"{GENERATOR_TEXTS[GROUPS['spinel'] - 1]} | {first[0]} 8a {shared} 16d O 32e"
    name = f"{a}({a}{b})O4" if inverse else f"{b}({a}2)O4"
    return Labelled(name, text, canonical_text(text), factor(first, second))


def crystals(a: str, b: str) -> Iterator[Labelled]:
    """All crystals of a pair of elements."""
    for one, other in ((a, b), (b, a)):
        yield perovskite(one, other)
        yield spinel(one, other, inverse=False)
        yield spinel(one, other, inverse=True)


def pairing_set(metals: Sequence[str], seed: int = 0) -> tuple[list[Labelled], list[Labelled]]:
    """Rows to learn from and rows of held-out pairs of elements."""
    pairs = list(itertools.combinations(metals, 2))
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    held = {pairs[index] for index in order[: round(HELD_OUT * len(pairs))]}
    parts = ([pair for pair in pairs if pair not in held], [pair for pair in pairs if pair in held])
    train, test = ([row for pair in part for row in crystals(*pair)] for part in parts)
    return train, test


def write(path: Path, rows: Sequence[Labelled]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Labelled._fields)
        writer.writerows(rows)


def learn(folder: Path, dialect: str, letters: str, changes: Sequence[str] = ()) -> Learned:
    """Build the model on train.csv and test.csv of a folder and measure both families."""
    text = SPEC.replace("DIALECT", dialect).replace("LETTERS", letters)
    found = build(parse_spec(text, "pairing.yaml", folder, changes), folder / f"{dialect}-{letters}")
    rows = read_table(found.folder / "predictions.csv")
    group = np.array([parse(text).space_group for text in rows.text("scope")])
    target = rows.numbers("target")
    columns = {"floor": best_of_strings(rows.text("scope"), target), "model": rows.numbers("prediction")}
    columns |= {name: rows.numbers(name) for name in found.metrics["tasks"][0]["baselines"]}
    errors = {
        family: {name: float(np.abs(one - target)[group == number].mean()) for name, one in columns.items()}
        for family, number in GROUPS.items()
    }
    return Learned(errors, found.metrics["parameters"])


def best_of_strings(texts: Sequence[str], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median label (rows,) of each row's string: no function of strings has a smaller mean absolute error."""
    _, of = np.unique(texts, return_inverse=True)
    medians = np.array([np.median(target[of == index]) for index in range(of.max() + 1)])
    return np.asarray(medians[of])


def table(found: dict[tuple[str, str], list[Learned]], sizes: tuple[int, int]) -> str:
    """A line for each family and kind of strings, mean over seeds."""
    lines = [f"{'':12}{'strings':22}{'floor':>9}{'model':>18}{'extra trees':>13}   mean absolute error"]
    for family in GROUPS:
        for (dialect, letters), runs in found.items():
            base = runs[0].errors[family]
            errors = np.array([run.errors[family]["model"] for run in runs])
            model = f"{errors.mean():.4f} ± {errors.std():.4f}"
            kind = f"{dialect}, {'canonical' if letters == 'canonical' else 'one setting'}"
            lines.append(f"{family:12}{kind:22}{base['floor']:9.4f}{model:>18}{base['extra_trees']:13.4f}")
    runs = found["orbit", "canonical"]
    lines.append(
        f"tolerance factors of {sizes[1]} crystals of held-out pairs of elements, {sizes[0]} to learn from; {runs[0].parameters:,} parameters; "
        f"{len(runs)} seeds, mean and spread; trees see composition, positions and mixing, not who sits where"
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    start, (train, test) = time.perf_counter(), pairing_set(METALS)
    found: dict[tuple[str, str], list[Learned]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "train.csv", train)
        write(folder / "test.csv", test)
        for seed in range(options.seeds):
            for kind, runs in found.items():
                runs.append(learn(folder, *kind, [f"run.seed={seed}"]))
                print(kind, seed, runs[-1].errors, f"{time.perf_counter() - start:.0f} s", flush=True)
    text = table(found, (len(train), len(test)))
    RESULT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
