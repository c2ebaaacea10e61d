"""What must hold for each row of the symmetry tables; all numbers are integers.

They are called on damaged tables too, thousands of times, so this is not a test module: pytest would spell each failure out.
"""

from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np

from cloudkit.tables import CENTERING_POINTS, SPACE_GROUPS

from .symmetry_tables import (
    IDENTITY,
    PARTS,
    PRIMITIVE,
    Class,
    Tables,
    closure,
    code,
    determinant,
    inverse,
    standard_operations,
    type_of,
)
from .symmetry_twin import echelon, read_key

FINE = 7 * PARTS  # translations that are no 24ths
POINT_PARTS = PARTS * 10007
GENERIC = np.array([33391, 57073, 91081])  # parameters of a point on a position, in 1 / POINT_PARTS


@cache
def standard(number: int) -> dict[tuple[int, ...], np.ndarray]:
    return standard_operations(number, SPACE_GROUPS[number - 1].centering)


def class_of(tables: Tables, key: int) -> Class:
    return next(c for c in tables.classes if c.first_key <= key < c.first_key + c.n_keys)


def same_cocycle_count(generators: np.ndarray) -> int:
    """|H1| of the point group that generators span, from relators alone, in the way of Zassenhaus.

    Each element is a word in the generators; its translation is linear in theirs. Where two words meet in an element,
    their translations differ by whole numbers. The torsion of those equations counts the classes up to origin shifts.
    """
    n = len(generators)
    words = {code(IDENTITY): np.zeros((3, 3 * n), int)}
    relators = []
    frontier = [IDENTITY]
    while frontier:
        element = frontier.pop(0)
        for g, generator in enumerate(generators):
            image, word = element @ generator, words[code(element)].copy()
            word[:, 3 * g : 3 * g + 3] += element
            if code(image) in words:
                relators.append(word - words[code(image)])
            else:
                words[code(image)] = word
                frontier.append(image)
    return int(np.prod(elementary_divisors(np.vstack(relators)))) if relators else 1


def elementary_divisors(matrix: np.ndarray) -> list[int]:
    """Non-zero entries of the diagonal form under unimodular row and column operations."""
    while np.count_nonzero(matrix) > np.count_nonzero(matrix.diagonal()):
        rows = echelon(matrix)
        matrix = rows[rows.any(axis=1)].T
    return [abs(int(entry)) for entry in matrix.diagonal() if entry]


def shortest(rows: np.ndarray, rank: int) -> bool:
    """No row becomes shorter by adding or subtracting one of those beyond the rank: errors grow with the entries."""
    size = np.abs(rows).sum(axis=1)
    return all(
        min(np.abs(rows[i] + rows[j]).sum(), np.abs(rows[i] - rows[j]).sum()) >= size[i]
        for i in range(len(rows))
        for j in range(rank, len(rows))
        if i != j
    )


def check_class(tables: Tables, index: int) -> None:
    of = tables.classes[index]
    n, rank = 3 * of.n_generators, of.rank
    before = tables.classes[index - 1] if index else None
    assert of.first_key == (before.first_key + before.n_keys if before else 0)
    generators = of.generators[: of.n_generators]
    assert not of.generators[of.n_generators :].any()
    rotations = closure(list(generators))
    assert of.signature == sum(1 << 6 * type_of(rotation) for rotation in rotations)
    assert not of.u[n:].any() and not of.u[:, n:].any()
    u, diagonal = of.u[:n, :n], np.zeros((n, 3), int)
    diagonal[range(rank), range(rank)] = of.d[:rank]
    assert abs(determinant(u)) == abs(determinant(of.v)) == 1
    stacked = np.array([matrix - IDENTITY for matrix in generators], dtype=int).reshape(-1, 3)
    assert (u @ stacked @ of.v == diagonal).all()
    assert shortest(u, rank) and shortest(of.v.T, rank)
    assert (of.d[:rank] > 0).all() and not of.d[rank:].any()
    keys = [code(key.key) for key in tables.keys[of.first_key : of.first_key + of.n_keys]]
    assert all(a < b for a, b in pairwise(keys)), "keys in order, none twice"
    assert all(0 <= number < 12 for key in keys for number in key)
    assert not any(any(key[n - rank :]) for key in keys)
    assert len(keys) == of.n_keys == same_cocycle_count(generators)


def check_key(tables: Tables, index: int) -> None:
    """Translations with this key, about an arbitrary origin, become those of the standard setting."""
    key = tables.keys[index]
    leads_to_standard(tables, index)
    kept = key.transformation.copy()
    for place in zip(*np.nonzero(kept != IDENTITY), strict=True):
        key.transformation = kept.copy()
        key.transformation[place] = IDENTITY[place]
        try:
            leads_to_standard(tables, index)
        except (AssertionError, LookupError):
            continue
        else:
            raise AssertionError("another transformation is nearer to the identity")
        finally:
            key.transformation = kept


