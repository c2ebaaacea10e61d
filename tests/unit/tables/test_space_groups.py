"""The table of space groups and Wyckoff positions against two independent sources: moyopy, and the strings' own rules."""

import re
from itertools import pairwise

import moyopy
import numpy as np
import pytest
import spglib

from cloudkit.tables import (
    CENTERING_POINTS,
    GENERATOR_TEXTS,
    LETTERS,
    SPACE_GROUP_BY_GENERATORS,
    SPACE_GROUPS,
    generator_text,
    letter_permutations,
)

from .symmetry import PARTS, closure, generators

POINT_GROUP_ORDER = {
    "1": 1, "-1": 2, "2": 2, "m": 2, "2/m": 4, "222": 4, "mm2": 4, "mmm": 8, "4": 4, "-4": 4, "4/m": 8, "422": 8,
    "4mm": 8, "-42m": 8, "4/mmm": 16, "3": 3, "-3": 6, "32": 6, "3m": 6, "-3m": 12, "6": 6, "-6": 6, "6/m": 12,
    "622": 12, "6mm": 12, "-6m2": 12, "6/mmm": 24, "23": 12, "m-3": 24, "432": 24, "-43m": 24, "m-3m": 48,
}  # fmt: skip
SAME_CLASS = {
    "-4m2": "-42m",
    "-62m": "-6m2",
    "312": "32",
    "321": "32",
    "3m1": "3m",
    "31m": "3m",
    "-31m": "-3m",
    "-3m1": "-3m",
}
EDGES = {"triclinic": (5.1, 6.3, 7.7), "monoclinic": (5.1, 6.3, 7.7), "orthorhombic": (5.1, 6.3, 7.7), "tetragonal": (5.1, 5.1, 7.7), "cubic": (9.0, 9.0, 9.0)}  # fmt: skip
ORBIT_POINTS = ((0.1234, 0.2718, 0.3771), (0.0413, 0.1492, 0.4259), (0.2027, 0.0661, 0.1733))


def lattice(crystal_system: str) -> np.ndarray:
    """Rows (3, 3) in Å of a cell with no more symmetry than its crystal system asks for."""
    if crystal_system in ("trigonal", "hexagonal"):
        return np.array([[8.1, 0, 0], [-4.05, 8.1 * 3**0.5 / 2, 0], [0, 0, 9.7]])
    cell = np.diag(EDGES[crystal_system])
    if crystal_system in ("triclinic", "monoclinic"):
        cell[2, 0] = -1.7
    if crystal_system == "triclinic":
        cell[1, 0], cell[2, 1] = -1.1, 0.9
    return cell


