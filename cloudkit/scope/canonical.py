"""The order of orbits in a canonical string (spec/scope.md): letters first, then species."""

from collections.abc import Iterable

from cloudkit.scope.tree import Orbit, Species
from cloudkit.tables import ELEMENT, LETTERS

OrbitKey = tuple[int, tuple[int, ...], tuple[float, ...]]


def sort_species(species: Species) -> Species:
    """Elements of one orbit by electronegativity rank, then symbol."""
    return tuple(sorted(species, key=lambda item: ELEMENT[item[0]].order))


def orbit_key(orbit: Orbit) -> OrbitKey:
    """(letter index, element ranks, occupancies): the order that canonical strings are written in."""
    species = orbit.species or ()
    return (
        LETTERS.index(orbit.letter),
        tuple(ELEMENT[element].order for element, _ in species),
        tuple(occupancy for _, occupancy in species),
    )


def canonical_orbits(orbits: Iterable[Orbit]) -> tuple[Orbit, ...]:
    """Orbits with sorted species, in canonical order."""
    clean = (Orbit(o.letter, o.multiplicity, sort_species(o.species or ())) for o in orbits)
    return tuple(sorted(clean, key=orbit_key))
