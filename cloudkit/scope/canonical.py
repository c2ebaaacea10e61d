"""One string per crystal: the order of orbits, and the choice of letters among those that mean the same crystal.

The affine normalizer of a space group carries the group onto itself but renames its Wyckoff letters (an origin shift,
an axis relabelling). The canonical form is the smallest sorted sequence of orbit keys over all those renamings
(spec/decisions/0001-one-string-per-crystal.md); the core finds it.
"""

from collections.abc import Iterable
from functools import lru_cache

from cloudkit import _native
from cloudkit.scope.tree import Orbit, Species
from cloudkit.tables import ELEMENT, LETTERS, letter_permutations

LETTER_INDEX = {letter: index for index, letter in enumerate(LETTERS)}
SpeciesKey = tuple[tuple[int, ...], tuple[float, ...]]


@lru_cache(maxsize=4096)
def sort_species(species: Species) -> Species:
    """Elements of one orbit by electronegativity rank, which symbols break."""
    return tuple(sorted(species, key=lambda item: ELEMENT[item[0]].order))


@lru_cache(maxsize=4096)
def species_key(species: Species) -> SpeciesKey:
    """(element ranks, occupancies) of the sorted species: what orders orbits of one letter."""
    ordered = sort_species(species)
    return tuple(ELEMENT[element].order for element, _ in ordered), tuple(x for _, x in ordered)


@lru_cache(maxsize=8192)
def renamings(space_group: int, letters: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The distinct images of some letters (indices into LETTERS) under the normalizer."""
    images = (tuple(LETTER_INDEX[p[i]] for i in letters) for p in letter_permutations(space_group))
    return tuple(dict.fromkeys(images))


def canonical_orbits(space_group: int, orbits: Iterable[Orbit]) -> tuple[Orbit, ...]:
    """The same crystal's orbits with sorted species, canonical letters, and in canonical order."""
    given = tuple(orbits)
    keys = [species_key(species or ()) for _, _, species in given]
    rank = {key: index for index, key in enumerate(sorted(set(keys)))}
    letters = [LETTER_INDEX[letter] for letter, _, _ in given]
    chosen = _native.canonical(space_group, letters, [rank[key] for key in keys])
    return tuple(
        Orbit(LETTERS[letter], given[i].multiplicity, sort_species(given[i].species or ()))
        for i, letter in chosen
    )
