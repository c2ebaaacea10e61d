"""One string per crystal: the order of orbits, and the choice of letters among those that mean the same crystal.

The affine normalizer of a space group carries the group onto itself but renames its Wyckoff letters (an origin shift,
an axis relabelling). The canonical form is the smallest sorted tuple of orbit keys over all those renamings.
"""

from collections.abc import Iterable
from functools import lru_cache

from cloudkit.scope.tree import Orbit, Species
from cloudkit.tables import ELEMENT, LETTERS, letter_permutations

SpeciesKey = tuple[tuple[int, ...], tuple[float, ...]]
OrbitKey = tuple[int, SpeciesKey]


def sort_species(species: Species) -> Species:
    """Elements of one orbit by electronegativity rank, which symbols break."""
    return species if len(species) == 1 else tuple(sorted(species, key=lambda item: ELEMENT[item[0]].order))


def species_key(species: Species) -> SpeciesKey:
    """(element ranks, occupancies) of sorted species."""
    return tuple(ELEMENT[element].order for element, _ in species), tuple(
        occupancy for _, occupancy in species
    )


@lru_cache(maxsize=8192)
def renamings(space_group: int, letters: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The distinct images of some letters (indices into LETTERS) under the normalizer."""
    images = (tuple(LETTERS.index(p[i]) for i in letters) for p in letter_permutations(space_group))
    return tuple(dict.fromkeys(images))


def canonical_orbits(space_group: int, orbits: Iterable[Orbit]) -> tuple[Orbit, ...]:
    """The same crystal's orbits with sorted species, canonical letters, and in canonical order."""
    content: dict[int, list[tuple[SpeciesKey, Orbit]]] = {}
    for orbit in orbits:
        species = sort_species(orbit.species or ())
        entry = (species_key(species), Orbit(orbit.letter, orbit.multiplicity, species))
        content.setdefault(LETTERS.index(orbit.letter), []).append(entry)
    for entries in content.values():
        entries.sort(key=lambda entry: entry[0])
    letters = tuple(content)
    best = min(renamings(space_group, letters), key=lambda image: _crystal_key(image, content))
    ordered = sorted(zip(best, content.values(), strict=True), key=lambda item: item[0])
    return tuple(
        Orbit(LETTERS[letter], o.multiplicity, o.species) for letter, entries in ordered for _, o in entries
    )


def _crystal_key(
    image: tuple[int, ...], content: dict[int, list[tuple[SpeciesKey, Orbit]]]
) -> list[OrbitKey]:
    return sorted(
        (letter, key) for letter, entries in zip(image, content.values(), strict=True) for key, _ in entries
    )
