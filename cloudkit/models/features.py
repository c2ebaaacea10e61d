"""Tabulated features of compact tokens: elements, Wyckoff symbols, space groups, fractions; and of Wyckoff positions.

One row per token id and one block of columns per kind of token, zero outside its block, each column standardized over the tokens
of its kind. A missing property is replaced by the mean and flagged in a column. Wyckoff positions in their space group have a
separate table, since one symbol stands for many sites.
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

# kinds of tokens, as Tokenizer.kinds numbers them; 0: special tokens, 1: the bar
SPACE_GROUP, WYCKOFF, ELEMENT_KIND, FRACTION = range(2, 6)

CENTROSYMMETRIC: Final = ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")
SYSTEMS: Final = tuple(dict.fromkeys(group.crystal_system for group in SPACE_GROUPS))
BLOCKS: Final = tuple(dict.fromkeys(element.block for element in ELEMENTS))

PERIODIC_FEATURES: Final = ("log_mass", "inverse_root_mass", "period", "group", "mendeleev_number")
ATOMIC_FEATURES: Final = (
    "covalent_radius", "atomic_radius", "molar_volume", "electronegativity", "ionization_energy", "electron_affinity",
    "melting_point", "highest_oxidation_state", "lowest_oxidation_state",
)  # fmt: skip
Array = NDArray[np.float64]


def feature_table(vocabulary: Sequence[str], kinds: NDArray[np.uint8]) -> tuple[Array, tuple[int, int]]:
    """Return features (tokens, columns) of a compact vocabulary, and the range (first, end) of the element columns."""
    blocks = [_block(vocabulary, kinds, kind) for kind in (ELEMENT_KIND, SPACE_GROUP, WYCKOFF, FRACTION)]
    return np.concatenate(blocks, axis=1), (0, blocks[0].shape[1])


def token_amounts(vocabulary: Sequence[str], kinds: NDArray[np.uint8]) -> Array:
    """Return the numeric value of each token (tokens,): multiplicity of a Wyckoff symbol, a fraction, else 0."""
    value = np.zeros(len(vocabulary))
    for index, (token, kind) in enumerate(zip(vocabulary, kinds.tolist(), strict=True)):
        if kind == WYCKOFF:
            value[index] = int(token[:-1])
        elif kind == FRACTION:
            value[index] = float(token)
    return value


def _block(vocabulary: Sequence[str], kinds: NDArray[np.uint8], kind: int) -> Array:
    """Return the standardized columns of one kind of token, zero in the rows of all others."""
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


def element_features(element: Element) -> dict[str, float]:
    """Return the tabulated properties of an element by name, NaN if missing.

    Networks read some of them, standardized (`feature_table`); trees read all (`cloudkit.predict.features`).
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
        # Lindemann (1910): θ is proportional to sqrt(T_melt / mass) / size
        "stiffness": (element.melting_point / element.mass) ** 0.5 / element.molar_volume ** (1 / 3),
    }  # fmt: skip


def _element(token: str) -> list[float]:
    element = ELEMENT[token]
    numbers = element_features(element)
    blocks = [float(element.block == block) for block in BLOCKS]
    place, rest = ([numbers[name] for name in names] for names in (PERIODIC_FEATURES, ATOMIC_FEATURES))
    # ln(stiffness), in the bit-exact form with which the shipped weights were trained
    stiffness = 0.5 * math.log(element.melting_point / element.mass) - math.log(element.molar_volume) / 3
    return [*place, *blocks, *rest, stiffness]


def point_group_order(group: SpaceGroup) -> int:
    """Return the order of the point group: general positions per lattice point."""
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
def _degrees_of_freedom() -> dict[str, list[int]]:
    """Return the degrees of freedom of each Wyckoff symbol in all groups that have it."""
    found: dict[str, list[int]] = {}
    for group in SPACE_GROUPS:
        for position in group.wyckoff:
            found.setdefault(position.symbol, []).append(position.degrees_of_freedom)
    return found


def _wyckoff(token: str) -> list[float]:
    """Describe a symbol; it stands for other sites in other groups, so degrees of freedom are means over all of them."""
    freedom = _degrees_of_freedom()[token]
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
    """Return features of all Wyckoff positions (231 groups, 28 letters, 5); group 0 and the last letter mean unknown, all zero.

    Standardized over all positions: ln of the multiplicity per lattice point, ln of the order of the site symmetry, degrees of
    freedom, whether the site symmetry has an inversion centre, whether it is the general position.
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


def site_indices(
    vocabulary: Sequence[str], kinds: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the space group of each token (tokens,), else 0, and the index of its Wyckoff letter (tokens,), else the last."""
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
