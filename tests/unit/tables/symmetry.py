"""Exact affine operations: generator strings read as scope-facts and spec/scope.md describe, closed to groups."""

from fractions import Fraction

import numpy as np

Operation = tuple[tuple[int, ...], tuple[int, ...]]  # rotation row by row; translation in 24ths, in [0, 24)

PARTS = 24
MATRICES = {
    "a": "x,y,z", "b": "-x,-y,z", "c": "-x,y,-z", "d": "z,x,y", "e": "y,x,-z", "f": "-y,-x,-z", "g": "-y,x,z",
    "h": "-x,-y,-z", "i": "x,y,-z", "j": "x,-y,z", "k": "-y,-x,z", "l": "y,x,z", "m": "y,-x,-z", "n": "-y,x-y,z",
}  # fmt: skip
TRANSLATIONS = {
    "O": "0", "A": "1/6", "B": "1/4", "C": "1/3", "D": "1/2", "E": "2/3", "F": "3/4", "G": "5/6",
    "X": "-3/8", "Y": "-1/4", "Z": "-1/8",
}  # fmt: skip
IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)


def rotation(expression: str) -> tuple[int, ...]:
    rows = []
    for part in expression.split(","):
        signed = part.replace("-", "+-").split("+")
        rows += [
            sum(-1 if term.startswith("-") else 1 for term in signed if term.endswith(axis)) for axis in "xyz"
        ]
    return tuple(rows)


def shift(letters: str) -> np.ndarray:
    return np.array([int(Fraction(TRANSLATIONS[letter]) * PARTS) for letter in letters])


def generators(text: str) -> list[Operation]:
    """The generators that a string without blanks spells, about the origin it names."""
    blocks = int(text[1])
    found = [(tuple(-v for v in IDENTITY), np.zeros(3, int))] if text[0] == "1" else []
    for block in range(blocks):
        matrix, *letters = text[2 + 4 * block : 6 + 4 * block]
        found.append((rotation(MATRICES[matrix]), shift("".join(letters))))
    tail = text[2 + 4 * blocks :]
    origin = shift(tail[1:]) if tail[0] == "1" else np.zeros(3, int)
    moved = []
    for matrix, translation in found:
        turned = np.array(matrix).reshape(3, 3) @ origin
        moved.append((matrix, tuple(int(v) for v in (translation + origin - turned) % PARTS)))
    return moved


def product(first: Operation, second: Operation) -> Operation:
    left, right = np.array(first[0]).reshape(3, 3), np.array(second[0]).reshape(3, 3)
    translation = (left @ np.array(second[1]) + np.array(first[1])) % PARTS
    return tuple(int(v) for v in (left @ right).ravel()), tuple(int(v) for v in translation)


def closure(operations: list[Operation], limit: int = 400) -> set[Operation]:
    """The group that operations generate, translations modulo 1."""
    group: set[Operation] = {(IDENTITY, (0, 0, 0))}
    frontier = list(group)
    while frontier:
        found = {product(element, generator) for element in frontier for generator in operations} - group
        group |= found
        frontier = list(found)
        if len(group) > limit:
            raise ValueError(f"more than {limit} operations: not a space group in this setting")
    return group
