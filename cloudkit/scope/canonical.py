"""One string per crystal: the order of orbits, and the choice among equivalent Wyckoff letters.

The affine normalizer of a space group carries the group onto itself but renames its Wyckoff letters (an origin shift,
an axis relabelling). The canonical form is the smallest sorted sequence of orbit keys over all those renamings
(spec/decisions/0001-one-string-per-crystal.md); the core finds it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from cloudkit import _native
from cloudkit.errors import ScopeError
from cloudkit.scope.tree import Orbit, Scope, parse
from cloudkit.tables import ELEMENT, ELEMENTS, LETTERS, letter_permutations
from cloudkit.tables.composition import Species, sort_species

LETTER_INDEX = {letter: index for index, letter in enumerate(LETTERS)}
PURE_RANK: dict[Species, int] = {((element.symbol, 1.0),): element.order for element in ELEMENTS}
SpeciesKey = tuple[tuple[int, ...], tuple[float, ...]]


@lru_cache(maxsize=4096)
def species_key(species: Species) -> SpeciesKey:
    """(element ranks, occupancies) of the sorted species, the sort key of orbits with the same letter."""
    ordered = sort_species(species)
    return tuple(ELEMENT[element].order for element, _ in ordered), tuple(x for _, x in ordered)


@lru_cache(maxsize=8192)
def renamings(space_group: int, letters: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The distinct images of some letters (indices into LETTERS) under the normalizer."""
    images = (tuple(LETTER_INDEX[p[i]] for i in letters) for p in letter_permutations(space_group))
    return tuple(dict.fromkeys(images))


def canonical_orbits(space_group: int, orbits: Iterable[Orbit]) -> tuple[Orbit, ...]:
    """The orbits with sorted species and canonical letters, in canonical order."""
    given = list(orbits)
    species = [sort_species(orbit.species or ()) for orbit in given]
    chosen = choose_letters(space_group, [orbit.letter for orbit in given], species)
    return tuple([Orbit(letter, given[place].multiplicity, species[place]) for place, letter in chosen])


def choose_letters(
    space_group: int, letters: Iterable[str], species: list[Species]
) -> Sequence[tuple[int, str]]:
    """(place in the input, canonical letter) of each orbit in canonical order; `species` are sorted."""
    return _native.canonical(space_group, "".join(letters), content_numbers(species))


def canonical_places(space_group: int, orbits: Iterable[Orbit]) -> list[int]:
    """For each position of the canonical string, the index of the given orbit there."""
    given = list(orbits)
    species = [sort_species(orbit.species or ()) for orbit in given]
    return [place for place, _ in choose_letters(space_group, [orbit.letter for orbit in given], species)]


def content_numbers(contents: list[Species]) -> list[int]:
    """Integers that sort like the keys of the species; equal integers mean equal species."""
    pure = [PURE_RANK.get(species, -1) for species in contents]
    if -1 not in pure:
        return pure
    keys = [species_key(species) for species in contents]
    rank = {key: index for index, key in enumerate(sorted(set(keys)))}
    return [rank[key] for key in keys]


def canonical_scope(scope: Scope) -> Scope:
    """Do the same as `canonical_text` for a parsed orbit string.

    Parameters
    ----------
    scope : Scope
        An orbit string with any letters that its crystal may have.

    Returns
    -------
    Scope
        The canonical one.

    Examples
    --------
    >>> from cloudkit.scope import canonical_scope, parse
    >>> str(canonical_scope(parse("1 0 0 | Cl 1a Na 1b")))
    '1 0 0 | Na 1a Cl 1b'
    """
    return Scope("orbit", scope.space_group, canonical_orbits(scope.space_group, scope.orbits))


def canonical_text(text: str) -> str:
    """The canonical string of an orbit string, in any order and with any equivalent letters.

    Parameters
    ----------
    text
        A valid string of the orbit dialect. The other dialects do not say which sites form an orbit.

    Returns
    -------
    str
        The same string for every description of a crystal.

    Raises
    ------
    ScopeError
        If the text is invalid or of another dialect.

    Examples
    --------
    >>> from cloudkit.scope import canonical_text
    >>> canonical_text("1 0 0 | Cl 1a Na 1b")
    '1 0 0 | Na 1a Cl 1b'
    """
    scope = parse(text)
    if scope.dialect != "orbit":
        raise ScopeError(
            f"a {scope.dialect} string has too little information for canonical letters; use an orbit string"
        )
    return str(canonical_scope(scope))


def canonical_letters(space_group: int, orbits: Iterable[Orbit]) -> dict[str, str]:
    """Rename the Wyckoff letters of a crystal as in its canonical string.

    Parameters
    ----------
    space_group : int
        1 to 230.
    orbits : iterable of Orbit
        With letters of any setting of the group.

    Returns
    -------
    dict of str
        For each given letter the canonical one; by the first renaming that gives that string.

    Examples
    --------
    >>> from cloudkit.scope import canonical_letters, parse
    >>> canonical_letters(2, parse("1 0 0 | Cl 1a Na 1b").orbits)
    {'a': 'b', 'b': 'a'}
    """
    given = list(orbits)
    wanted = _content(canonical_orbits(space_group, given))
    used = tuple(dict.fromkeys(LETTERS.index(orbit.letter) for orbit in given))
    choices = (
        {LETTERS[old]: LETTERS[new] for old, new in zip(used, image, strict=True)}
        for image in renamings(space_group, used)
    )
    return next(choice for choice in choices if _content(given, choice) == wanted)


def _content(orbits: Iterable[Orbit], choice: Mapping[str, str] | None = None) -> Counter[Orbit]:
    return Counter(
        Orbit(choice[o.letter] if choice else o.letter, o.multiplicity, sort_species(o.species or ()))
        for o in orbits
    )
