"""Geometry that goes with a string: one row of numbers for each element that the string writes, and one for the crystal.

Orbit strings: the geometry of the element's orbit. Reduced strings: the mean over the element's orbits, by atoms.
"""

import numpy as np

from cloudkit.encoding.text import scope_orbits
from cloudkit.scope.canonical import canonical_places
from cloudkit.structure import Crystal, Geometry, Symmetry, describe
from cloudkit.tables import ELEMENT


def geometry_of(crystal: Crystal, symmetry: Symmetry, dialect: str) -> Geometry:
    """Geometry whose rows follow the elements of the canonical string of a crystal."""
    found = describe(crystal, symmetry)
    if dialect == "orbit":
        return found._replace(orbits=found.orbits[_element_places(symmetry)])
    rows = []
    present = {element for orbit in symmetry.orbits for element, _ in orbit.species}
    for element in sorted(present, key=lambda name: ELEMENT[name].order):
        atoms = [orbit.multiplicity * dict(orbit.species).get(element, 0.0) for orbit in symmetry.orbits]
        weight = np.array(atoms)[:, None] * np.isfinite(found.orbits)
        with np.errstate(invalid="ignore"):
            rows.append((weight * np.nan_to_num(found.orbits)).sum(axis=0) / weight.sum(axis=0))
    return found._replace(orbits=np.array(rows))


def _element_places(symmetry: Symmetry) -> list[int]:
    """The orbit of each element of the canonical orbit string, in its order."""
    places = canonical_places(symmetry.space_group, scope_orbits(symmetry))
    return [place for place in places for _ in symmetry.orbits[place].species]
