"""What a structure looks like from each of its orbits: the targets of geometry pretraining, in plain numpy.

Neighbours are weighed as Hoppe does (Z. Kristallogr. 150 (1979) 23): with l the mean distance around an atom, weighed by
exp(1 - (d / shortest)⁶), a neighbour at d counts w = exp(1 - (d / l)⁶), and the sum of w is the effective coordination
number. Means over neighbours are by w. Masses (u) and electronegativities (Pauling) are those of spec/tables/elements.csv.
"""

from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.structure.crystal import Crystal
from cloudkit.structure.neighbors import plane_distances, reduce_cell
from cloudkit.structure.symmetry import Symmetry
from cloudkit.tables import ELEMENT

Array = NDArray[np.float64]

OF_ORBITS: Final = {  # name -> what it is
    "log_nearest_distance": "ln of the distance to the nearest atom, Å",
    "log_coordination": "ln of the effective coordination number",
    "neighbour_electronegativity": "mean electronegativity of the neighbours, Pauling; NaN if none is known",
    "log_neighbour_mass": "mean ln of the neighbours' masses, u",
    "like_neighbours": "share of neighbours that are the same element",
    "log_inverse_reduced_mass": "ln(1/m + <1/m of the neighbours>), 1/u",
}
OF_CRYSTALS: Final = {
    "log_volume_per_atom": "ln of the volume per atom, Å³",
    "log_shortest_distance": "ln of the shortest distance, Å",
    "stiffness": "greatest over orbits of log_inverse_reduced_mass / 2 - 1.5 log_nearest_distance: the logarithm of a "
    "frequency whose force constant goes as the distance to the power of -3 (Badger, J. Chem. Phys. 2 (1934) 128)",
}
# times the shortest distance of an atom: what lies beyond weighs nothing (below 1e-5)
MAX_STATISTIC: Final = 2.0
ROOM: Final = 1_000_000  # distances held at once


class Geometry(NamedTuple):
    """What a structure looks like from its orbits.

    Attributes
    ----------
    orbits : array (orbits, 6), float64
        One row per orbit of the symmetry; the columns are OF_ORBITS, with their units.
    crystal : array (3,), float64
        OF_CRYSTALS, with their units.

    Examples
    --------
    >>> list(OF_CRYSTALS)
    ['log_volume_per_atom', 'log_shortest_distance', 'stiffness']
    """

    orbits: Array
    crystal: Array


def describe(crystal: Crystal, symmetry: Symmetry) -> Geometry:
    """Describe a crystal as seen from its orbits: distances, neighbours and volume.

    Parameters
    ----------
    crystal : Crystal
        With at least one atom.
    symmetry : Symmetry
        What `find_symmetry` found for it, so that no two atoms coincide.

    Returns
    -------
    Geometry
        Logarithms of lengths in Å, masses in u and volumes in Å³.

    Examples
    --------
    >>> from cloudkit.io import as_crystal
    >>> crystal = as_crystal(([[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"]))
    >>> from cloudkit.structure import find_symmetry
    >>> geometry = describe(crystal, find_symmetry(crystal))
    >>> geometry.orbits.shape, round(float(np.exp(geometry.crystal[1])), 2)
    ((2, 6), 3.57)
    """
    first = [symmetry.site_orbits.index(number) for number in range(len(symmetry.orbits))]
    cell = reduce_cell(crystal.lattice)
    places = np.mod(crystal.positions @ crystal.lattice @ np.linalg.inv(cell), 1.0)
    facts = _facts(crystal)
    size = max(1, ROOM // (125 * len(places)))
    parts = [
        _around(cell, places, facts, np.array(first[at : at + size])) for at in range(0, len(first), size)
    ]
    orbits = np.concatenate(parts)
    volume = abs(float(np.linalg.det(crystal.lattice))) / len(crystal)
    stiffness = (0.5 * orbits[:, 5] - 1.5 * orbits[:, 0]).max()
    return Geometry(orbits, np.array([np.log(volume), orbits[:, 0].min(), stiffness]))


class _Facts(NamedTuple):
    """Per site, occupancies weighed in: electronegativity (NaN: unknown), ln mass, 1/mass (n,); shares (n, elements)."""

    electronegativity: Array
    log_mass: Array
    inverse_mass: Array
    shares: Array


def _facts(crystal: Crystal) -> _Facts:
    names = sorted({element for species in crystal.species for element, _ in species})
    shares = np.array([[dict(species).get(name, 0.0) for name in names] for species in crystal.species])
    shares /= shares.sum(axis=1, keepdims=True)
    mass = np.array([ELEMENT[name].mass for name in names])
    known = np.array([ELEMENT[name].electronegativity for name in names])
    kinds = [
        np.where(shares > 0, shares * known, 0.0).sum(1),
        shares @ np.log(mass),
        shares @ (1 / mass),
        shares,
    ]
    return _Facts(*(part[crystal.labels] for part in kinds))


def _around(cell: Array, places: Array, facts: _Facts, centers: NDArray[np.int64]) -> Array:
    """One row of OF_ORBITS per site in `centers`; places (n, 3) within the reduced `cell`."""
    near = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)
    nearest = _distances(cell, places, centers, near).min(axis=(1, 2))
    reach = np.ceil(MAX_STATISTIC * nearest.max() / plane_distances(cell)).astype(int)
    steps = np.array(list(product(*(range(-n - 1, n + 2) for n in reach))), dtype=np.float64)
    steps = steps[_may_reach(cell, steps, MAX_STATISTIC * float(nearest.max()))]
    distance = _distances(cell, places, centers, steps)
    with np.errstate(over="ignore", under="ignore"):
        first = np.exp(1 - (distance / nearest[:, None, None]) ** 6)
        finite = np.where(np.isfinite(distance), distance, 0.0)
        mean = (first * finite).sum((1, 2)) / first.sum((1, 2))
        weight = np.exp(1 - (distance / mean[:, None, None]) ** 6).sum(axis=2)
    coordination = weight.sum(axis=1)
    weight /= coordination[:, None]
    has = np.isfinite(facts.electronegativity)
    known_weight = (weight * has).sum(axis=1)
    total = (weight * np.where(has, facts.electronegativity, 0.0)).sum(axis=1)
    electronegativity = np.where(
        known_weight > 0, total / np.where(known_weight > 0, known_weight, 1.0), np.nan
    )
    like = (weight * (facts.shares[centers] @ facts.shares.T)).sum(axis=1)
    reduced = np.log(facts.inverse_mass[centers] + weight @ facts.inverse_mass)
    columns = [
        np.log(nearest),
        np.log(coordination),
        electronegativity,
        weight @ facts.log_mass,
        like,
        reduced,
    ]
    return np.stack(columns, axis=1)


def _distances(cell: Array, places: Array, centers: NDArray[np.int64], steps: Array) -> Array:
    """(centers, sites, steps) in Å; infinite from an atom to itself."""
    apart = places[None, :, None, :] - places[centers][:, None, None, :] + steps
    distance: Array = np.linalg.norm(apart @ cell, axis=3)
    distance[distance < 1e-6] = np.inf
    return distance


def _may_reach(cell: Array, steps: Array, cutoff: float) -> NDArray[np.bool_]:
    """Which lattice steps can bring two places of the cell within `cutoff`: fractional differences are below 1."""
    height = plane_distances(cell)
    gap = np.maximum(np.abs(steps) - 1, 0.0) * height
    kept: NDArray[np.bool_] = (gap <= cutoff).all(axis=1)
    return kept
