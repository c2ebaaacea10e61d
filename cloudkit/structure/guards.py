"""What a crystal must fulfil before an engine sees it: engines panic, hang or answer nonsense otherwise.

Compiled code (contacts.pyx) says a quick yes; everything else, and all without a compiler, is judged here.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.neighbors import THIN, close_pairs, compact_cell
from cloudkit.tables import ELEMENT
from cloudkit.tables.composition import Species, sum_left_to_right

try:
    from cloudkit.structure.contacts import is_sound
except ModuleNotFoundError as error:  # built without a C compiler
    if error.name != "cloudkit.structure.contacts":
        raise

    def is_sound(
        lattice: NDArray[np.float64],
        positions: NDArray[np.float64],
        labels: NDArray[np.int32],
        kinds: int,
        longest: float,
        farthest: float,
        smallest_volume: float,
        thinnest: float,
        cutoff: float,
    ) -> bool:
        """Leave every crystal to the readable code."""
        return False


# Å between atoms present at once. The shortest bond, H-H, has 0.74; but files that list split positions as
# full ones are real (0.15 in spglib's own tests) and their symmetry is sound. This is ten times the usual symprec.
SHORTEST_CONTACT: Final = 0.1
MAX_SITES: Final = 20_000  # random sites take the native engine a second, moyo 40 s
SAME_PLACE: Final = 0.05  # Å; alternatives (occupancies adding up to 1) closer than this are one mixed site
FULL: Final = 1.01  # largest sum of occupancies that rounding in a file explains
FLAT: Final = 1e-3  # of the product of the lengths; a smaller volume means vectors in one plane
SMALLEST_VOLUME: Final = 0.1  # Å³; the densest atom known takes about 1
LARGEST_LENGTH: Final = 1e5  # Å
LARGEST_COORDINATE: Final = 1e6  # cells away from the origin: ten digits of the place are left


def check_crystal(crystal: Crystal, max_sites: int = MAX_SITES) -> None:
    """Check that a crystal can be given to an engine.

    Parameters
    ----------
    crystal : Crystal
        The crystal.
    max_sites : int
        Cells of more atoms are refused (S207).

    Raises
    ------
    StructureError
        S2xx for the first fault: a number that is not finite, a cell without volume, two atoms at one place, an occupancy outside
        (0, 1] and others.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.array([[0, 0, 0], [0, 0, 0.0001]])
    >>> check_crystal(Crystal(np.eye(3) * 4, places, np.array([0, 0], np.int32), ((("Po", 1.0),),)))
    Traceback (most recent call last):
    cloudkit.errors.StructureError: S2...
    """
    if len(crystal.positions) > max_sites or not is_obviously_sound(crystal):
        validate_crystal(crystal, max_sites)
    for species in crystal.species:
        total_occupancy(species)


def is_obviously_sound(crystal: Crystal) -> bool:
    """True only where validate_crystal finds none; False also where the arrays are of an unusual type or order."""
    try:
        return is_sound(
            crystal.lattice,
            crystal.positions,
            crystal.labels,
            len(crystal.species),
            LARGEST_LENGTH,
            LARGEST_COORDINATE,
            SMALLEST_VOLUME,
            THIN,
            SHORTEST_CONTACT,
        )
    except (ValueError, TypeError):
        return False


def validate_crystal(crystal: Crystal, max_sites: int = MAX_SITES) -> None:
    """The readable guard: raise StructureError for the first thing that is wrong, return where nothing is."""
    _check_numbers(crystal, max_sites)
    for species in crystal.species:
        total_occupancy(species)
    volume = abs(float(np.linalg.det(crystal.lattice)))
    if not volume > SMALLEST_VOLUME:
        box = float(np.prod(np.linalg.norm(crystal.lattice, axis=1)))
        flat = not volume > FLAT * box
        raise StructureError(
            "S203",
            f"the unit cell has no volume ({volume:.3g} Å³)"
            if flat
            else f"the unit cell has only {volume:.3g} Å³",
            "its three vectors lie in one plane, or an angle is impossible"
            if flat
            else "are the lengths in nm, or Bohr?",
        )
    shortest = float(np.linalg.norm(compact_cell(crystal.lattice), axis=1).min())
    if shortest < THIN:  # no lattice repeats faster than the shortest bond
        raise StructureError(
            "S206",
            f"every atom is {shortest:.3g} Å from its own periodic image",
            "the cell vectors must be in Å and independent of each other",
        )
    _check_distances(crystal)


def _check_numbers(crystal: Crystal, max_sites: int) -> None:
    n = len(crystal.positions)
    if crystal.lattice.shape != (3, 3) or crystal.positions.shape != (n, 3) or crystal.labels.shape != (n,):
        raise StructureError(
            "S112", "lattice, positions and labels must have the shapes (3, 3), (n, 3) and (n,)"
        )
    if n == 0:
        raise StructureError("S201", "the crystal has no atoms")
    if n > max_sites:
        raise StructureError(
            "S207",
            f"the cell has {n} atoms; symmetry is searched for up to {max_sites}",
            "give the primitive or conventional cell, or a larger limit",
        )
    if not np.isfinite(crystal.lattice).all() or np.abs(crystal.lattice).max() > LARGEST_LENGTH:
        raise StructureError("S202", "a cell vector is not a finite number of Å, or longer than 10 µm")
    bad = ~(np.abs(crystal.positions) <= LARGEST_COORDINATE).all(axis=1)
    if bad.any():
        raise StructureError(
            "S202", f"atom {int(np.argmax(bad)) + 1} has a coordinate that is not a finite, sensible number"
        )
    if crystal.labels.min() < 0 or crystal.labels.max() >= len(crystal.species):
        raise StructureError("S112", "a label points outside the list of species")


@lru_cache(maxsize=4096)
def total_occupancy(species: Species) -> float:
    """The sum of a site's occupancies; raises StructureError unless each part is an element with an occupancy in (0, 1]."""
    for symbol, occupancy in species:
        if symbol not in ELEMENT:
            raise StructureError("S204", f"'{symbol}' is not a chemical element")
        if not 0 < occupancy <= 1 + 1e-6:
            raise StructureError("S205", f"the occupancy {occupancy:g} of {symbol} is outside (0, 1]")
    whole = sum_left_to_right(occupancy for _, occupancy in species)
    if not 0 < whole <= 1 + 1e-6:
        raise StructureError(
            "S205", f"the occupancies of {dict(species)} do not add up to a number in (0, 1]"
        )
    return whole


def _check_distances(crystal: Crystal) -> None:
    first, second, distance = close_pairs(crystal.lattice, crystal.positions, SHORTEST_CONTACT)
    share = np.array([total_occupancy(species) for species in crystal.species])[crystal.labels]
    wrong = np.flatnonzero((share[first] + share[second] > FULL) | (distance < SAME_PLACE))
    if not len(wrong):
        return
    at = int(wrong[np.argmin(distance[wrong])])
    i, j = int(first[at]), int(second[at])
    names = [crystal.species_texts[crystal.labels[k]] for k in (i, j)]
    raise StructureError(
        "S206",
        f"atoms {i + 1} ({names[0]}) and {j + 1} ({names[1]}) are {distance[at]:.4f} Å apart",
        f"at least {SHORTEST_CONTACT} Å is wanted; alternatives at one place belong on one mixed site",
    )