def orbit(rotations: np.ndarray, translations: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Distinct images (n, 3) of a point in one cell."""
    images = np.mod(rotations @ point + translations, 1.0)
    return np.unique(np.mod(np.round(images, 5), 1.0), axis=0)


def identified(text: str, crystal_system: str) -> tuple[int, int]:
    """(order of the group modulo lattice, number of the space group) that a generator string generates."""
    group = closure(generators(text))
    rotations = np.array([matrix for matrix, _ in group]).reshape(-1, 3, 3)
    translations = np.array([translation for _, translation in group]) / PARTS
    orbits = [orbit(rotations, translations, np.array(point)) for point in ORBIT_POINTS]
    numbers = np.repeat(np.arange(1, len(orbits) + 1), [len(points) for points in orbits])
    cell = moyopy.Cell(lattice(crystal_system).tolist(), np.concatenate(orbits).tolist(), numbers.tolist())
    return len(group), moyopy.MoyoDataset(cell, symprec=1e-3).number


def coefficients(expression: str) -> np.ndarray:
    """The linear part (3, 3) of coordinates such as `x,2x,1/4`."""
    rows = []
    for part in expression.split(","):
        terms = dict.fromkeys("xyz", 0)
        for sign, factor, axis in re.findall(r"([+-]?)(\d*)([xyz])", part):
            terms[axis] += int(f"{sign}{factor or 1}")
        rows.append(list(terms.values()))
    return np.array(rows)


def at_general_parameters(expression: str, xyz: tuple[float, ...] = (0.1234, 0.2718, 0.3771)) -> np.ndarray:
    constants = [
        sum(float(n) / float(d or 1) for n, d in re.findall(r"([+-]?\d+)(?:/(\d+))?(?![\dxyz/])", part))
        for part in expression.split(",")
    ]
    return coefficients(expression) @ np.array(xyz) + constants


def test_the_230_groups_have_distinct_generators() -> None:
    assert [group.number for group in SPACE_GROUPS] == list(range(1, 231))
    assert len({group.generators for group in SPACE_GROUPS}) == len(SPACE_GROUP_BY_GENERATORS) == 230
    for text, group in SPACE_GROUP_BY_GENERATORS.items():
        assert text == generator_text(group.number) == " ".join(group.generators)
    lengths = [len(group.generators) for group in SPACE_GROUPS]
    assert (min(lengths), max(lengths), round(float(np.mean(lengths)), 1)) == (3, 34, 15.3)
    assert max(map(len, GENERATOR_TEXTS)) < 80


def test_rock_salt_is_spelt_as_published() -> None:
    assert generator_text(225) == "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"


def test_there_are_1731_positions_and_186_symbols() -> None:
    assert sum(len(group.wyckoff) for group in SPACE_GROUPS) == 1731
    assert len({position.symbol for group in SPACE_GROUPS for position in group.wyckoff}) == 186


def test_letters_run_from_a_in_order_and_only_47_has_a_27th() -> None:
    for group in SPACE_GROUPS:
        assert "".join(position.letter for position in group.wyckoff) == LETTERS[: len(group.wyckoff)]
        assert all(a.multiplicity <= b.multiplicity for a, b in pairwise(group.wyckoff)), group.number
    assert [group.number for group in SPACE_GROUPS if len(group.wyckoff) == 27] == [47]
    assert SPACE_GROUPS[46].position("A").symbol == "8A"


@pytest.mark.parametrize("letter", ["c", "", "ab", "B", "é"])
def test_a_letter_that_a_group_lacks_is_a_key_error(letter: str) -> None:
    with pytest.raises(KeyError, match="space group 1 has no"):
        SPACE_GROUPS[0].position(letter)


def test_the_general_position_counts_the_point_group_times_the_centering() -> None:
    for group in SPACE_GROUPS:
        order = POINT_GROUP_ORDER[SAME_CLASS.get(group.point_group, group.point_group)]
        general = group.wyckoff[-1]
        assert general.multiplicity == order * CENTERING_POINTS[group.centering], group.number
        assert general.degrees_of_freedom == 3
        assert group.centering == group.symbol[0]


@pytest.mark.parametrize("number", range(1, 231))
def test_a_representative_has_the_orbit_and_the_freedom_that_the_table_says(number: int) -> None:
    operations = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
    rotations, translations = np.array(operations.rotations), np.array(operations.translations)
    for position in SPACE_GROUPS[number - 1].wyckoff:
        point = at_general_parameters(position.representative)
        assert len(orbit(rotations, translations, point)) == position.multiplicity, position
        gaps = rotations @ point + translations - point
        fixing = rotations[np.all(np.abs(gaps - np.round(gaps)) < 1e-9, axis=1)]
        fixed_space = 3 - np.linalg.matrix_rank(np.concatenate([matrix - np.eye(3) for matrix in fixing]))
        assert (
            fixed_space
            == position.degrees_of_freedom
            == np.linalg.matrix_rank(coefficients(position.representative))
        )


@pytest.mark.parametrize("number", range(1, 231))
def test_both_engines_find_the_letter_and_site_symmetry_of_every_position(number: int) -> None:
    """A crystal with atoms on a general orbit or three, and others on the position in question."""
    group = SPACE_GROUPS[number - 1]
    operations = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
    rotations, translations = np.array(operations.rotations), np.array(operations.translations)
    general = [orbit(rotations, translations, np.array(point)) for point in ORBIT_POINTS]
    for index, position in enumerate(group.wyckoff):
        point = at_general_parameters(position.representative, (0.3517, 0.0891, 0.2143))
        orbits = [*general, orbit(rotations, translations, point)]
        points = np.concatenate(orbits)
        kinds = np.repeat(np.arange(1, len(orbits) + 1), [len(points) for points in orbits])
        cell = lattice(group.crystal_system)
        theirs = moyopy.MoyoDataset(moyopy.Cell(cell.tolist(), points.tolist(), kinds.tolist()), symprec=1e-3)
        other = spglib.get_symmetry_dataset((cell, points, kinds), symprec=1e-3)
        for found in (theirs, other):
            assert found.number == number
            images = {word[index] for word in letter_permutations(number)}  # an engine may shift the origin
            assert found.wyckoffs[-1] in images
            assert found.site_symmetry_symbols[-1] == group.position(found.wyckoffs[-1]).site_symmetry


def test_the_correct_generators_generate_their_group() -> None:
    for group in SPACE_GROUPS:
        order, number = identified(group.correct_generators, group.crystal_system)
        assert number == group.number
        assert order == group.wyckoff[-1].multiplicity


def test_the_published_strings_of_39_and_131_generate_21_and_130() -> None:
    differing = [group for group in SPACE_GROUPS if group.generators != group.correct_generators]
    assert [group.number for group in differing] == [39, 131]
    assert [identified(group.generators, group.crystal_system)[1] for group in differing] == [21, 130]


def test_groups_with_a_leading_one_contain_the_inversion() -> None:
    centrosymmetric = [
        g
        for g in SPACE_GROUPS
        if any(m == (-1, 0, 0, 0, -1, 0, 0, 0, -1) for m, _ in closure(generators(g.correct_generators)))
    ]
    marked = [g for g in SPACE_GROUPS if g.generators.startswith("1")]
    assert (len(centrosymmetric), len(marked)) == (92, 69)
    assert set(marked) <= set(centrosymmetric)
