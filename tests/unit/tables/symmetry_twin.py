"""The look-up of the symmetry engine in exact integers: from operations in any basis to the group, its axes and origin.

A slow and plain twin of csrc's search for the setting, which decides by the same tables.
"""

from dataclasses import dataclass

import numpy as np

from .symmetry_tables import PARTS, PRIMITIVE, Class, Tables, code, determinant, inverse, type_of

Operations = list[tuple[np.ndarray, np.ndarray]]  # rotation, translation in 1/24


@dataclass
class Setting:
    """x = axes x_standard + origin / unit, with x_standard in the primitive standard basis."""

    space_group: int
    axes: np.ndarray  # (3, 3), unimodular
    origin: np.ndarray  # (3,) in 1 / (12 * 24)


ORIGIN_PARTS = 12 * PARTS


# ---- Integer algebra ------------------------------------------------------------------------------------------------


def echelon(matrix: np.ndarray) -> np.ndarray:
    """Row echelon form by unimodular row operations."""
    rows, top = matrix.copy(), 0
    for column in range(rows.shape[1]):
        while rows[top:, column].any():
            below = np.abs(rows[top:, column])
            pivot = top + int(np.argmin(np.where(below, below, below.max() + 1)))
            rows[[top, pivot]] = rows[[pivot, top]]
            rows[top + 1 :] -= np.outer(rows[top + 1 :, column] // rows[top, column], rows[top])
            if not rows[top + 1 :, column].any():
                top += 1
                break
        if top == len(rows):
            break
    return rows


def kept_direction(rotation: np.ndarray) -> np.ndarray:
    """The vector of coprime integers that a proper rotation keeps."""
    total = sum(np.linalg.matrix_power(rotation, k) for k in range(12))
    column = total[:, np.argmax(np.abs(total).sum(axis=0))]
    return column // np.gcd.reduce(column)


def shortest_in_plane(normal: np.ndarray, metric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A reduced basis of the lattice vectors v with normal . v = 0."""
    rows = echelon(np.hstack([normal[:, None], np.eye(3, dtype=int)]))
    a, b = (row[1:] for row in rows if not row[0])
    while True:
        if a @ metric @ a > b @ metric @ b:
            a, b = b, a
        factor = round(int(a @ metric @ b) / int(a @ metric @ a))
        if factor == 0:
            return a, b
        b = b - factor * a


# ---- Operations in a primitive basis --------------------------------------------------------------------------------


def to_primitive(rotations: np.ndarray, translations: np.ndarray) -> tuple[np.ndarray, Operations]:
    """(basis as columns in 1/24, operations in it) from operations with all their centring translations, in 1/24."""
    pure = [t for w, t in zip(rotations, translations, strict=True) if (w == np.eye(3)).all()]
    basis = echelon(np.vstack([PARTS * np.eye(3, dtype=int), *pure]))[:3].T
    change = PARTS * np.linalg.inv(basis)
    found: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
    for rotation, translation in zip(rotations, translations, strict=True):
        matrix = np.rint(change @ rotation @ basis / PARTS).astype(int)
        found.setdefault(code(matrix), (matrix, np.rint(change @ translation).astype(int) % PARTS))
    return basis, list(found.values())


# ---- Axes -----------------------------------------------------------------------------------------------------------


def right_handed(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    columns = np.column_stack([a, b, c])
    return columns if determinant(columns) > 0 else np.column_stack([a, b, -c])


def directions(rotations: list[np.ndarray], order_index: int) -> list[tuple[np.ndarray, bool]]:
    """Distinct axes of the operations of one order, and whether a proper rotation lies along each."""
    found: dict[tuple[int, ...], tuple[np.ndarray, bool]] = {}
    for rotation in rotations:
        if type_of(rotation) % 5 == order_index:
            axis = kept_direction(rotation * determinant(rotation))
            axis = axis * np.sign(axis[np.flatnonzero(axis)[0]])
            proper = determinant(rotation) > 0 or found.get(code(axis), (axis, False))[1]
            found[code(axis)] = (axis, proper)
    return list(found.values())


def in_lattice(columns: np.ndarray, *coefficients: int, parts: int = 2) -> bool:
    return not (columns @ coefficients % parts).any()


def conventional_axes(rotations: list[np.ndarray]) -> tuple[np.ndarray, str]:
    """Columns a, b, c of the conventional cell, right-handed, and its centring."""
    counts = [sum(type_of(rotation) == kind for rotation in rotations) for kind in range(10)]
    twofold, threefold, fourfold = (counts[k] + counts[k + 5] for k in (1, 2, 3))
    if counts[2] == 8:
        axes = [axis for axis, _ in directions(rotations, 3 if fourfold else 1)]
        columns = right_handed(*axes)
        return columns, {1: "P", 2: "I", 4: "F"}[determinant(columns)]
    if threefold or fourfold:
        return uniaxial(rotations, 3 if fourfold else 2)
    if twofold == 0:
        return np.eye(3, dtype=int), "P"
    axes = directions(rotations, 1)
    return monoclinic(rotations, axes[0][0]) if len(axes) == 1 else orthorhombic(axes)


def metric_of(rotations: list[np.ndarray]) -> np.ndarray:
    """An integer metric that all rotations keep."""
    return sum(rotation.T @ rotation for rotation in rotations)


def plane_of(
    rotations: list[np.ndarray], order_index: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(proper part of a rotation of an order, its axis, a reduced basis of the plane across it)."""
    rotation = next(rotation for rotation in rotations if type_of(rotation) % 5 == order_index)
    proper = rotation * determinant(rotation)
    a, b = shortest_in_plane(kept_direction(proper.T), metric_of(rotations))
    return proper, kept_direction(proper), a, b


def uniaxial(rotations: list[np.ndarray], order_index: int) -> tuple[np.ndarray, str]:
    proper, axis, a, _ = plane_of(rotations, order_index)
    columns = right_handed(a, proper @ a, axis)
    if order_index == 3:
        return columns, {1: "P", 2: "I"}[determinant(columns)]
    centring = {1: "P", 3: "R"}[determinant(columns)]
    if centring == "R" and not in_lattice(columns, 2, 1, 1, parts=3):
        columns = columns * [-1, -1, 1]
    return columns, centring


def monoclinic(rotations: list[np.ndarray], b: np.ndarray) -> tuple[np.ndarray, str]:
    _, _, a, c = plane_of(rotations, 1)
    columns = right_handed(a, b, c)
    if determinant(columns) == 1:
        return columns, "P"
    a, b, c = columns.T
    if in_lattice(columns, 1, 1, 0):
        return columns, "C"
    return (
        np.column_stack([c, b, -a]) if in_lattice(columns, 0, 1, 1) else np.column_stack([a + c, b, c])
    ), "C"


def orthorhombic(axes: list[tuple[np.ndarray, bool]]) -> tuple[np.ndarray, str]:
    proper = [i for i, (_, is_proper) in enumerate(axes) if is_proper]
    last = proper[0] if len(proper) == 1 else 2
    columns = right_handed(axes[(last + 1) % 3][0], axes[(last + 2) % 3][0], axes[last][0])
    a, b, c = columns.T
    if determinant(columns) != 2:
        return columns, {1: "P", 4: "F"}[determinant(columns)]
    if in_lattice(columns, 1, 1, 1):
        return columns, "I"
    if in_lattice(columns, 1, 1, 0):
        return columns, "C"
    if len(proper) == 1:
        return (columns if in_lattice(columns, 0, 1, 1) else np.column_stack([b, -a, c])), "A"
    return np.column_stack([b, c, a] if in_lattice(columns, 0, 1, 1) else [c, a, b]), "C"


# ---- Class, key, origin ---------------------------------------------------------------------------------------------


def find_class(tables: Tables, centring: str, rotations: set[tuple[int, ...]], signature: int) -> Class:
    for candidate in tables.classes:
        if candidate.centring == centring and candidate.signature == signature:
            generators = candidate.generators[: candidate.n_generators]
            if all(code(matrix) in rotations for matrix in generators):
                return candidate
    raise LookupError(f"no arithmetic class has these operations with centring {centring}")


def read_key(
    tables: Tables, of: Class, translations: np.ndarray, parts: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """(space group, P, p in 1 / (12 parts)) from the stacked translations of the generators, in 1 / parts."""
    n = 3 * of.n_generators
    reduced = of.u[:n, :n] @ translations
    beyond = reduced[of.rank :] * 12
    assert not (beyond % parts).any(), "translations of no space group"
    key = np.zeros(6, int)
    key[: n - of.rank] = beyond // parts % 12
    for candidate in tables.keys[of.first_key : of.first_key + of.n_keys]:
        if (candidate.key == key).all():
            gap = candidate.origin[: of.rank] * (parts // PARTS) - reduced[: of.rank]
            y = np.zeros(3, int)
            y[: of.rank] = gap * 12 // of.d[: of.rank]
            assert (y[: of.rank] * of.d[: of.rank] == gap * 12).all()
            return candidate.space_group, candidate.transformation, of.v @ y
    raise LookupError(f"no key {key}")


def identify(tables: Tables, operations: Operations) -> Setting:
    """The space group of operations in a primitive basis, and the way to its standard setting."""
    rotations = [rotation for rotation, _ in operations]
    columns, centring = conventional_axes(rotations)
    q = np.rint(columns @ PRIMITIVE[centring]).astype(int)
    assert determinant(q) == 1
    back = inverse(q)
    found = {code(back @ w @ q): back @ t for w, t in operations}
    of = find_class(tables, centring, set(found), sum(1 << 6 * type_of(rotation) for rotation in rotations))
    generators = of.generators[: of.n_generators]
    translations = np.array([found[code(matrix)] for matrix in generators], dtype=int).ravel()
    number, p, origin = read_key(tables, of, translations, PARTS)
    return Setting(number, q @ p, q @ origin)


def in_standard_setting(setting: Setting, operations: Operations) -> dict[tuple[int, ...], np.ndarray]:
    """Rotation -> translation in 1/24 of the operations after the transformation."""
    back = inverse(setting.axes)
    found = {}
    for rotation, translation in operations:
        shift = back @ (translation * 12 + rotation @ setting.origin - setting.origin)
        assert not (shift % 12).any(), "a translation that is not a whole number of 24ths"
        found[code(back @ rotation @ setting.axes)] = shift // 12 % PARTS
    return found
