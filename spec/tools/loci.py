"""Wyckoff positions as integer conditions, and the primitive bases that they are written in. Standard library only."""

import re
from fractions import Fraction

PARTS = 24  # constants are whole numbers of 24ths

# The conventional basis in the primitive one, row by row: x_primitive = PRIMITIVE x_conventional.
PRIMITIVE = {
    "P": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "I": [[0, 1, 1], [1, 0, 1], [1, 1, 0]],
    "F": [[-1, 1, 1], [1, -1, 1], [1, 1, -1]],
    "C": [[1, 1, 0], [-1, 1, 0], [0, 0, 1]],
    "A": [[1, 0, 0], [0, 1, 1], [0, -1, 1]],
    "R": [[1, 0, 1], [-1, 1, 1], [0, -1, 1]],
}


def read_coordinates(text: str) -> tuple[list[list[int]], list[Fraction]]:
    """Linear part and constants of three coordinates such as `x,2x,1/4+y`."""
    linear, constants = [], []
    for part in text.replace(" ", "").split(","):
        coefficients, constant = [0, 0, 0], Fraction(0)
        for sign, factor, symbol, value in re.findall(r"([+-]?)(\d*)([xyz])|([+-]?\d+(?:/\d+)?)", part):
            if symbol:
                coefficients["xyz".index(symbol)] += int(f"{sign}{factor or 1}")
            else:
                constant += Fraction(value)
        linear.append(coefficients)
        constants.append(constant)
    return linear, constants


def locus(representative: str, centring: str) -> tuple[list[list[int]], list[int]]:
    """(K, c) of a position: x, in the primitive basis, lies on it or on a lattice translate of it if K x - c / 24 is whole.

    K has 3 rows less one for each degree of freedom, in Hermite form.
    """
    linear, constants = read_coordinates(representative)
    directions = product(PRIMITIVE[centring], linear)
    point = [int(24 * sum(a * b for a, b in zip(row, constants, strict=True))) for row in PRIMITIVE[centring]]
    augmented = [[*row, int(i == 0), int(i == 1), int(i == 2)] for i, row in enumerate(directions)]
    annihilator = [row[3:] for row in hermite(augmented) if not any(row[:3])]
    return annihilator, [sum(a * b for a, b in zip(row, point, strict=True)) % PARTS for row in annihilator]


def product(a: list[list[int]], b: list[list[int]]) -> list[list[int]]:
    return [
        [sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a
    ]


def hermite(matrix: list[list[int]]) -> list[list[int]]:
    """The row echelon form that unimodular row operations reach: positive pivots, entries above a pivot in [0, pivot)."""
    rows = [row[:] for row in matrix]
    top = 0
    for column in range(len(rows[0])):
        while True:
            candidates = [i for i in range(top, len(rows)) if rows[i][column]]
            if not candidates:
                break
            pivot = min(candidates, key=lambda i: abs(rows[i][column]))
            rows[top], rows[pivot] = rows[pivot], rows[top]
            if rows[top][column] < 0:
                rows[top] = [-entry for entry in rows[top]]
            for i in range(len(rows)):
                factor = rows[i][column] // rows[top][column] if i != top else 0
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[top], strict=True)]
            if not any(rows[i][column] for i in range(top + 1, len(rows))):
                top += 1
                break
    return rows
