"""How the normalizer renamed the Wyckoff letters of one crystal on the way to its canonical string."""

from collections import Counter
from collections.abc import Iterable, Mapping

from cloudkit.scope.canonical import canonical_orbits, renamings
from cloudkit.scope.tree import Orbit
from cloudkit.tables import LETTERS
from cloudkit.tables.composition import sort_species


def canonical_letters(space_group: int, orbits: Iterable[Orbit]) -> dict[str, str]:
    """For each given letter, its letter in the canonical string; the first renaming that gives it.

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
