"""Crystals of all space groups as the files that people have: POSCAR, CIF in P 1, CIF with listed operations, CIF with mixed sites."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from synthetic import make_crystal, operations, random_setting

from cloudkit.structure import Crystal

SEED = 2026
Row = tuple[str, float, NDArray[np.float64]]  # element, occupancy, place


def elements(crystal: Crystal) -> list[str]:
    return [crystal.species[label][0][0] for label in crystal.labels]


def poscar(crystal: Crystal) -> str:
    """Elements in the order of their first atoms, Cartesian coordinates every other time."""
    symbols = elements(crystal)
    names = list(dict.fromkeys(symbols))
    counts = [symbols.count(name) for name in names]
    cartesian = len(symbols) % 2 == 0
    places = crystal.positions @ crystal.lattice if cartesian else crystal.positions
    order = sorted(range(len(symbols)), key=lambda i: names.index(symbols[i]))
    rows = [f"{x:.12f} {y:.12f} {z:.12f}" for x, y, z in places[order]]
    vectors = [f"{x:.12f} {y:.12f} {z:.12f}" for x, y, z in crystal.lattice]
    head = ["written by a test", "1.0", *vectors, " ".join(names), " ".join(map(str, counts))]
    return "\n".join([*head, "Cartesian" if cartesian else "Direct", *rows, ""])


def parameters(lattice: NDArray[np.float64]) -> list[float]:
    """Three lengths and three angles in degrees."""
    lengths = np.linalg.norm(lattice, axis=1)
    cosines = [lattice[i] @ lattice[j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    return [*lengths.tolist(), *np.degrees(np.arccos(cosines)).tolist()]


def cif(lattice: NDArray[np.float64], triplets: list[str], rows: list[Row]) -> str:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    cell = [f"_cell_{name} {value:.10f}" for name, value in zip(names, parameters(lattice), strict=True)]
    columns = ("label", "type_symbol", "occupancy", "fract_x", "fract_y", "fract_z")
    sites = [
        f"{element}{number} {element} {share:g} {x:.12f} {y:.12f} {z:.12f}"
        for number, (element, share, (x, y, z)) in enumerate(rows, 1)
    ]
    return "\n".join(
        [
            "data_test  # written by a test",
            *cell,
            "loop_",
            "_space_group_symop_operation_xyz",
            *(f"'{triplet}'" for triplet in triplets),
            "loop_",
            *(f"_atom_site_{name}" for name in columns),
            *sites,
            "",
        ]
    )


def triplet(rotation: NDArray[np.int64], shift: NDArray[np.float64]) -> str:
    """Such as x-y,x,z+1/6."""
    parts = []
    for row, constant in zip(rotation, shift, strict=True):
        terms = "".join(f"{'+' if f > 0 else '-'}{axis}" for f, axis in zip(row, "xyz", strict=True) if f)
        twelfths = round(constant * 12) % 12
        parts.append(terms.removeprefix("+") + (f"+{twelfths}/12" if twelfths else ""))
    return ",".join(parts)


def listed(number: int, crystal: Crystal, share: float) -> str:
    """One atom of each orbit and all operations; with share < 1 the last orbit holds two elements."""
    first = [list(crystal.labels).index(label) for label in range(len(crystal.species))]
    rows = [(crystal.species[crystal.labels[i]][0][0], 1.0, crystal.positions[i]) for i in first]
    if share < 1:
        element, _, place = rows.pop()
        rows += [(element, share, place), ("S", round(0.9 - share, 2), place)]
    return cif(crystal.lattice, [triplet(*one) for one in zip(*operations(number), strict=True)], rows)


def whole(crystal: Crystal) -> str:
    return cif(
        crystal.lattice,
        ["x,y,z"],
        [(element, 1.0, place) for element, place in zip(elements(crystal), crystal.positions, strict=True)],
    )


def write(number: int, rng: np.random.Generator) -> tuple[str, str]:
    """Suffix and text of a crystal in a space group, in one of four forms."""
    crystal, _ = make_crystal(number, "a", rng)
    match number % 4:
        case 0:
            return "vasp", poscar(random_setting(crystal, rng))
        case 1:
            return "cif", whole(random_setting(crystal, rng))
        case form:
            return "cif", listed(number, crystal, 1.0 if form == 2 else 0.37)


def written() -> Iterator[tuple[str, str]]:
    """(file name, text) of a crystal in each space group, the four forms in turn."""
    for number in range(1, 231):
        suffix, text = write(number, np.random.default_rng([SEED, number]))
        yield f"{number}.{suffix}", text
