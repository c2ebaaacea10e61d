"""The training crystals of a model: the nearest ones to a crystal, and how it differs from all of them.

The distance between two compositions is the earth mover's distance of their elements along the Mendeleev numbers (ElMD;
C. J. Hargreaves et al., Chem. Mater. 32 (2020) 10610). It is about 1 for neighbours such as NaCl and KCl.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ModelError, ScopeError
from cloudkit.models.runtime.runtime import SHIPPED
from cloudkit.predict.arrays import read_arrays
from cloudkit.scope import Scope, formula_text, parse
from cloudkit.tables import ELEMENT, ELEMENTS, Element
from cloudkit.tables.composition import whole_numbers

FAR_DISTANCE: Final = 2.0  # from the nearest training composition; 2 % of held-out crystals are farther
OTHER_SITES_PENALTY: Final = (
    2.0  # added to the distance if the Wyckoff positions differ: AlB2 is nearer to MgB2 than CuBi2
)
SAME_DISTANCE: Final = 1e-3  # distance below which two compositions are equal
ROUNDING: Final = 1e-2  # bound on rounding errors of sums in float32
MIN_CRYSTALS: Final = 5  # crystals; elements and space groups of fewer training crystals are reported
CRYSTALS_FILE: Final = "known.npz"  # in a model folder
MAX_ELEMENTS: Final = 8
MENDELEEV_SLOTS: Final = 105  # 0 to 103, and one slot for elements without a Mendeleev number


class Neighbor(NamedTuple):
    """A training crystal; labels: quantity -> label, of the quantities that it has labels for."""

    formula: str
    space_group: int
    same_sites: bool
    distance: float
    labels: Mapping[str, float]

    @property
    def is_same(self) -> bool:
        """Whether it has the composition, space group and Wyckoff positions of the crystal that it is near to."""
        return self.same_sites and self.distance < SAME_DISTANCE


class TrainingCrystals:
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

    def with_labels(self, quantities: Sequence[str]) -> "TrainingCrystals":
        """Return the crystals that have a label of one of some quantities, with these labels only."""
        columns = [column for column, name in enumerate(self.quantities) if name in quantities]
        rows = ~np.isnan(self.labels[:, columns]).all(axis=1)
        arrays = {name: getattr(self, name)[rows] for name in ("numbers", "amounts", "group", "sites")}
        return TrainingCrystals(arrays | {
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
            if count < MIN_CRYSTALS:
                reasons.append(f"{symbol} is in {_count(count)}")
        count = int(self.group_counts[scope.space_group])
        if count < MIN_CRYSTALS:
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
        """Return the nearest crystals by composition and sites, nearest first, without those of `other_forms`."""
        limit = 2 * FAR_DISTANCE
        while True:
            rows, distance, same = self._compare(scope, limit)
            total = distance + OTHER_SITES_PENALTY * ~same
            listed = np.flatnonzero(same | (distance >= SAME_DISTANCE))
            order = listed[np.lexsort((rows[listed], np.round(total[listed], 4)))][:count]
            if limit > MENDELEEV_SLOTS or (len(order) == count and total[order[-1]] <= limit):
                return [self._neighbor(int(rows[at]), bool(same[at]), float(distance[at])) for at in order]
            limit *= 4

    def other_forms(self, scope: Scope, count: int = 5) -> list[Neighbor]:
        """Return crystals of the same composition with other sites, those with the most labels first."""
        rows, distance, same = self._compare(scope, SAME_DISTANCE)
        forms = np.flatnonzero(~same & (distance < SAME_DISTANCE))
        labels = (~np.isnan(self.labels[rows[forms]])).sum(axis=1)
        order = forms[np.lexsort((rows[forms], -labels))][:count]
        return [self._neighbor(int(rows[at]), False, float(distance[at])) for at in order]

    def _compare(
        self, scope: Scope, limit: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
        """Return `distances`, and whether the sites are the same; mixed sites are not if all training crystals are ordered."""
        rows, distance = self.distances(scope, limit)
        comparable = self.mixed or not _has_mixed_sites(scope)
        return rows, distance, (self.sites[rows] == site_hash(scope)) & comparable

    def formula(self, row: int) -> str:
        """Return the formula of a crystal, as `cloudkit.scope.reduced_formula` writes it."""
        pairs = zip(self.numbers[row].tolist(), self.amounts[row].tolist(), strict=True)
        return formula_text({ELEMENTS[number - 1].symbol: amount for number, amount in pairs if number})

    def identities(self) -> Iterator[tuple[str, int]]:
        """Yield the formula and the `site_hash` of each crystal."""
        return ((self.formula(row), int(self.sites[row])) for row in range(len(self)))

    def _neighbor(self, row: int, same: bool, distance: float) -> Neighbor:
        labels = {
            name: float(value)
            for name, value in zip(self.quantities, self.labels[row], strict=True)
            if not np.isnan(value)
        }
        return Neighbor(self.formula(row), int(self.group[row]), same, distance, labels)


def site_hash(scope: Scope) -> int:
    """Hash the space group and the Wyckoff letters of a string."""
    letters = "".join(sorted(orbit.letter for orbit in scope.orbits))
    value = scope.space_group
    for character in letters:
        value = (value * 1_000_003 + ord(character)) % (1 << 32)
    return value


@cache
def read_training_crystals(path: Path = SHIPPED / "materials" / CRYSTALS_FILE) -> TrainingCrystals:
    """Read training crystals, by default those of all shipped models. Raises ModelError for a damaged file."""
    arrays = read_arrays(path)
    try:
        return TrainingCrystals(arrays)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path} does not list training crystals ({error}); copy the model folder again"
        ) from None


def load_training_crystals(folder: Path, quantities: Sequence[str]) -> TrainingCrystals | None:
    """Load the crystals that the model in a folder learned some quantities from; None if it has no record of them."""
    if (folder / CRYSTALS_FILE).is_file():
        return read_training_crystals(folder / CRYSTALS_FILE)
    return read_training_crystals().with_labels(quantities) if folder.parent == SHIPPED else None


def save_training_crystals(crystals: Iterable[tuple[str, Mapping[str, float]]], path: Path) -> None:
    """Write training crystals, given as string and labels by quantity, for `read_training_crystals`.

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
