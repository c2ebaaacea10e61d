"""Twin of csrc/canonical.c: the smallest of all renamings of Wyckoff letters."""


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
