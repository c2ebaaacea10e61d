"""Labels that repeat or contradict each other: the same crystal, quantity and temperature, labelled more than once."""

import numpy as np

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
    order = np.lexsort((crystals.value[rows], group))
    value, starts = crystals.value[rows][order], np.concatenate([[0], np.cumsum(counts)[:-1]])
    spread = value[starts + counts - 1] - value[starts]
    median = (value[starts + (counts - 1) // 2] + value[starts + counts // 2]) / 2
    apart = spread > SAME * np.abs(median)
    name = crystals.quantities[index]
    found = f"{int((counts - 1).sum())} of {len(rows)} labels of {name} are of a crystal that has one already"
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
