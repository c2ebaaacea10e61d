"""Repeated and contradicting labels: the same crystal, quantity and temperature, labelled more than once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.crystals import Crystals
from cloudkit.units import QUANTITIES, canonical_unit

RELATIVE_TOLERANCE = 1e-6  # labels that differ by less, relatively, say the same


class Repeats(NamedTuple):
    """Labels (n,) in groups that should agree, sorted by group and value; the groups (g,) start at `starts`."""

    rows: NDArray[np.int64]
    value: NDArray[np.float64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def median(self) -> NDArray[np.float64]:
        """Median of each group (g,), the best prediction by absolute error."""
        middle = self.starts + self.counts // 2
        return (self.value[self.starts + (self.counts - 1) // 2] + self.value[middle]) / 2

    @property
    def floor(self) -> float:
        """Mean distance of labels from the median of their group, a lower bound of the mean absolute error of any model."""
        return (
            float(np.abs(self.value - np.repeat(self.median, self.counts)).mean()) if len(self.value) else 0.0
        )


def repeated_labels(crystals: Crystals) -> list[str]:
    """Describe repeated labels: how many, how far apart, and the error floor that they cause.

    Parameters
    ----------
    crystals : Crystals
        With labels.

    Returns
    -------
    list of str
        One note per quantity with repeated labels.

    Examples
    --------
    >>> zero, none = np.zeros(2, np.int64), np.full(2, np.nan)
    >>> crystals = Crystals(["0 0 0 | Si 1a"], ["a"], ("band_gap",), zero, zero, none, np.array([1.0, 1.0]))
    >>> repeated_labels(crystals)
    ['1 of 2 labels of band_gap repeat a label of the same crystal, and agree']
    """
    return [note for index in range(len(crystals.quantities)) if (note := _note(crystals, index))]


def error_floor(crystals: Crystals) -> dict[str, float]:
    """Compute the smallest mean absolute error that a model of strings can have.

    Parameters
    ----------
    crystals : Crystals
        With labels.

    Returns
    -------
    dict of str to float
        By quantity, per atom in canonical units; for classes the fraction of labels that differ from the most frequent one of
        their string. 0 if no label repeats.

    Examples
    --------
    >>> zero, none = np.zeros(2, np.int64), np.full(2, np.nan)
    >>> error_floor(Crystals(["0 0 0 | Si 1a"], ["a"], ("band_gap",), zero, zero, none, np.array([1.0, 2.0])))
    {'band_gap': 0.5}
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
    """Return the group of each row: its crystal and temperature, and optionally its source."""
    keys = [crystals.crystal[rows].astype(np.float64), np.nan_to_num(crystals.temperature[rows], nan=-1.0)]
    if by_source:
        keys.append(crystals.source_index()[rows].astype(np.float64))
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
    note = (
        f"{int((labels.counts - 1).sum())} of {len(rows)} labels of {name} repeat a label of the same crystal"
    )
    if name in crystals.classes:
        return note + _contradictions(crystals.value[rows], group)
    least, most = labels.value[labels.starts], labels.value[labels.starts + labels.counts - 1]
    apart = most - least > RELATIVE_TOLERANCE * np.abs(labels.median)
    if not apart.any():
        return f"{note}, and agree"
    unit = f" {canonical_unit(name)}" if name in QUANTITIES else ""
    worst = int(np.argmax(most - least))
    crystal = crystals.ids[int(crystals.crystal[rows][labels.rows][labels.starts[worst]])]
    return (
        f"{note}; {int(apart.sum())} contradict it, most of all {crystal} ({least[worst]:.4g} and {most[worst]:.4g}{unit}): "
        f"no model can have a mean absolute error below {labels.floor:.3g}{unit} on them"
    )


def _contradictions(classes: NDArray[np.float64], group: NDArray[np.int64]) -> str:
    """Describe groups of labels with several classes, and the best possible accuracy."""
    right = most_frequent(classes, group)
    repeated = np.flatnonzero(np.bincount(group) > 1)
    apart = sum(len(np.unique(classes[group == index])) > 1 for index in repeated)
    if not apart:
        return ", and agree"
    return f"; {apart} crystals have several classes: no model can be right more often than {100 * right / len(classes):.4g} % on them"


def most_frequent(classes: NDArray[np.float64], group: NDArray[np.int64]) -> int:
    """Count the labels that are of the most frequent class of their group.

    Examples
    --------
    >>> most_frequent(np.array([0.0, 0.0, 1.0, 1.0]), np.array([7, 7, 7, 8]))
    3
    """
    pairs, counts = np.unique(np.stack([group, classes]), axis=1, return_counts=True)
    _, starts = np.unique(pairs[0], return_index=True)
    return int(np.maximum.reduceat(counts, starts).sum())
