"""The compiled tables of the symmetry engine as arrays, read from csrc/tables.c."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import moyopy
import numpy as np

SOURCE = Path(__file__).resolve().parents[3] / "csrc/tables.c"
PARTS = 24  # translations are whole numbers of 24ths
IDENTITY = np.eye(3, dtype=int)
PRIMITIVE = {  # columns: the primitive basis in the conventional one
    "P": np.eye(3),
    "I": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 2,
    "F": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
    "C": np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2]]) / 2,
    "A": np.array([[2, 0, 0], [0, 1, -1], [0, 1, 1]]) / 2,
    "R": np.array([[2, -1, -1], [1, 1, -2], [1, 1, 1]]) / 3,
}


@dataclass
class Class:
    signature: int
    centring: str
    n_generators: int
    rank: int
    first_key: int
    n_keys: int
    generators: np.ndarray  # (3, 3, 3)
    u: np.ndarray  # (9, 9)
    v: np.ndarray  # (3, 3)
    d: np.ndarray  # (3,)


@dataclass
class Key:
    key: np.ndarray  # (6,) in 1/12
    space_group: int
    transformation: np.ndarray  # (3, 3)
    origin: np.ndarray  # (3,) in 1/24


@dataclass
class Locus:
    annihilator: int
    shift: np.ndarray  # (3,) in 1/24


@dataclass
class Tables:
    classes: list[Class]
    keys: list[Key]
    loci: list[Locus]
    loci_start: list[int]
    annihilators: np.ndarray  # (30, 3, 3)
    annihilator_rows: list[int]


def read_array(source: str, name: str) -> list:
    """The values of an initialized array of C."""
    body = re.search(rf"\b{name}\[[^=]*= \{{(.*?)\n\}};", source, re.DOTALL)
    assert body is not None, name
    text = re.sub(r"(\d)u\b", r"\1", body[1]).replace("{", "[").replace("}", "]")
    return list(ast.literal_eval(f"[{text}]"))


def read_tables() -> Tables:
    source = SOURCE.read_text()
    classes = [
        Class(*row[:6], np.array(row[6]).reshape(3, 3, 3), np.array(row[7]), np.array(row[8]).reshape(3, 3), np.array(row[9]))
        for row in read_array(source, "ck_classes")
    ]  # fmt: skip
    keys = [
        Key(np.array(key), group, np.array(matrix).reshape(3, 3), np.array(origin))
        for key, group, matrix, origin in read_array(source, "ck_keys")
    ]
    loci = [Locus(annihilator, np.array(shift)) for annihilator, shift in read_array(source, "ck_loci")]
    annihilators = np.array(read_array(source, "ck_annihilators")).reshape(-1, 3, 3)
    starts, rows = read_array(source, "ck_loci_start"), read_array(source, "ck_annihilator_rows")
    return Tables(classes, keys, loci, starts, annihilators, rows)


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a unimodular matrix."""
    return np.rint(np.linalg.inv(matrix)).astype(int)


def determinant(matrix: np.ndarray) -> int:
    return round(np.linalg.det(matrix))


def code(matrix: np.ndarray) -> tuple[int, ...]:
    return tuple(int(entry) for entry in matrix.ravel())


def type_of(rotation: np.ndarray) -> int:
    """Index of 1, 2, 3, 4, 6, -1, m, -3, -4, -6."""
    sign = determinant(rotation)
    return (3, -1, 0, 1, 2).index(sign * int(np.trace(rotation))) + (5 if sign < 0 else 0)


def closure(generators: list[np.ndarray], limit: int = 48) -> list[np.ndarray]:
    """The rotations that matrices generate."""
    found = {code(IDENTITY): IDENTITY}
    frontier = [IDENTITY]
    while frontier:
        images = {code(a @ b): a @ b for a in frontier for b in generators}
        frontier = [matrix for name, matrix in images.items() if name not in found]
        found |= images
        assert len(found) <= limit, "too many rotations for a point group"
    return list(found.values())


def standard_operations(number: int, centring: str) -> dict[tuple[int, ...], np.ndarray]:
    """moyopy's operations of the standard setting in the primitive basis: rotation -> translation in 1/24."""
    operations = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
    basis = PRIMITIVE[centring]
    to_primitive = inverse(basis)
    found: dict[tuple[int, ...], np.ndarray] = {}
    for rotation, translation in zip(operations.rotations, operations.translations, strict=True):
        matrix = to_primitive @ np.array(rotation) @ basis
        assert np.allclose(matrix, np.rint(matrix))
        shift = to_primitive @ np.rint(np.array(translation) * PARTS).astype(int) % PARTS
        name = code(np.rint(matrix).astype(int))
        assert (found.setdefault(name, shift) == shift).all()
    return found
