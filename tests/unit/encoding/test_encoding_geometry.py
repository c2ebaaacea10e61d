"""Geometry that goes with strings: its rows are those of the elements as the string writes them."""

import math

import numpy as np
import pytest

from cloudkit.encoding import EncodeOptions, encode_records
from cloudkit.errors import CloudkitError
from cloudkit.io import as_record
from cloudkit.structure import OF_ORBITS
from cloudkit.tables import generator_text

EDGE = 4.0
PLACES = [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
NEAREST = list(OF_ORBITS).index("log_nearest_distance")
SIDE, FACE = EDGE / math.sqrt(2), EDGE / 2  # corner to face centre, body centre to face centre


def nearest_distances(species: list[str], dialect: str) -> tuple[str, list[float]]:
    """A cubic perovskite's string, and the distance to the nearest neighbour in each row of its geometry."""
    record = as_record("x", (np.eye(3) * EDGE, PLACES, species))
    (row,) = encode_records([record], EncodeOptions(dialect, geometry=True))
    assert row.scope is not None and row.geometry is not None
    assert len(row.geometry.crystal) == 3
    return row.scope, np.exp(row.geometry.orbits[:, NEAREST]).tolist()


def test_orbit_strings_have_one_row_for_each_orbit_in_their_order() -> None:
    text, distances = nearest_distances(["Ti", "Sr", "O", "O", "O"], "orbit")
    assert text == f"{generator_text(221)} | Sr 1a Ti 1b O 3c"
    assert distances == pytest.approx([SIDE, FACE, FACE])


def test_reduced_strings_have_one_row_for_each_element_by_electronegativity() -> None:
    text, distances = nearest_distances(["Sr", "Ti", "O", "O", "O"], "reduced")
    assert text.endswith("Sr 0.2 Ti 0.2 O 0.6")
    assert distances == pytest.approx([FACE, SIDE, FACE])


def test_an_element_on_two_orbits_of_a_reduced_string_has_their_mean_by_atoms() -> None:
    text, distances = nearest_distances(["Ti", "O", "O", "O", "O"], "reduced")
    assert text.endswith("Ti 0.2 O 0.8")
    assert distances == pytest.approx([FACE, (SIDE * FACE**3) ** 0.25])


@pytest.mark.parametrize(("dialect", "order"), [("full", "canonical"), ("orbit", "input")])
def test_other_strings_have_no_geometry(dialect: str, order: str) -> None:
    with pytest.raises(
        CloudkitError, match=r"^geometry is available for canonical strings in the orbit or red"
    ):
        EncodeOptions(dialect, order, geometry=True)


def test_strings_that_ask_for_no_geometry_have_none() -> None:
    (row,) = encode_records([as_record("x", (np.eye(3) * EDGE, PLACES, ["Ti", "Sr", "O", "O", "O"]))])
    assert row.geometry is None and row.error is None
    assert (row.id, row.space_group, row.symprec) == ("x", 221, 0.01)
    assert row.engine is not None and row.engine.startswith("native")
