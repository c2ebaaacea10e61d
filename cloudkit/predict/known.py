"""The shipped models: errors, data sources, licences, hashes, and their training crystals.

The distance between two compositions is the earth mover's distance of their elements along the Mendeleev numbers (ElMD;
C. J. Hargreaves et al., Chem. Mater. 32 (2020) 10610). It is about 1 for neighbours such as NaCl and KCl.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.models.runtime.runtime import SHIPPED, read_spec, shipped
from cloudkit.scope import Scope
from cloudkit.tables import ELEMENT, ELEMENTS, Element
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
PATH: Final = SHIPPED / "materials" / "known.npz"
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

    numbers, amounts (n, MAX_ELEMENTS): atomic numbers and numbers of atoms, padded with 0. group, sites (n,): space group, and
    a hash of group and Wyckoff letters. labels (n, quantities): NaN if unknown. most_orbits: 99.9th percentile of the orbits.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.numbers, self.amounts = arrays["numbers"], arrays["amounts"].astype(np.float32)
        self.group, self.sites = arrays["group"].astype(np.int64), arrays["sites"]
        self.labels = arrays["labels"]
        self.quantities = [str(name) for name in arrays["quantities"]]
        self.most_orbits = int(arrays["most_orbits"])

    def __len__(self) -> int:
        return len(self.group)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of crystals that contain each element, by atomic number."""
        present = self.numbers[self.numbers > 0]
        return np.bincount(present, minlength=len(ELEMENTS) + 1)

    @cached_property
    def _shares(self) -> NDArray[np.float32]:
        """Cumulative atomic fractions (MENDELEEV_SLOTS, n) along the Mendeleev numbers."""
        slot = np.array([0, *(_mendeleev_slot(element) for element in ELEMENTS)])
        out = np.zeros((MENDELEEV_SLOTS, len(self)), dtype=np.float32)
        share = self.amounts / self.amounts.sum(axis=1, keepdims=True)
        rows = np.arange(len(self))
        for column in range(self.numbers.shape[1]):
            out[slot[self.numbers[:, column]], rows] += share[:, column]
        return np.cumsum(out, axis=0, out=out)

    def distances(self, scope: Scope) -> NDArray[np.float32]:
        """Return the distance of the composition of a string to each crystal (n,)."""
        share = np.zeros(MENDELEEV_SLOTS, dtype=np.float32)
        total = sum(scope.composition.values())
        for symbol, amount in scope.composition.items():
            share[_mendeleev_slot(ELEMENT[symbol])] += amount / total
        distance: NDArray[np.float32] = np.abs(self._shares - np.cumsum(share)[:, None]).sum(axis=0)
        return distance

    def unlike(self, scope: Scope) -> list[str]:
        """Return how a string differs from all or nearly all training crystals; empty if it does not."""
        reasons = []
        for symbol in scope.composition:
            count = int(self.counts[ELEMENT[symbol].number])
            if count < 5:
                reasons.append(f"{symbol} is in {_count(count)}")
        count = int((self.group == scope.space_group).sum())
        if count < 5:
            reasons.append(f"space group {scope.space_group} is that of {_count(count)}")
        if any(orbit.species and _is_mixed(orbit.species) for orbit in scope.orbits):
            reasons.append("mixed or partly filled sites are in no training crystal")
        if len(scope.orbits) > self.most_orbits:
            reasons.append(
                f"{len(scope.orbits)} orbits are more than those of nearly all training crystals ({self.most_orbits})"
            )
        distance = float(self.distances(scope).min())
        if distance > FAR_DISTANCE:
            nearest = self.nearest(scope, 1)[0]
            reasons.append(f"the nearest composition, {nearest.formula}, is far (distance {distance:.1f})")
        return reasons

    def nearest(self, scope: Scope, count: int = 5) -> list[Neighbor]:
        """Return the nearest crystals by composition and sites, nearest first."""
        same = self.sites == site_hash(scope)
        distance = self.distances(scope) + OTHER_SITES_PENALTY * ~same
        order = np.argsort(distance, kind="stable")[:count]
        return [self._neighbor(int(row), bool(same[row]), float(distance[row])) for row in order]

    def _neighbor(self, row: int, same: bool, distance: float) -> Neighbor:
        pairs = zip(self.numbers[row].tolist(), self.amounts[row].tolist(), strict=True)
        parts = [(ELEMENTS[number - 1], int(amount)) for number, amount in pairs if number]
        parts.sort(key=lambda part: part[0].order)
        formula = "".join(f"{element.symbol}{amount if amount > 1 else ''}" for element, amount in parts)
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
    """Read the training crystals of the shipped models."""
    with np.load(path, allow_pickle=False) as arrays:
        return KnownCrystals({name: arrays[name] for name in arrays.files})


def _mendeleev_slot(element: Element) -> int:
    number = element.mendeleev_number
    return MENDELEEV_SLOTS - 1 if number != number else int(number)


def _is_mixed(species: Sequence[tuple[str, float]]) -> bool:
    return len(species) > 1 or species[0][1] < 1


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