def leads_to_standard(tables: Tables, index: int) -> None:
    of, key = class_of(tables, index), tables.keys[index]
    n, rank = 3 * of.n_generators, of.rank
    assert SPACE_GROUPS[key.space_group - 1].centering == of.centring
    assert determinant(key.transformation) == 1 and np.abs(key.transformation).max() <= 2
    assert ((key.origin >= 0) & (key.origin < PARTS)).all() and not key.origin[rank:].any()
    reduced = np.concatenate([[31, 88, 145][:rank], key.key[: n - rank] * (FINE // 12)]).astype(int)
    translations = inverse(of.u[:n, :n]) @ reduced if n else reduced
    number, p, origin = read_key(tables, of, translations, FINE)
    assert number == key.space_group
    back, operations = inverse(p), standard(number)
    for generator, translation in zip(of.generators, translations.reshape(-1, 3), strict=False):
        shift = back @ (translation * 12 + generator @ origin - origin)
        expected = operations[code(back @ generator @ p)] * (12 * FINE // PARTS)
        assert not ((shift - expected) % (12 * FINE)).any()
    assert len(closure(list(of.generators[: of.n_generators]))) == len(operations)


def point_on(matrix: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A generic point x with matrix x = shift / 24, in 1 / POINT_PARTS."""
    rows = echelon(np.hstack([matrix.T, IDENTITY]))
    rank = len(matrix)
    triangle, change = rows[:rank, :rank], rows[:, rank:]
    assert abs(round(np.linalg.det(triangle))) == 1, "the annihilator has a common divisor"
    fixed = np.rint(np.linalg.inv(triangle.T)).astype(int) @ shift * (POINT_PARTS // PARTS)
    return change.T @ np.concatenate([fixed, GENERIC[rank:]])


def is_hermite(matrix: np.ndarray) -> bool:
    """Row echelon form with positive pivots and the entries above a pivot in [0, pivot)."""
    pivots = [int(np.flatnonzero(row)[0]) for row in matrix]
    return all(a < b for a, b in pairwise(pivots)) and all(
        matrix[i, column] > 0 and all(0 <= entry < matrix[i, column] for entry in matrix[:i, column])
        for i, column in enumerate(pivots)
    )


def lies_on(tables: Tables, index: int, point: np.ndarray) -> bool:
    locus = tables.loci[index]
    rows = tables.annihilator_rows[locus.annihilator]
    matrix = tables.annihilators[locus.annihilator][:rows]
    return not ((matrix @ point - locus.shift[:rows] * (POINT_PARTS // PARTS)) % POINT_PARTS).any()


@cache
def representative(number: int, letter: int) -> np.ndarray:
    """A generic point of the position as wyckoff.csv writes it, in the primitive basis and 1 / POINT_PARTS."""
    group = SPACE_GROUPS[number - 1]
    values = dict(zip("xyz", (Fraction(int(g), POINT_PARTS) for g in GENERIC), strict=True))
    point = []
    for part in group.wyckoff[letter].representative.split(","):
        terms = part.replace("-", "+-").replace("2x", "x+x").replace("2y", "y+y").split("+")
        point.append(sum(evaluate(term, values) for term in terms if term))
    primitive = inverse(PRIMITIVE[group.centering])
    return np.array(
        [int(sum(int(a) * b for a, b in zip(row, point, strict=True)) * POINT_PARTS) for row in primitive]
    )


def evaluate(term: str, values: dict[str, Fraction]) -> Fraction:
    sign, name = (-1, term[1:]) if term.startswith("-") else (1, term)
    return sign * (values[name] if name in values else Fraction(name))


def check_locus(tables: Tables, number: int, letter: int) -> None:
    group = SPACE_GROUPS[number - 1]
    start = tables.loci_start[number - 1]
    assert tables.loci_start[number] - start == len(group.wyckoff)
    position, locus = group.wyckoff[letter], tables.loci[start + letter]
    rows = tables.annihilator_rows[locus.annihilator]
    assert rows == 3 - position.degrees_of_freedom
    assert not tables.annihilators[locus.annihilator][rows:].any()
    assert is_hermite(tables.annihilators[locus.annihilator][:rows])
    assert not locus.shift[rows:].any() and ((locus.shift >= 0) & (locus.shift < PARTS)).all()
    assert lies_on(tables, start + letter, representative(number, letter))
    point = point_on(tables.annihilators[locus.annihilator][:rows], locus.shift[:rows])
    assert lies_on(tables, start + letter, point)
    operations = standard(number)
    matrices = np.array(list(operations)).reshape(-1, 3, 3)
    shifts = np.array(list(operations.values())) * (POINT_PARTS // PARTS)
    images = (matrices @ point + shifts) % POINT_PARTS
    stabilizer = int((images == point % POINT_PARTS).all(axis=1).sum())
    assert stabilizer * position.multiplicity == len(operations) * CENTERING_POINTS[group.centering]
    others = [
        index
        for index, other in enumerate(group.wyckoff)
        if index != letter and other.multiplicity == position.multiplicity
    ]
    assert not any(lies_on(tables, start + other, image) for other in others for image in images)
