"""Reading the mineral database: labels, formulas, operations and images of sites."""

from types import ModuleType

import numpy as np
import pytest

Rows = list[dict[str, str]]
CUBE = np.eye(3) * 4.0
HEXAGONAL = np.array([[4.0, 0, 0], [-2.0, 12**0.5, 0], [0, 0, 5.0]])
THREEFOLD = '["x,y,z", "-y,x-y,z", "-x+y,-x,z"]'


def test_famous_minerals_have_their_space_groups(tables: dict[str, Rows]) -> None:
    groups: dict[str, set[str]] = {}
    for row in tables["minerals"]:
        groups.setdefault(row["name"], set()).add(row["space_group"])
    known = {"Halite": "225", "Fluorite": "225", "Corundum": "167", "Calcite": "167", "Rutile": "136"}
    known |= {"Spinel": "227", "Forsterite": "62", "Pyrope": "230", "Sphalerite": "216", "Periclase": "225"}
    assert all(number in groups[name] for name, number in known.items())


@pytest.mark.parametrize(
    ("label", "elements", "element"),
    [("SiT1", {"Si", "O"}, "Si"), ("Ow2", {"O", "H"}, "O"), ("D1", {"H", "O"}, "H"), ("Dy1", {"Dy", "O"}, "Dy"),
     ("Co", {"Co", "C", "O"}, "Co"), ("Oc", {"C", "O"}, "O")],
)  # fmt: skip
def test_a_site_label_names_an_element_of_the_formula(
    tools: dict[str, ModuleType], label: str, elements: set[str], element: str
) -> None:
    assert tools["data_minerals"].element_of(label, elements) == element


def test_a_water_molecule_on_one_site_is_refused(tools: dict[str, ModuleType]) -> None:
    with pytest.raises(tools["data_symmetry"].Refused, match="not a single element"):
        tools["data_minerals"].element_of("Wat1", {"Ca", "S", "O", "H"})


def test_a_formula_counts_deuterium_as_hydrogen(tools: dict[str, ModuleType]) -> None:
    assert tools["data_minerals"].read_formula("Al (O3 D2.5) H.5") == {"Al": 1, "O": 3, "H": 3}


def test_an_operation_is_read_in_all_its_spellings(tools: dict[str, ModuleType]) -> None:
    rotation, translation = tools["data_symmetry"].read_operation("1/2-X, x-y, z+0.25")
    assert rotation == [[-1, 0, 0], [1, -1, 0], [0, 0, 1]]
    assert translation == [0.5, 0, 0.25]


@pytest.mark.parametrize("text", ["x,y", "x,y,w", "x,y,z*2"])
def test_an_unreadable_operation_is_refused(tools: dict[str, ModuleType], text: str) -> None:
    with pytest.raises(tools["data_symmetry"].Refused):
        tools["data_symmetry"].read_operation(text)


def test_a_rounded_site_is_moved_onto_its_axis(tools: dict[str, ModuleType]) -> None:
    operations = tools["data_symmetry"].read_operations(THREEFOLD)
    images = tools["data_symmetry"].expand_site(np.array([0.333, 0.667, 0.1]), operations, HEXAGONAL)
    np.testing.assert_allclose(images, [[1 / 3, 2 / 3, 0.1]], atol=1e-12)


def test_a_general_site_has_one_image_for_each_operation(tools: dict[str, ModuleType]) -> None:
    operations = tools["data_symmetry"].read_operations(THREEFOLD)
    images = tools["data_symmetry"].expand_site(np.array([0.1, 0.3, 0.1]), operations, HEXAGONAL)
    np.testing.assert_allclose(images, [[0.1, 0.3, 0.1], [0.7, 0.8, 0.1], [0.2, 0.9, 0.1]], atol=1e-12)


def test_a_cell_that_breaks_its_operations_is_refused(tools: dict[str, ModuleType]) -> None:
    operations = tools["data_symmetry"].read_operations(THREEFOLD)
    tools["data_symmetry"].check_metric(HEXAGONAL, operations)
    with pytest.raises(tools["data_symmetry"].Refused):
        tools["data_symmetry"].check_metric(CUBE, operations)


def test_two_atoms_on_one_place_are_refused_across_the_cell_border(tools: dict[str, ModuleType]) -> None:
    with pytest.raises(tools["data_symmetry"].Refused):
        tools["data_symmetry"].check_distances(np.array([[0.01, 0, 0], [0.99, 0, 0]]), CUBE)
    tools["data_symmetry"].check_distances(np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]), CUBE)
