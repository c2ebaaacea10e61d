"""The idealized conventional cell of a crystal, in the standard setting of its space group."""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit import _native
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.engine_native import fault
from cloudkit.structure.guards import check_crystal, total_occupancy

SAME: float = 1e-5  # of a cell edge: ideal positions closer than this are one


class StandardCell(NamedTuple):
    """The idealized conventional cell of a crystal.

    Attributes
    ----------
    crystal : Crystal
        The conventional cell.
    space_group : int
        1 to 230.
    letters : str
        One Wyckoff letter per site of `crystal`.
    axes : array (3, 3), float64
        With `origin`, fractional coordinates of the given cell are ``axes @ x + origin`` of those of `crystal`.
    origin : array (3,), float64
        Fractional, in the given cell.

    Examples
    --------
    >>> from cloudkit.io import as_crystal
    >>> crystal = as_crystal(([[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"]))
    >>> standardize(crystal).letters
    'ab'
    """

    crystal: Crystal
    space_group: int
    letters: str
    axes: NDArray[np.float64]
    origin: NDArray[np.float64]


def standardize(crystal: Crystal, symprec: float = 1e-2) -> StandardCell:
    """Make the conventional cell with exact symmetry: its lattice and positions averaged over the operations.

    The cell depends on the crystal alone, up to the choice of origin that the space group allows; standardizing it again
    changes nothing. Its a axis is along x, its b axis in the xy plane.

    Parameters
    ----------
    crystal : Crystal
        In any cell.
    symprec : float
        Tolerance in Å, as in `find_symmetry`.

    Returns
    -------
    StandardCell
        The cell and the way back to the given one.

    Raises
    ------
    StructureError
        S2xx for a crystal that is not physical, S304 if the search takes too long.

    Examples
    --------
    >>> from cloudkit.io import as_crystal
    >>> primitive = as_crystal(([[0, 2.82, 2.82], [2.82, 0, 2.82], [2.82, 2.82, 0]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Na", "Cl"]))
    >>> standard = standardize(primitive)
    >>> standard.space_group, len(standard.crystal)
    (225, 8)
    """
    check_crystal(crystal)
    labels = crystal.element_labels()
    occupancies = [total_occupancy(species) for species in crystal.species]
    status, found = _native.find_symmetry(crystal.lattice, crystal.positions, labels, occupancies, symprec, 0)
    if found is None:
        raise fault(status)
    back = np.linalg.inv(found["axes"])
    places = (found["ideal"] - found["origin"]) @ back.T
    sites: list[tuple[NDArray[np.float64], int, str]] = []
    for place, label, letter in zip(places, labels, found["letters"], strict=True):
        for shift in _lattice_points(back):
            x = np.mod(place + shift + SAME, 1.0) - SAME
            if not any(label == other and _are_same(x, y) for y, other, _ in sites):
                sites.append((x, int(label), letter))
    sites.sort(key=lambda site: (site[1], site[2]))
    standard = Crystal(
        found["lattice"],
        np.array([x for x, _, _ in sites]),
        np.array([label for _, label, _ in sites], np.int32),
        crystal.species,
    )
    letters = "".join(letter for _, _, letter in sites)
    return StandardCell(standard, found["space_group"], letters, found["axes"], found["origin"])


def _lattice_points(back: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The points of the given lattice in the conventional cell; `back` has its cell vectors as columns, in conventional axes."""
    points: list[NDArray[np.float64]] = []
    for steps in product(
        range(6), repeat=3
    ):  # a centring vector comes back to the lattice after at most 6 steps
        point = np.mod(back @ steps + SAME, 1.0) - SAME
        if not any(_are_same(point, other) for other in points):
            points.append(point)
    return points


def _are_same(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    difference = x - y
    return bool((np.abs(difference - np.round(difference)) < SAME).all())
