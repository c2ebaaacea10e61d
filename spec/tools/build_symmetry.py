"""Write spec/tables/classes.csv and cocycles.csv: the space group and the origin of measured operations, as a look-up.

    pip install moyopy
    python spec/tools/build_symmetry.py

Operations in a primitive basis belong to one of 73 arithmetic classes. Let W_g, t_g be the rotations and translations of
the class's generators. A shift p of the origin changes the stacked translations by (1 - W) p, and the Smith form
U (W - 1) V = D shows what that can change: the first `rank` rows of U t, but not the others. Those are rounded to 1/12
and looked up: 303 keys lead to the 230 space groups. A key also gives the transformation P to the standard setting, in
the primitive standard basis, and U P t_std, from which the origin follows: p = V D^-1 (U P t_std - U t), where
x = P x_std + p. spec/tables/SOURCES.md describes the columns.
"""

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from loci import PARTS, PRIMITIVE
from operations import operations

TABLES = Path(__file__).resolve().parents[1] / "tables"
IDENTITY = np.eye(3, dtype=int)
TYPE = {3: 0, -1: 1, 0: 2, 1: 3, 2: 4}  # by the trace of the proper part: 1, 2, 3, 4, 6

Code = tuple[int, ...]  # a matrix row by row
# conventional rotation -> primitive rotation, translation
Operations = dict[Code, tuple[np.ndarray, np.ndarray]]


@dataclass
class Class:
    """An arithmetic crystal class: a point group together with the lattice that it acts on."""

    name: str
    centring: str
    groups: list[int]
    generators: list[Code]  # conventional
    matrices: list[np.ndarray]  # the generators in the primitive basis
    types: list[int]  # the number of operations of each of the ten types
    u: np.ndarray
    v: np.ndarray
    d: list[int]


def code(matrix: np.ndarray) -> Code:
    return tuple(int(entry) for entry in matrix.ravel())


def inverse(matrix: np.ndarray) -> np.ndarray:
    return np.rint(np.linalg.inv(matrix)).astype(int)


def primitive(matrix: np.ndarray, centring: str) -> np.ndarray:
    """A conventional matrix in the primitive basis, where its entries are whole."""
    basis = np.array(PRIMITIVE[centring])
    found = basis @ matrix @ np.linalg.inv(basis)
    whole = np.rint(found).astype(int)
    assert np.abs(found - whole).max() < 1e-9
    return whole


