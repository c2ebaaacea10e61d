"""`order="input"`: letters and elements as they first appear over the sites, without the shared data."""

import pytest

from cloudkit import encode
from cloudkit.errors import CloudkitError
from cloudkit.tables import generator_text

pymatgen = pytest.importorskip("pymatgen.core", reason="pymatgen is not installed")


def rock_salt(first: object, second: object) -> object:
    return pymatgen.Structure.from_spacegroup(225, pymatgen.Lattice.cubic(5.6), [first, second], [[0, 0, 0], [0.5, 0.5, 0.5]])  # fmt: skip


def test_reduced_strings_list_letters_once_and_fractions_of_all_atoms() -> None:
    text = encode(rock_salt({"Fe": 0.75, "Ni": 0.25}, "O"), dialect="reduced", order="input")
    assert text == f"{generator_text(225)} | 4a 4b | Fe 0.38 Ni 0.12 O 0.5"


def test_orbit_strings_keep_the_order_of_the_sites() -> None:
    assert encode(rock_salt("Cl", "Na"), order="input") == f"{generator_text(225)} | Cl 4a Na 4b"


def test_full_strings_have_one_species_a_site() -> None:
    text = encode(rock_salt("Na", "Cl"), dialect="full", order="input")
    assert text == f"{generator_text(225)} | 4a 4a 4a 4a 4b 4b 4b 4b | Na Na Na Na Cl Cl Cl Cl"


@pytest.mark.parametrize(("name", "value"), [("order", "sorted"), ("dialect", "short")])
def test_an_unknown_option_is_named_with_those_that_are_known(name: str, value: str) -> None:
    with pytest.raises(CloudkitError, match=f"unknown {name} '{value}'; known: "):
        encode(rock_salt("Na", "Cl"), **{name: value})
