"""The same crystal written another way: each function takes a Crystal and a random generator and gives a Crystal.

None of them changes the crystal's handedness: a mirror image may be another crystal, another description may not.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from cloudkit.structure import Crystal

Perturbation = Callable[[Crystal, np.random.Generator], Crystal]
NOISE = 1e-5  # Å


def permute_atoms(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    order = rng.permutation(len(crystal))
    return replace(crystal, positions=crystal.positions[order], labels=crystal.labels[order])


def shift_origin(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    return replace(crystal, positions=crystal.positions + rng.random(3))


def rotate_in_space(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """A random proper rotation of the vectors; fractional coordinates stay."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return replace(crystal, lattice=crystal.lattice @ (q * np.sign(np.linalg.det(q))))


def change_basis(crystal: Crystal, matrix: NDArray[np.int64]) -> Crystal:
    """The same lattice in the vectors matrix @ lattice, |det matrix| = 1."""
    return replace(
        crystal,
        lattice=matrix @ crystal.lattice,
        positions=crystal.positions @ np.linalg.inv(matrix),
    )


def relabel_axes(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """a, b, c take each other's names; the atoms stay where they are, also where the basis becomes left-handed."""
    order = list(permutations(range(3)))[rng.integers(1, 6)]
    return change_basis(crystal, np.eye(3, dtype=np.int64)[list(order)])


def shear_cell(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """A skew cell of the same lattice: one vector plus or minus another, twice."""
    matrix = np.eye(3, dtype=np.int64)
    for _ in range(2):
        i, j = rng.permutation(3)[:2]
        matrix[i] += rng.choice([-1, 1]) * matrix[j]
    return change_basis(crystal, matrix)


def noise(length: float) -> Perturbation:
    def moved(crystal: Crystal, rng: np.random.Generator) -> Crystal:
        """Every atom moves by `length`, in Å, in a direction of its own."""
        moves = rng.normal(size=(len(crystal), 3))
        moves *= length / np.linalg.norm(moves, axis=1, keepdims=True)
        return replace(crystal, positions=crystal.positions + moves @ np.linalg.inv(crystal.lattice))

    return moved


def wrap_atoms(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Each atom moves by whole cells."""
    return replace(crystal, positions=crystal.positions + rng.integers(-3, 4, crystal.positions.shape))


def negate_vectors(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The opposite cell vectors: a left-handed basis becomes right-handed, and the other way round."""
    return change_basis(crystal, -np.eye(3, dtype=np.int64))


def skew_far(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """A very skew cell of the same lattice: up to three times one vector added to another, eight times."""
    matrix = np.eye(3, dtype=np.int64)
    for _ in range(8):
        i, j = rng.choice(3, 2, replace=False)
        matrix[i] += rng.integers(-3, 4) * matrix[j]
    return change_basis(crystal, matrix)


def supercell_of(crystal: Crystal, matrix: NDArray[np.int64]) -> Crystal:
    """The supercell with the vectors matrix @ lattice; matrix is a lower triangle with a positive diagonal."""
    cells = np.array(list(product(*(range(n) for n in np.diag(matrix)))))
    positions = (crystal.positions[None] + cells[:, None]) @ np.linalg.inv(matrix)
    return replace(
        crystal,
        lattice=matrix @ crystal.lattice,
        positions=positions.reshape(-1, 3),
        labels=np.tile(crystal.labels, len(cells)),
    )


def hermite_supercell(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """A supercell of 2 to 6 cells, of any shape."""
    matrix = np.diag([(1, 1, 2), (1, 1, 3), (1, 2, 2), (1, 1, 5), (1, 2, 3), (1, 3, 2)][rng.integers(6)])
    matrix = matrix[:, order := rng.permutation(3)][order]
    for i, j in ((1, 0), (2, 0), (2, 1)):
        matrix[i, j] = rng.integers(matrix[j, j])
    return supercell_of(crystal, matrix)


def repeat(times: tuple[int, int, int]) -> Perturbation:
    def supercell(crystal: Crystal, rng: np.random.Generator) -> Crystal:
        return supercell_of(crystal, np.diag(times))

    return supercell


def primitive_cell(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """spglib's standard primitive cell, its atoms not moved to ideal places."""
    import spglib

    cell = (crystal.lattice, crystal.positions, crystal.element_labels())
    found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=1e-2)
    if found is None:
        raise ValueError("spglib finds no primitive cell")
    lattice, positions, labels = found
    return replace(crystal, lattice=lattice, positions=positions, labels=labels.astype(np.int32))


def niggli_cell(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The Niggli cell of the primitive cell."""
    import spglib

    primitive = primitive_cell(crystal, rng)
    reduced = spglib.niggli_reduce(primitive.lattice)
    matrix = np.rint(reduced @ np.linalg.inv(primitive.lattice)).astype(np.int64)
    if not np.allclose(matrix @ primitive.lattice, reduced, atol=1e-6):
        raise ValueError("spglib's Niggli cell is not a basis of the lattice")
    return change_basis(primitive, matrix)


CELL_KEEPING: dict[str, Perturbation] = {
    "atoms permuted": permute_atoms,
    "origin shifted": shift_origin,
    "lattice rotated in space": rotate_in_space,
    "axes relabelled": relabel_axes,
    "skew cell": shear_cell,
    "noise of 1e-5 Å": noise(NOISE),
}
SUPERCELLS: dict[str, Perturbation] = {
    "supercell 1x1x2": repeat((1, 1, 2)),
    "supercell 2x1x1": repeat((2, 1, 1)),
    "supercell 2x2x1": repeat((2, 2, 1)),
}
REDUCED_CELLS: dict[str, Perturbation] = {"primitive cell": primitive_cell, "Niggli cell": niggli_cell}
PERTURBATIONS: dict[str, Perturbation] = CELL_KEEPING | SUPERCELLS | REDUCED_CELLS
