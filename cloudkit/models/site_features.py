"""What is known about a Wyckoff position in its own space group, as numbers: a symbol alone means many sites."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cloudkit.models.features import CENTROSYMMETRIC, SPACE_GROUP, WYCKOFF
from cloudkit.tables import CENTERING_POINTS, LETTERS, SPACE_GROUPS, SpaceGroup, WyckoffPosition


@cache
def site_table() -> NDArray[np.float64]:
    """(231, 28, 5): space group 0 and the last letter stand for what is not known; their rows are zero.

    Columns, standardized over all positions: ln of the multiplicity per lattice point, ln of the order of the site
    symmetry, degrees of freedom, whether the site is a centre of inversion, whether it is the general position.
    """
    rows = {
        (group.number, index): _describe(group, position)
        for group in SPACE_GROUPS
        for index, position in enumerate(group.wyckoff)
    }
    known = np.array(list(rows.values()))
    known = (known - known.mean(axis=0)) / known.std(axis=0)
    table = np.zeros((len(SPACE_GROUPS) + 1, len(LETTERS) + 1, known.shape[1]))
    table[tuple(np.array(list(rows)).T)] = known
    return table


def places(
    vocabulary: Sequence[str], kinds: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Space group (tokens,) of each token, 0 for others; place in the alphabet of its letter, the last for others."""
    group = np.zeros(len(vocabulary), dtype=np.int64)
    letter = np.full(len(vocabulary), len(LETTERS), dtype=np.int64)
    for index, (token, kind) in enumerate(zip(vocabulary, kinds.tolist(), strict=True)):
        if kind == SPACE_GROUP:
            group[index] = int(token.removeprefix("sg:"))
        elif kind == WYCKOFF:
            letter[index] = LETTERS.index(token[-1])
    return group, letter


def _describe(group: SpaceGroup, position: WyckoffPosition) -> list[float]:
    points = CENTERING_POINTS[group.centering]
    order = group.wyckoff[-1].multiplicity / position.multiplicity
    return [
        math.log(position.multiplicity / points),
        math.log(order),
        position.degrees_of_freedom,
        float(position.site_symmetry.replace(".", "") in CENTROSYMMETRIC),
        float(order == 1),
    ]
