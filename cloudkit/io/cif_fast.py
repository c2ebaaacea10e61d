"""CIF blocks as plain as those of data sets, read by compiled code (cif_quick.pyx).

It answers as the readable code does, or declines, and then cif_sites.py reads the block.
"""

from functools import lru_cache
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.io.cif_rows import SPECIAL_TAGS, WHOLE
from cloudkit.io.cif_sites import CROWDED, read_amount, read_facts
from cloudkit.io.cif_symmetry import CENTERING_TAGS, HALL_TAGS, NAME_TAGS, NUMBER_TAGS, OPERATION_TAGS
from cloudkit.io.facts import Facts, contradictions, count_atoms, implausible, read_formula, volume_fault
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
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], tuple[str, ...]] | None:
        """Leave every block to the readable code."""
        return None


GROUP_TAGS: Final = (*NAME_TAGS[:2], *NUMBER_TAGS[:2], *HALL_TAGS[:2])
P1_NAMES: Final = frozenset(("'P 1'", '"P 1"', "P1", "'P1'", '"P1"', "?", ".", "1"))
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
    """The crystal of a gemmi block, or None where the readable code has to look: also wherever the block states a fact that the
    atoms contradict.
    """
    found = read_plain(block, OPERATION_TAGS, CENTERING_TAGS, SPECIAL_TAGS, _RANKS)
    if found is None or _states_a_group(block):
        return None
    lattice, positions, labels, symbols = found
    if has_contact(lattice, positions, CROWDED):
        return None
    species = _species(symbols)
    volume = float(lattice[0, 0] * lattice[1, 1] * lattice[2, 2])
    if implausible(len(labels), volume):
        return None
    if not _agrees(block, labels, species, volume):
        return None
    return Crystal(lattice, positions, labels, species)


def _states_a_group(block: Any) -> bool:
    """Whether the block names another group than P1, whose operations it lists."""
    find = block.find_value
    for tag in GROUP_TAGS:
        value = find(tag)
        if value is not None and value not in P1_NAMES:
            return True
    return False


def _agrees(block: Any, labels: NDArray[np.int32], species: tuple[Species, ...], volume: float) -> bool:
    """Whether formula, Z, density and volume that the block states are those of the atoms read."""
    find = block.find_value
    formula, units, density, stated = (
        find("_chemical_formula_sum"),
        find("_cell_formula_units_Z"),
        find("_exptl_crystal_density_diffrn"),
        find("_cell_volume"),
    )
    if stated is not None and volume_fault(Facts(volume=read_amount(stated)), volume):
        return False
    if formula is None and density is None:
        return True
    numbers = np.bincount(labels, minlength=len(species)).tolist()
    if density is None and formula is not None:
        wanted = _whole_formula(formula)
        z = 1.0 if units is None else read_amount(units)
        if len(wanted) == len(species) and all(
            wanted.get(site[0][0]) in (n, n / z if z else n) for site, n in zip(species, numbers, strict=True)
        ):
            return True
    counts = count_atoms(zip(species, numbers, strict=True))
    return not contradictions(read_facts(block), counts, volume)


@lru_cache(maxsize=4096)
def _whole_formula(text: str) -> dict[str, float]:
    """The counts of a formula of whole numbers, as its value is written in the file."""
    found = read_formula(text.strip("'\""))
    return (
        {} if any(error for _, error in found.values()) else {element: n for element, (n, _) in found.items()}
    )


@lru_cache(maxsize=4096)
def _species(symbols: tuple[str, ...]) -> tuple[Species, ...]:
    return tuple(plain_species(WHOLE[symbol]) for symbol in symbols)
