"""CIF blocks as plain as those of data sets, read by compiled code (cif_quick.pyx).

It answers as the readable code does, or declines, and then cif_sites.py reads the block.
"""

from functools import lru_cache
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.io.cif_rows import SPECIAL_TAGS, WHOLE
from cloudkit.io.cif_symmetry import CENTERING_TAGS, OPERATION_TAGS
from cloudkit.io.site_order import site_key
from cloudkit.structure.crystal import Crystal, plain_species
from cloudkit.structure.guards import SAME_PLACE
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
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], tuple[str, ...]] | None:
        """Leave every block to the readable code."""
        return None


# the order of sites, for the elements whose electronegativity is known: the others do not sort by themselves alone
_RANKS: Final = {
    symbol: rank
    for rank, symbol in enumerate(
        sorted(
            (symbol for symbol, parts in WHOLE.items() if not isnan(site_key(parts).mean)),
            key=lambda symbol: site_key(WHOLE[symbol]),
        )
    )
}


def read_plain_block(block: Any) -> Crystal | None:
    """The crystal of a gemmi block, or None where the readable code has to look."""
    found = read_plain(block, OPERATION_TAGS, CENTERING_TAGS, SPECIAL_TAGS, _RANKS)
    if found is None:
        return None
    lattice, positions, labels, symbols = found
    if has_contact(lattice, positions, SAME_PLACE):
        return None
    return Crystal(lattice, positions, labels, _species(symbols))


@lru_cache(maxsize=4096)
def _species(symbols: tuple[str, ...]) -> tuple[Species, ...]:
    return tuple(plain_species(WHOLE[symbol]) for symbol in symbols)