def read(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(newline="") as file:
        return list(csv.DictReader(file))


def standard_operations(number: int, centring: str) -> Operations:
    """The operations of the standard setting, one for each rotation."""
    found: Operations = {}
    for rotation, translation in zip(*operations(number), strict=True):
        if code(rotation) not in found:
            matrix = primitive(rotation, centring)
            shift = np.array(PRIMITIVE[centring]) @ np.rint(translation * PARTS).astype(int) % PARTS
            found[code(rotation)] = (matrix, shift)
    return found


def smith(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Unimodular U, V and the positive d with U matrix V = diag(d), zeros below; d[i] need not divide d[i + 1]."""
    a = matrix.copy()
    rows, columns = a.shape
    u, v = np.eye(rows, dtype=int), np.eye(columns, dtype=int)
    k = 0
    while k < columns and a[k:, k:].any():
        below = np.abs(a[k:, k:])
        i, j = np.argwhere(below == below[below > 0].min())[0] + k
        a[[k, i]], u[[k, i]] = a[[i, k]], u[[i, k]]
        a[:, [k, j]], v[:, [k, j]] = a[:, [j, k]], v[:, [j, k]]
        for i in range(k + 1, rows):
            factor = a[i, k] // a[k, k]
            a[i] -= factor * a[k]
            u[i] -= factor * u[k]
        for j in range(k + 1, columns):
            factor = a[k, j] // a[k, k]
            a[:, j] -= factor * a[:, k]
            v[:, j] -= factor * v[:, k]
        k += not a[k + 1 :, k].any() and not a[k, k + 1 :].any()
    d = a.diagonal()[:k]
    u[:k] *= np.sign(d)[:, None]
    return shorten(u, k), shorten(v.T, k).T, [int(abs(entry)) for entry in d]


def shorten(rows: np.ndarray, rank: int) -> np.ndarray:
    """Add rows beyond the rank to each row, or subtract them, while it becomes shorter: errors grow with the entries."""
    rows = rows.copy()
    shorter = True
    while shorter:
        shorter = False
        for i, j in itertools.product(range(len(rows)), range(rank, len(rows))):
            for row in (rows[i] + rows[j], rows[i] - rows[j]):
                if i != j and np.abs(row).sum() < np.abs(rows[i]).sum():
                    rows[i], shorter = row, True
    return rows


# ---- Classes --------------------------------------------------------------------------------------------------------


def generating_sets(rotations: list[np.ndarray]) -> Iterator[tuple[int, ...]]:
    """The smallest sets of indices that generate all rotations."""
    index = {code(rotation): i for i, rotation in enumerate(rotations)}
    product = [[index[code(a @ b)] for b in rotations] for a in rotations]
    identity = index[code(IDENTITY)]
    others = [i for i in range(len(rotations)) if i != identity]

    def generates(chosen: tuple[int, ...]) -> bool:
        found, frontier = {identity}, [identity]
        while frontier:
            frontier = list({product[a][b] for a in frontier for b in chosen} - found)
            found.update(frontier)
        return len(found) == len(rotations)

    for size in range(4):
        sets = [chosen for chosen in itertools.combinations(others, size) if generates(chosen)]
        if sets:
            yield from sets
            return


def make_class(centring: str, groups: dict[int, Operations], symbols: dict[int, str]) -> Class:
    """The class of the groups, with the generators whose keys are least sensitive to errors of the translations."""
    members = next(iter(groups.values()))
    conventional = sorted(members)
    rotations = [np.array(rotation).reshape(3, 3) for rotation in conventional]
    types = [0] * 10
    for rotation in rotations:
        determinant = round(np.linalg.det(rotation))
        types[TYPE[int(np.trace(rotation)) * determinant] + (5 if determinant < 0 else 0)] += 1
    best = None
    for chosen in generating_sets(rotations):
        generators = [conventional[i] for i in chosen]
        matrices = [members[generator][0] for generator in generators]
        stacked = np.array([matrix - IDENTITY for matrix in matrices], dtype=int).reshape(-1, 3)
        u, v, d = smith(stacked)
        sums = np.abs(u[len(d) :]).sum(axis=1)
        cost = (int(sums.max(initial=0)), int(sums.sum()), int(np.abs(u).sum()))
        if best is None or cost < best[0]:
            best = (cost, generators, matrices, u, v, d)
    assert best is not None
    symmorphic = next(n for n, found in groups.items() if not any(t.any() for _, t in found.values()))
    return Class(symbols[symmorphic], centring, list(groups), *best[1:3], types, *best[3:])


# ---- Keys -----------------------------------------------------------------------------------------------------------


@cache
def right_handed_bases(monoclinic: bool) -> np.ndarray:
    """Changes of basis (n, 3, 3) with determinant 1 and small entries, nearest to none first."""
    if monoclinic:
        entries = itertools.product(range(-2, 3), repeat=4)
        found = [[[a, 0, b], [0, s, 0], [c, 0, d]] for a, b, c, d in entries for s in (1, -1)]
    else:
        found = list(itertools.product((-1, 0, 1), repeat=9))
    stack = np.array(found).reshape(-1, 3, 3)
    stack = stack[np.rint(np.linalg.det(stack)) == 1]
    return stack[np.argsort(np.abs(stack - IDENTITY).sum(axis=(1, 2)), kind="stable")]


def transformations(of: Class, rotations: list[Code]) -> np.ndarray:
    """The changes of the conventional basis (n, 3, 3) that keep the point group and the lattice."""
    if of.groups[-1] <= 2:
        return IDENTITY[None]
    stack = right_handed_bases(of.groups[-1] <= 15)
    basis = np.array(PRIMITIVE[of.centring])
    matrices = basis @ stack @ np.linalg.inv(basis)
    stack = stack[np.isclose(matrices, np.rint(matrices)).all(axis=(1, 2))]
    kept = np.ones(len(stack), dtype=bool)
    for generator in of.generators:
        images = np.rint(np.linalg.inv(stack) @ np.array(generator).reshape(3, 3) @ stack).astype(int)
        kept &= (images.reshape(-1, 1, 9) == np.array(rotations)).all(axis=2).any(axis=1)
    return stack[kept]


def class_keys(of: Class, groups: dict[int, Operations]) -> dict[Code, tuple[int, Code, Code]]:
    """Key in 1/12 -> (space group, P in the primitive basis, the first rows of U P t_std in 1/24)."""
    rank = len(of.d)
    found: dict[Code, tuple[int, Code, Code]] = {}
    generators = [np.array(generator).reshape(3, 3) for generator in of.generators]
    for p in transformations(of, list(next(iter(groups.values())))):
        matrix, back = primitive(p, of.centring), inverse(p)
        images = [code(back @ generator @ p) for generator in generators]
        for number, standard in groups.items():
            translations = [matrix @ standard[image][1] for image in images]
            reduced = of.u @ np.array(translations, dtype=int).ravel() % PARTS
            assert not (reduced[rank:] % 2).any()
            key = code(reduced[rank:] // 2)
            if found.setdefault(key, (number, code(matrix), code(reduced[:rank])))[0] != number:
                raise ValueError(f"{of.name}: key {key} belongs to {found[key][0]} and to {number}")
    return dict(sorted(found.items()))


# ---- Files ----------------------------------------------------------------------------------------------------------


def spell(numbers: Iterator[int] | Code | list[int] | np.ndarray) -> str:
    return " ".join(str(int(number)) for number in np.ravel(numbers))


def write(name: str, header: list[str], rows: list[list[object]]) -> None:
    with (TABLES / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    rows = {int(row["number"]): row for row in read("space_groups.csv")}
    symbols = {number: row["symbol"] for number, row in rows.items()}
    by_class: dict[tuple[str, frozenset[Code]], dict[int, Operations]] = {}
    for number, row in rows.items():
        found = standard_operations(number, row["centering"])
        by_class.setdefault((row["centering"], frozenset(found)), {})[number] = found
    classes, cocycles = [], []
    for (centring, _), groups in by_class.items():
        made = make_class(centring, groups, symbols)
        generators = "; ".join(spell(matrix) for matrix in made.matrices)
        u = "; ".join(spell(row) for row in made.u)
        classes.append(
            [made.name, centring, spell(made.types), generators, len(made.d), u, spell(made.v), spell(made.d)]
        )
        for key, (number, matrix, origin) in class_keys(made, groups).items():
            cocycles.append([made.name, spell(key), number, spell(matrix), spell(origin)])
    write("classes.csv", ["class", "centring", "types", "generators", "rank", "u", "v", "d"], classes)
    write("cocycles.csv", ["class", "key", "space_group", "transformation", "origin"], cocycles)


if __name__ == "__main__":
    main()
