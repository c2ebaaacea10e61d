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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "sorted"}, "unknown order 'sorted'; choose one of: canonical, input"),
        ({"dialect": "short"}, "unknown dialect 'short'; choose one of: orbit, reduced, full"),
        ({"engine": "magic"}, "unknown engine 'magic'; choose native, moyo or spglib"),
        ({"symprec": -1}, "symprec must be a length in Å between 0 and 10, not -1"),
        ({"symprec": "0.1"}, "symprec must be a length in Å between 0 and 10, not '0.1'"),
    ],
)
def test_an_option_that_makes_no_sense_is_told_what_it_may_be(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(CloudkitError) as caught:
        encode(rock_salt("Na", "Cl"), **options)
    assert str(caught.value) == message
