"""The shipped models: errors, data sources, licences, hashes, and their training crystals.

The distance between two compositions is the earth mover's distance of their elements along the Mendeleev numbers (ElMD;
C. J. Hargreaves et al., Chem. Mater. 32 (2020) 10610). It is about 1 for neighbours such as NaCl and KCl.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ModelError, ScopeError
from cloudkit.models.runtime.runtime import SHIPPED, read_spec, shipped
from cloudkit.predict.arrays import read_arrays
from cloudkit.scope import Scope, parse
from cloudkit.tables import ELEMENT, ELEMENTS, Element
from cloudkit.tables.composition import whole_numbers
from cloudkit.units import canonical_unit

SCALAR_QUANTITIES: Final = {  # quantity -> unit, in the order of the tables of `materials`
    "debye_temperature": "K",
    "thermal_expansion": "1/K",
    "thermal_conductivity": "W/m/K",
    "bulk_modulus": "GPa",
    "shear_modulus": "GPa",
    "youngs_modulus": "GPa",
    "poisson_ratio": "",
    "formation_energy": "eV/atom",
    "band_gap": "eV",
    "metal_probability": "",
    "refractive_index": "",
}
FAR_DISTANCE: Final = 2.0  # from the nearest training composition; 2 % of held-out crystals are farther
OTHER_SITES_PENALTY: Final = 1.0  # added to the distance if the Wyckoff positions differ
ROUNDING: Final = 1e-2  # bound on rounding errors of sums in float32
RARE: Final = 5  # crystals; elements and space groups of fewer training crystals are reported
KNOWN: Final = "known.npz"  # in a model folder
PATH: Final = SHIPPED / "materials" / KNOWN
MAX_ELEMENTS: Final = 8
MENDELEEV_SLOTS: Final = 105  # 0 to 103, and one slot for elements without a Mendeleev number


class Neighbor(NamedTuple):
    """A training crystal; labels: quantity -> label, of the quantities that it has labels for."""

    formula: str
    space_group: int
    same_sites: bool
    distance: float
    labels: Mapping[str, float]


class KnownCrystals:
    """Compositions, space groups and labels of training crystals, as arrays with one row per crystal.

    numbers, amounts (n, elements): atomic numbers and numbers of atoms, padded with 0. group, sites (n,): space group, and
    a hash of group and Wyckoff letters. labels (n, quantities): NaN if unknown. most_orbits: 99.9th percentile of the orbits.
    mixed: whether a crystal has mixed or partly filled sites; default False.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.numbers, self.amounts = arrays["numbers"], arrays["amounts"].astype(np.float32)
        self.group, self.sites = arrays["group"].astype(np.int64), arrays["sites"]
        self.labels = arrays["labels"]
        self.quantities = [str(name) for name in arrays["quantities"]]
        self.most_orbits = int(arrays["most_orbits"])
        self.mixed = bool(arrays.get("mixed", False))

    def __len__(self) -> int:
        return len(self.group)

    def with_labels(self, quantities: Sequence[str]) -> "KnownCrystals":
        """Return the crystals that have a label of one of some quantities, with these labels only."""
        columns = [column for column, name in enumerate(self.quantities) if name in quantities]
        rows = ~np.isnan(self.labels[:, columns]).all(axis=1)
        arrays = {name: getattr(self, name)[rows] for name in ("numbers", "amounts", "group", "sites")}
        return KnownCrystals(arrays | {
            "labels": self.labels[rows][:, columns], "quantities": np.array([self.quantities[column] for column in columns]),
            "most_orbits": np.array(self.most_orbits), "mixed": np.array(self.mixed),
        })  # fmt: skip

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of crystals that contain each element, by atomic number."""
        present = self.numbers[self.numbers > 0]
        return np.bincount(present, minlength=len(ELEMENTS) + 1)

    @cached_property
    def group_counts(self) -> NDArray[np.int64]:
        """Number of crystals with each space group, by its number."""
        return np.bincount(self.group, minlength=231)

    @cached_property
    def _by_sum(self) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Cumulative atomic fractions (n, MENDELEEV_SLOTS) along the Mendeleev numbers, sorted by their sums: rows, sums, fractions.

        Two crystals are at least as far apart as their sums, so only a window of the rows needs to be searched.
        """
        slot = np.array([0, *(_mendeleev_slot(element) for element in ELEMENTS)])
        fractions = np.zeros((len(self), MENDELEEV_SLOTS), dtype=np.float32)
        share = self.amounts / self.amounts.sum(axis=1, keepdims=True)
        rows = np.arange(len(self))
        for column in range(self.numbers.shape[1]):
            fractions[rows, slot[self.numbers[:, column]]] += share[:, column]
        np.cumsum(fractions, axis=1, out=fractions)
        sums = fractions.sum(axis=1)
        order = np.argsort(sums, kind="stable")
        return order, sums[order], fractions[order]

    def distances(self, scope: Scope, limit: float = np.inf) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the rows of all crystals within a distance of the composition of a string, and of some beyond, with distances."""
        rows, sums, fractions = self._by_sum
        share = np.zeros(MENDELEEV_SLOTS, dtype=np.float32)
        total = sum(scope.composition.values())
        for symbol, amount in scope.composition.items():
            share[_mendeleev_slot(ELEMENT[symbol])] += amount / total
        np.cumsum(share, out=share)
        low, high = np.searchsorted(sums, [share.sum() - limit - ROUNDING, share.sum() + limit + ROUNDING])
        return rows[low:high], np.abs(fractions[low:high] - share).sum(axis=1)

    def unlike(self, scope: Scope) -> list[str]:
        """Return how a string differs from all or nearly all training crystals; empty if it does not."""
        reasons = []
        for symbol in scope.composition:
            count = int(self.counts[ELEMENT[symbol].number])
            if count < RARE:
                reasons.append(f"{symbol} is in {_count(count)}")
        count = int(self.group_counts[scope.space_group])
        if count < RARE:
            reasons.append(
                f"{_count(count)} {'has' if count < 2 else 'have'} space group {scope.space_group}"
            )
        if not self.mixed and _has_mixed_sites(scope):
            reasons.append("mixed or partly filled sites are in no training crystal")
        if len(scope.orbits) > self.most_orbits:
            reasons.append(
                f"{len(scope.orbits)} orbits are more than those of nearly all training crystals ({self.most_orbits})"
            )
        near = self.distances(scope, FAR_DISTANCE)[1] <= FAR_DISTANCE
        if not near.any() and (nearest := self.nearest(scope, 1)):
            distance = float(self.distances(scope)[1].min())
            reasons.append(f"the nearest composition, {nearest[0].formula}, is far (distance {distance:.1f})")
        return reasons

    def nearest(self, scope: Scope, count: int = 5) -> list[Neighbor]:
        """Return the nearest crystals by composition and sites, nearest first."""
        sites, limit = site_hash(scope), 2 * FAR_DISTANCE
        while True:
            rows, distance = self.distances(scope, limit)
            same = self.sites[rows] == sites
            total = distance + OTHER_SITES_PENALTY * ~same
            order = np.lexsort((rows, np.round(total, 4)))[:count]
            if limit > MENDELEEV_SLOTS or (len(order) == count and total[order[-1]] <= limit):
                return [self._neighbor(int(rows[at]), bool(same[at]), float(distance[at])) for at in order]
            limit *= 4

    def _neighbor(self, row: int, same: bool, distance: float) -> Neighbor:
        pairs = zip(self.numbers[row].tolist(), self.amounts[row].tolist(), strict=True)
        parts = [(ELEMENTS[number - 1], amount) for number, amount in pairs if number]
        parts.sort(key=lambda part: part[0].order)
        formula = "".join(
            f"{element.symbol}{'' if amount == 1 else f'{amount:.4g}'}" for element, amount in parts
        )
        labels = {
            name: float(value)
            for name, value in zip(self.quantities, self.labels[row], strict=True)
            if not np.isnan(value)
        }
        return Neighbor(formula, int(self.group[row]), same, distance, labels)


def site_hash(scope: Scope) -> int:
    """Hash the space group and the Wyckoff letters of a string."""
    letters = "".join(sorted(orbit.letter for orbit in scope.orbits))
    value = scope.space_group
    for character in letters:
        value = (value * 1_000_003 + ord(character)) % (1 << 32)
    return value


@cache
def read_known(path: Path = PATH) -> KnownCrystals:
    """Read training crystals, by default those of all shipped models. Raises ModelError for a damaged file."""
    arrays = read_arrays(path)
    try:
        return KnownCrystals(arrays)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path} does not list training crystals ({error}); copy the model folder again"
        ) from None


def load_known(folder: Path, quantities: Sequence[str]) -> KnownCrystals | None:
    """Load the crystals that the model in a folder learned some quantities from; None if it has no record of them."""
    if (folder / KNOWN).is_file():
        return read_known(folder / KNOWN)
    return read_known().with_labels(quantities) if folder.parent == SHIPPED else None


def save_known(crystals: Iterable[tuple[str, Mapping[str, float]]], path: Path) -> None:
    """Write training crystals, given as string and labels by quantity, for `read_known`.

    Strings with the same composition, space group and Wyckoff letters are one crystal, with the first label of each quantity.
    Texts that are not SCOPE strings are omitted.
    """
    merged: dict[tuple[tuple[tuple[str, float], ...], int, int], dict[str, float]] = {}
    orbits, mixed = [], False
    for text, labels in crystals:
        try:
            scope = parse(text)
        except ScopeError:
            continue
        amounts = whole_numbers(scope.composition) or scope.composition
        key = tuple(sorted(amounts.items())), scope.space_group, site_hash(scope)
        first = merged.setdefault(key, {})
        first |= {name: value for name, value in labels.items() if name not in first}
        orbits.append(len(scope.orbits))
        mixed = mixed or _has_mixed_sites(scope)
    width = max((len(parts) for parts, _, _ in merged), default=1)
    numbers = np.zeros((len(merged), width), dtype=np.uint8)
    counts = np.zeros((len(merged), width), dtype=np.float32)
    for row, (parts, _, _) in enumerate(merged):
        numbers[row, : len(parts)] = [ELEMENT[symbol].number for symbol, _ in parts]
        counts[row, : len(parts)] = [amount for _, amount in parts]
    quantities = list(dict.fromkeys(name for labels in merged.values() for name in labels))
    table = [[labels.get(name, np.nan) for name in quantities] for labels in merged.values()]
    arrays: dict[str, NDArray[Any]] = {
        "numbers": numbers,
        "amounts": counts,
        "group": np.array([group for _, group, _ in merged], dtype=np.uint8),
        "sites": np.array([sites for _, _, sites in merged], dtype=np.uint32),
        "labels": np.array(table, dtype=np.float32).reshape(len(merged), len(quantities)),
        "quantities": np.array(quantities, dtype=str),
        "most_orbits": np.array(np.quantile(orbits, 0.999) if orbits else 0, dtype=np.int64),
        "mixed": np.array(mixed),
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _mendeleev_slot(element: Element) -> int:
    number = element.mendeleev_number
    return MENDELEEV_SLOTS - 1 if number != number else int(number)


def _has_mixed_sites(scope: Scope) -> bool:
    """Whether a string that names the species of its orbits has mixed or partly filled ones."""
    return any(o.species and (len(o.species) > 1 or o.species[0][1] < 1) for o in scope.orbits)


def _count(count: int) -> str:
    return {0: "no training crystal", 1: "one training crystal"}.get(count, f"only {count} training crystals")


FAMILY: Final = "materials"


class Quantity(NamedTuple):
    """A quantity that a model predicts, with its errors on held-out crystals; None if there are none.

    mae: mean absolute error in `unit`, over `crystals` crystals; trees_mae, mean_mae: that of trees and of the mean label, from
    the same training rows. coverage: fraction of labels within 80 % intervals; thirds: the same for the crystals with the
    narrowest, middle and widest intervals; ratio: error of the widest third over that of the narrowest.
    """

    quantity: str
    unit: str
    mae: float | None = None
    trees_mae: float | None = None
    mean_mae: float | None = None
    coverage: float | None = None
    crystals: int | None = None
    thirds: tuple[float, ...] = ()
    ratio: float | None = None


class About(NamedTuple):
    """A shipped model, or the family `materials`, which has no weights.

    data: sources with licences and citations; bytes, sha256: of the weights; card: its model card in Markdown.
    """

    quantities: list[Quantity]
    data: list[str]
    bytes: int
    sha256: str
    card: str

    def as_dict(self) -> dict[str, Any]:
        """Convert to a dict for JSON."""
        return self._asdict() | {"quantities": [one._asdict() for one in self.quantities]}


@cache
def about_shipped() -> dict[str, About]:
    """Describe the shipped models by name, then `materials`: the quantities computed from several of them."""
    found = {name: _about(folder) for name, folder in shipped().items()}
    return found | {FAMILY: _about(SHIPPED / FAMILY)}


def measured_error(quantity: str) -> Quantity | None:
    """Return the errors of a quantity on held-out crystals."""
    entries = (entry for about in about_shipped().values() for entry in about.quantities)
    return next((entry for entry in entries if entry.quantity == quantity), None)


def run_errors(folder: Path) -> dict[str, tuple[float | None, float | None]]:
    """Mean absolute errors on held-out crystals by quantity, of the model in a folder and of the better trees.

    From the evaluate tasks of a build, or from what is recorded about a shipped model.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        shipped_quantities = _about(folder).quantities if folder.parent == SHIPPED else []
        return {entry.quantity: (entry.mae, entry.trees_mae) for entry in shipped_quantities}
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))["tasks"]
        return {
            task["quantity"]: (task["mae"], _trees_error(task["baselines"]))
            for task in tasks
            if "mae" in task
        }
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}); build the model again") from None


