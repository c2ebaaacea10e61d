"""Labels that repeat or contradict each other: the same crystal, quantity and temperature, labelled more than once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.crystals import Crystals
from cloudkit.units import QUANTITIES, canonical_unit

SAME = 1e-6  # labels that differ by less, relatively, say the same


class Repeats(NamedTuple):
    """Labels (n,) in groups that should say the same, sorted by group and value; the groups (g,) begin at `starts`."""

    rows: NDArray[np.int64]
    value: NDArray[np.float64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def median(self) -> NDArray[np.float64]:
        """The best that a model can say of each group (g,)."""
        middle = self.starts + self.counts // 2
        return (self.value[self.starts + (self.counts - 1) // 2] + self.value[middle]) / 2

    @property
    def floor(self) -> float:
        """The mean distance of labels from the median of their group: no model's mean absolute error is smaller."""
        return (
            float(np.abs(self.value - np.repeat(self.median, self.counts)).mean()) if len(self.value) else 0.0
        )


def repeated_labels(crystals: Crystals) -> list[str]:
    """A note for each quantity with repeated labels: how many, how far apart, and the error that no model can go below."""
    return [note for index in range(len(crystals.quantities)) if (note := _note(crystals, index))]


def error_floor(crystals: Crystals) -> dict[str, float]:
    """Return the smallest mean absolute error of any model that reads strings, for each quantity; 0 if no label repeats.

    Of classes it is the share of labels that differ from the most frequent one of their string.
    """
    floors = {}
    for index, name in enumerate(crystals.quantities):
        rows = np.flatnonzero(crystals.quantity == index)
        group, value = _group(crystals, rows, by_source=False), crystals.value[rows]
        if name in crystals.classes and len(rows):
            floors[name] = 1 - most_frequent(value, group) / len(rows)
        else:
            floors[name] = _sort(value, group).floor
    return floors


def _group(crystals: Crystals, rows: NDArray[np.int64], by_source: bool) -> NDArray[np.int64]:
    """The group of each row: its crystal and temperature, and where asked for its source."""
    keys = [crystals.crystal[rows].astype(np.float64), np.nan_to_num(crystals.temperature[rows], nan=-1.0)]
    if by_source:
        keys.append(crystals.source_of()[rows].astype(np.float64))
    _, group = np.unique(np.stack(keys), axis=1, return_inverse=True)
    return group.ravel()  # NumPy 2.0.0 keeps the axis


def _sort(value: NDArray[np.float64], group: NDArray[np.int64]) -> Repeats:
    order, counts = np.lexsort((value, group)), np.bincount(group)
    return Repeats(order, value[order], np.cumsum(counts) - counts, counts)


def _note(crystals: Crystals, index: int) -> str | None:
    rows = np.flatnonzero(crystals.quantity == index)
    group = _group(crystals, rows, by_source=True)
    labels = _sort(crystals.value[rows], group)
    if not len(rows) or labels.counts.max() == 1:
        return None
    name = crystals.quantities[index]
    found = f"{int((labels.counts - 1).sum())} of {len(rows)} labels of {name} are of a crystal that has one already"
    if name in crystals.classes:
        return found + _contradictions(crystals.value[rows], group)
    least, most = labels.value[labels.starts], labels.value[labels.starts + labels.counts - 1]
    apart = most - least > SAME * np.abs(labels.median)
    if not apart.any():
        return f"{found}, and say the same"
    unit = f" {canonical_unit(name)}" if name in QUANTITIES else ""
    worst = int(np.argmax(most - least))
    crystal = crystals.ids[int(crystals.crystal[rows][labels.rows][labels.starts[worst]])]
    return (
        f"{found}; {int(apart.sum())} contradict, most of all {crystal} ({least[worst]:.4g} and {most[worst]:.4g}{unit}): "
        f"no model's mean absolute error can be below {labels.floor:.3g}{unit} here"
    )


def _contradictions(classes: NDArray[np.float64], group: NDArray[np.int64]) -> str:
    """How many groups of labels name several classes, and how often the best guess can be right."""
    right = most_frequent(classes, group)
    apart = sum(len(np.unique(classes[group == one])) > 1 for one in np.flatnonzero(np.bincount(group) > 1))
    if not apart:
        return ", and say the same"
    return f"; {apart} crystals have several classes: no model can be right more often than {100 * right / len(classes):.4g} % here"


def most_frequent(classes: NDArray[np.float64], group: NDArray[np.int64]) -> int:
    """How many labels are of the most frequent class of their group.

    Examples
    --------
    >>> most_frequent(np.array([0.0, 0.0, 1.0, 1.0]), np.array([7, 7, 7, 8]))
    3
    """
    pairs, counts = np.unique(np.stack([group, classes]), axis=1, return_counts=True)
    _, starts = np.unique(pairs[0], return_index=True)
    return int(np.maximum.reduceat(counts, starts).sum())
