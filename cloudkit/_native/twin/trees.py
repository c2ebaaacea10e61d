"""Twins of `parse` in core.pyx, which reads the compact ids of a string as its tree, and of csrc/canonical.c."""

from functools import cache, partial
from typing import Any, Literal

from cloudkit._native.twin.ids import BAR, encode_compact, token_ids
from cloudkit.errors import check_text

Species = tuple[tuple[str, float], ...]
Tree = tuple[Literal["orbit", "reduced", "full"], int, tuple[Any, ...], Species]


@cache
def tokens() -> list[str]:
    return list(token_ids("compact"))


def is_symbol(token: str) -> bool:
    return token[0].isdigit() and "." not in token


def take_species(words: list[str]) -> Species:
    """The species at the head of some words, which it takes: elements, each with the fraction behind it, or 1.0."""
    species: list[tuple[str, float]] = []
    while words and words[0].isalpha():
        element = words.pop(0)
        written = bool(words) and "." in words[0]
        species.append((element, float(words.pop(0)) if written else 1.0))
        if not written:
            break
    return tuple(species)


def parse(text: str, orbit: type[tuple[Any, ...]]) -> Tree | None:
    """(dialect, space group, orbits or sites, fractions) of valid text; None if it has errors, or species without a token.

    orbit: the type of tuple (letter, multiplicity, species or None, ()) that an orbit or site becomes.
    """
    check_text(text)
    ids = encode_compact(text)
    if ids is None:
        return None
    made = partial(tuple.__new__, orbit)
    group, words = ids[1] - BAR, [tokens()[index] for index in ids[2:-1]]
    if not is_symbol(words[0]):
        orbits = []
        while words:
            species = take_species(words)
            symbol = words.pop(0)
            orbits.append(made((symbol[-1], int(symbol[:-1]), species, ())))
        return "orbit", group, tuple(orbits), ()
    symbols = [word for word in words if is_symbol(word)]
    words = words[len(symbols) :]
    if words[0] != "|":
        return (
            "reduced",
            group,
            tuple(made((s[-1], int(s[:-1]), None, ())) for s in symbols),
            take_species(words),
        )
    sites = []
    for symbol in symbols:
        words = words[1:] if words[0] == "|" else words
        sites.append(made((symbol[-1], int(symbol[:-1]), take_species(words), ())))
    return "full", group, tuple(sites), ()


def canonical(space_group: int, letters: str, contents: list[int]) -> list[tuple[int, str]]:
    """[(place in the input, canonical letter), ...] of orbits given by letter and content number, in any order."""
    from cloudkit.tables import LETTERS, letter_permutations

    if len(letters) != len(contents):
        raise ValueError(f"{len(letters)} letters but {len(contents)} contents")
    if not 1 <= space_group <= 230 or not set(letters) <= set(letter_permutations(space_group)[0]):
        raise ValueError(f"space group {space_group} has no Wyckoff letters {sorted(set(letters))}")
    old = [LETTERS.index(letter) for letter in letters]
    best: list[tuple[int, int, int]] = []
    for renaming in letter_permutations(space_group):
        new = [LETTERS.index(renaming[letter]) for letter in old]
        image = sorted(zip(new, contents, range(len(old)), strict=True))
        if not best or [key[:2] for key in image] < [key[:2] for key in best]:
            best = image
    return [(place, LETTERS[letter]) for letter, _, place in best]
