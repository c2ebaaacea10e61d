"""Labels that repeat or contradict each other: the same crystal, quantity and temperature, labelled more than once."""

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.crystals import Crystals
from cloudkit.units import QUANTITIES, canonical_unit

SAME = 1e-6  # labels that differ by less, relatively, say the same


def repeated_labels(crystals: Crystals) -> list[str]:
    """A note for each quantity with repeated labels: how many, how far apart, and the error that no model can go below.

    The best that a model can say of a crystal is the median of its labels; their mean distance from it is that floor.
    """
    return [note for index in range(len(crystals.quantities)) if (note := _note(crystals, index))]


def _note(crystals: Crystals, index: int) -> str | None:
    rows = np.flatnonzero(crystals.quantity == index)
    keys = np.stack(
        [
            crystals.crystal[rows].astype(np.float64),
            np.nan_to_num(crystals.temperature[rows], nan=-1.0),
            crystals.source_of()[rows].astype(np.float64),
        ]
    )
    _, group, counts = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    group = group.ravel()  # NumPy 2.0.0 keeps the axis
    if not len(rows) or counts.max() == 1:
        return None
    name = crystals.quantities[index]
    found = f"{int((counts - 1).sum())} of {len(rows)} labels of {name} are of a crystal that has one already"
    if name in crystals.classes:
        return found + _contradictions(crystals.value[rows], group)
    order = np.lexsort((crystals.value[rows], group))
    value, starts = crystals.value[rows][order], np.concatenate([[0], np.cumsum(counts)[:-1]])
    spread = value[starts + counts - 1] - value[starts]
    median = (value[starts + (counts - 1) // 2] + value[starts + counts // 2]) / 2
    apart = spread > SAME * np.abs(median)
    if not apart.any():
        return f"{found}, and say the same"
    unit = f" {canonical_unit(name)}" if name in QUANTITIES else ""
    worst = int(np.argmax(spread))
    crystal = crystals.ids[int(crystals.crystal[rows][order][starts[worst]])]
    floor = float(np.abs(value - np.repeat(median, counts)).mean())
    return (
        f"{found}; {int(apart.sum())} contradict, most of all {crystal} ({value[starts[worst]]:.4g} and "
        f"{value[starts[worst] + counts[worst] - 1]:.4g}{unit}): no model's mean absolute error can be below {floor:.3g}{unit} here"
    )


def _contradictions(classes: NDArray[np.float64], group: NDArray[np.int64]) -> str:
    """How many groups of labels name several classes, and how often the best guess can be right."""
    right = most_frequent(classes, group)
    apart = sum(len(np.unique(classes[group == one])) > 1 for one in np.flatnonzero(np.bincount(group) > 1))
    if not apart:
        return ", and say the same"
    return f"; {apart} crystals have several classes: no model can be right more often than {100 * right / len(classes):.1f} % here"


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