def _trees_error(baselines: Mapping[str, Any]) -> float | None:
    return min(
        (float(scores["mae"]) for name, scores in baselines.items() if name.endswith("trees")), default=None
    )


def _about(folder: Path) -> About:
    about = _read_about(folder)
    quantities = [_quantity(entry) for entry in about.get("quantities", [])]
    if not (folder / "model.safetensors").is_file():
        return About(quantities, about["data"], 0, "", "")
    weights = (folder / "model.safetensors").read_bytes()
    card = (folder / "card.md").read_text(encoding="utf-8")
    data = about.get("data") or _data_of(card)
    return About(quantities, data, len(weights), hashlib.sha256(weights).hexdigest(), card)


def _read_about(folder: Path) -> dict[str, Any]:
    """Read about.json; {} without one."""
    path = folder / "about.json"
    about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return about


def pretraining_data(init_from: str | None) -> list[tuple[str, str]]:
    """List (model, source) for the training data of the model in `init_from` of a spec, and of its own `init_from` in turn.

    Sources come with licence and citation if the model card has them.
    """
    found: list[tuple[str, str]] = []
    names: list[str] = []
    while init_from is not None and init_from not in names:
        names.append(init_from)
        folder = Path(init_from) if Path(init_from).is_dir() else shipped().get(init_from)
        if folder is None or not (folder / "card.md").is_file():
            found.append((init_from, "unknown: its folder has no card.md"))
            break
        sources = _read_about(folder).get("data") or _data_of(
            (folder / "card.md").read_text(encoding="utf-8")
        )
        found += [(init_from, source) for source in sources]
        init_from = read_spec(folder / "spec.yaml").get("init_from")
    return found


def _quantity(entry: dict[str, Any]) -> Quantity:
    name = entry["quantity"]
    errors = entry["mae"], entry["trees_mae"], entry["mean_mae"], entry["coverage_of_80"]
    thirds = entry.get("intervals", {}).get("thirds", [])
    inside = tuple(float(one["coverage"]) for one in thirds)
    ratio = float(thirds[-1]["mae"] / thirds[0]["mae"]) if thirds else None
    return Quantity(name, _unit(name), *errors, entry["rows"], inside, ratio)


def _unit(name: str) -> str:
    return canonical_unit(name) or SCALAR_QUANTITIES.get(name, "")


def _data_of(card: str) -> list[str]:
    """Return the section on data of a model card, as lines without markup."""
    section = re.search(r"^## Data\n(.*?)(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    text = section.group(1) if section else ""
    if "|" in text:
        rows = [
            [cell.strip(" `") for cell in line.strip("| \n").split("|")]
            for line in text.splitlines()
            if line.startswith("|")
        ]
        return [": ".join(row[2:]) for row in rows[2:]]
    return [" ".join(text.split())]
