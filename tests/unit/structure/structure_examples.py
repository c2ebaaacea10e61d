"""Small structures and file texts that several tests use."""

import numpy as np

ROCK_SALT = """\
data_rock_salt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 0 0 0
Cl1 0.5 0.5 0.5
"""

CUBIC_POSCAR = """\
caesium chloride
1.0
4.12 0 0
0 4.12 0
0 0 4.12
Cs Cl
1 1
Direct
0 0 0
0.5 0.5 0.5
"""


def cif(
    sites: str, *, columns: str = "label fract_x fract_y fract_z", operations: str = "x,y,z", more: str = ""
) -> str:
    """A CIF of a 5 x 6 x 7 Å cell with the given rows of atom sites."""
    names = "\n".join(f"_atom_site_{name}" for name in columns.split())
    triplets = "\n".join(f"'{triplet}'" for triplet in operations.split())
    return f"""\
data_test
_cell_length_a 5
_cell_length_b 6
_cell_length_c 7
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
{more}
loop_
_space_group_symop_operation_xyz
{triplets}
loop_
{names}
{sites}
"""


def caesium_chloride(length: float = 4.12) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """(lattice, positions, numbers) of CsCl."""
    return np.eye(3) * length, np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), [55, 17]


def rock_salt_supercell(n: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(lattice, positions, symbols) of n x n x n conventional cells of NaCl."""
    sodium = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    cells = np.stack(np.meshgrid(*[np.arange(n)] * 3), -1).reshape(-1, 1, 3)
    places = [((cells + base) / n).reshape(-1, 3) for base in (sodium, sodium + 0.5)]
    return np.eye(3) * 5.64 * n, np.concatenate(places), ["Na"] * (4 * n**3) + ["Cl"] * (4 * n**3)
