"""CIF blocks as plain as those of data sets, read by compiled code (cif_quick.pyx).

It answers as the readable code does, or declines, and then cif_sites.py reads the block.
"""

from functools import lru_cache
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.io.cif_rows import FULL_SITES, SPECIAL_TAGS
from cloudkit.io.cif_sites import MIN_DISTANCE
from cloudkit.io.cif_symmetry import CENTERING_TAGS, HALL_TAGS, NAME_TAGS, NUMBER_TAGS, OPERATION_TAGS
from cloudkit.io.facts import MAX_VOLUME_PER_ATOM, MIN_VOLUME_PER_ATOM, VOLUME_RTOL, read_formula
from cloudkit.io.site_order import site_key
from cloudkit.structure.crystal import Crystal, plain_species
from cloudkit.structure.neighbors import has_contact
from cloudkit.tables.composition import Species

try:
    from cloudkit.io.cif_quick import read_plain
except ModuleNotFoundError as error:  # built without a C compiler
    if error.name != "cloudkit.io.cif_quick":
        raise

    def read_plain(
        block: Any,
        operation_tags: tuple[str, ...],
        centering_tags: tuple[str, ...],
        special_tags: tuple[str, ...],
        ranks: dict[str, int],
        group_tags: tuple[str, ...],
        p1: frozenset[str],
        formulas: dict[str, dict[str, float]],
        volume_share: float,
        smallest_room: float,
        largest_room: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], tuple[str, ...]] | None:
        """Leave every block to the readable code."""
        return None


MAX_FORMULAS: Final = 4_096
GROUP_TAGS: Final = (*NAME_TAGS[:2], *NUMBER_TAGS[:2], *HALL_TAGS[:2])
P1_NAMES: Final = frozenset(("'P 1'", '"P 1"', "P1", "'P1'", '"P1"', "?", ".", "1"))
# the order of sites, for the elements whose electronegativity is known: the others do not sort by themselves alone
_RANKS: Final = {
    symbol: rank
    for rank, symbol in enumerate(
        sorted(
            (symbol for symbol, parts in FULL_SITES.items() if not isnan(site_key(parts).mean)),
            key=lambda symbol: site_key(FULL_SITES[symbol]),
        )
    )
}


def read_plain_block(block: Any) -> Crystal | None:
    """The crystal of a gemmi block, or None where the readable code has to look: also wherever the block states a fact that the
    atoms contradict.
    """
    found = read_plain(
        block,
        OPERATION_TAGS,
        CENTERING_TAGS,
        SPECIAL_TAGS,
        _RANKS,
        GROUP_TAGS,
        P1_NAMES,
        _FORMULAS,
        VOLUME_RTOL,
        MIN_VOLUME_PER_ATOM,
        MAX_VOLUME_PER_ATOM,
    )
    if found is None:
        return None
    lattice, positions, labels, symbols = found
    if has_contact(lattice, positions, MIN_DISTANCE):
        return None
    return Crystal(lattice, positions, labels, _species(symbols))


class _Formulas(dict[str, dict[str, float]]):
    """The counts of formulas of whole numbers, by their values in the file; empty for any other formula."""

    def __missing__(self, value: str) -> dict[str, float]:
        if len(self) > MAX_FORMULAS:
            self.clear()
        found = read_formula(value.strip("'\""))
        whole = {} if any(error for _, error in found.values()) else {e: n for e, (n, _) in found.items()}
        self[value] = whole
        return whole


_FORMULAS: Final = _Formulas()


@lru_cache(maxsize=4096)
def _species(symbols: tuple[str, ...]) -> tuple[Species, ...]:
    return tuple(plain_species(FULL_SITES[symbol]) for symbol in symbols)
