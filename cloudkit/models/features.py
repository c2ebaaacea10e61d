"""What is known about compact tokens, as numbers: elements, Wyckoff symbols, space groups, fractions, and Wyckoff positions.

One row per token id, one block of columns per kind, zero outside its block; each column standardized over the tokens
of its kind. A property that is not known takes the mean, and a flag column says so. What is known about a position in
its own space group is a table of its own, since a symbol alone means many sites.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.tables import (
    CENTERING_POINTS,
    ELEMENT,
    ELEMENTS,
    LETTERS,
    SPACE_GROUPS,
    Element,
    SpaceGroup,
    WyckoffPosition,
)

SPECIAL, BAR, SPACE_GROUP, WYCKOFF, ELEMENT_KIND, FRACTION = range(
    6
)  # kinds, as Tokenizer.kinds numbers them

CENTROSYMMETRIC: Final = ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")
SYSTEMS: Final = tuple(dict.fromkeys(group.crystal_system for group in SPACE_GROUPS))
BLOCKS: Final = tuple(dict.fromkeys(element.block for element in ELEMENTS))

OF_PLACE: Final = ("log_mass", "inverse_root_mass", "period", "group", "mendeleev_number")
OF_ATOM: Final = (
    "covalent_radius", "atomic_radius", "molar_volume", "electronegativity", "ionization_energy", "electron_affinity",
    "melting_point", "highest_oxidation_state", "lowest_oxidation_state",
)  # fmt: skip
Array = NDArray[np.float64]


def feature_table(vocabulary: Sequence[str], kinds: NDArray[np.uint8]) -> tuple[Array, tuple[int, int]]:
    """Features (tokens, columns) of a compact vocabulary, and the columns (first, end) that describe elements."""
    blocks = [_block(vocabulary, kinds, kind) for kind in (ELEMENT_KIND, SPACE_GROUP, WYCKOFF, FRACTION)]
    return np.concatenate(blocks, axis=1), (0, blocks[0].shape[1])


def amounts(vocabulary: Sequence[str], kinds: NDArray[np.uint8]) -> Array:
    """The number that a token stands for (tokens,): multiplicity of a Wyckoff symbol, value of a fraction, else 0."""
    value = np.zeros(len(vocabulary))
    for index, (token, kind) in enumerate(zip(vocabulary, kinds.tolist(), strict=True)):
        if kind == WYCKOFF:
            value[index] = int(token[:-1])
        elif kind == FRACTION:
            value[index] = float(token)
    return value


def _block(vocabulary: Sequence[str], kinds: NDArray[np.uint8], kind: int) -> Array:
    """The standardized columns of one kind, zero in the rows of all others."""
    rows = np.flatnonzero(kinds == kind)
    describe = {ELEMENT_KIND: _element, SPACE_GROUP: _space_group, WYCKOFF: _wyckoff, FRACTION: _fraction}[
        kind
    ]
    known = np.array([describe(vocabulary[row]) for row in rows.tolist()])
    missing = np.isnan(known)
    known = np.where(missing, np.nanmean(known, axis=0), known)
    flags = missing[:, missing.any(axis=0)].astype(np.float64)
    columns = np.concatenate([known, flags], axis=1)
    spread = columns.std(axis=0)
    columns = (columns - columns.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    out = np.zeros((len(vocabulary), columns.shape[1]))
    out[rows] = columns
    return out


def element_numbers(element: Element) -> dict[str, float]:
    """Everything that is known of an element, by name; NaN for what is not known.

    The networks read some of it, standardized (`feature_table`), and trees all of it (`cloudkit.predict.features`).
    """
    return {
        "number": float(element.number), "mass": element.mass, "electronegativity": element.electronegativity,
        "period": float(element.period), "group": float(element.group), "covalent_radius": element.covalent_radius,
        "atomic_radius": element.atomic_radius, "mendeleev_number": float(element.mendeleev_number),
        "ionization_energy": element.ionization_energy, "electron_affinity": element.electron_affinity,
        "melting_point": element.melting_point, "molar_volume": element.molar_volume,
        "highest_oxidation_state": float(element.highest_oxidation_state),
        "lowest_oxidation_state": float(element.lowest_oxidation_state),
        "log_mass": math.log(element.mass), "inverse_root_mass": element.mass**-0.5,
        # Lindemann (1910): the melting point measures stiffness, so that θ goes as sqrt(T_melt / mass) / size
        "stiffness": (element.melting_point / element.mass) ** 0.5 / element.molar_volume ** (1 / 3),
    }  # fmt: skip


def _element(token: str) -> list[float]:
    element = ELEMENT[token]
    numbers = element_numbers(element)
    blocks = [float(element.block == block) for block in BLOCKS]
    place, rest = ([numbers[name] for name in names] for names in (OF_PLACE, OF_ATOM))
    # the logarithm of the stiffness, to the last bit as the shipped weights were trained with it
    stiffness = 0.5 * math.log(element.melting_point / element.mass) - math.log(element.molar_volume) / 3
    return [*place, *blocks, *rest, stiffness]


def point_group_order(group: SpaceGroup) -> int:
    """Operations of the point group: general positions per lattice point."""
    return group.wyckoff[-1].multiplicity // CENTERING_POINTS[group.centering]


def _space_group(token: str) -> list[float]:
    group: SpaceGroup = SPACE_GROUPS[int(token.removeprefix("sg:")) - 1]
    system = [float(group.crystal_system == system) for system in SYSTEMS]
    centering = [float(group.centering == centering) for centering in CENTERING_POINTS]
    return [
        *system,
        *centering,
        math.log(point_group_order(group)),
        float(group.point_group in CENTROSYMMETRIC),
        len(group.wyckoff),
    ]


@cache
def _freedom() -> dict[str, list[int]]:
    """Degrees of freedom of each Wyckoff symbol in the groups that have it."""
    found: dict[str, list[int]] = {}
    for group in SPACE_GROUPS:
        for position in group.wyckoff:
            found.setdefault(position.symbol, []).append(position.degrees_of_freedom)
    return found


def _wyckoff(token: str) -> list[float]:
    """A symbol means different sites in different groups: degrees of freedom are the mean over the groups that have it."""
    freedom = _freedom()[token]
    return [
        math.log(int(token[:-1])),
        ord(token[-1].lower()) - ord("a"),
        sum(freedom) / len(freedom),
        min(freedom),
    ]


def _fraction(token: str) -> list[float]:
    return [float(token), math.log(float(token) + 0.005)]


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
