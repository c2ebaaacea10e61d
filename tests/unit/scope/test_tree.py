"""Strings as trees: orbits, composition, projection to the reduced dialect."""

from collections.abc import Callable

import pytest

import cloudkit
from cloudkit.errors import ScopeError
from cloudkit.scope import Orbit, Scope, parse, project
from cloudkit.scope.tree import read
from cloudkit.tables import generator_text
from cloudkit.tokens import Tokenizer


def test_an_orbit_string_has_orbits_with_species_and_integer_counts() -> None:
    scope = parse(f"{generator_text(225)} | Na 4a Cl 4b")
    assert (scope.dialect, scope.space_group) == ("orbit", 225)
    assert scope.orbits == (Orbit("a", 4, (("Na", 1.0),)), Orbit("b", 4, (("Cl", 1.0),)))
    assert scope.composition == {"Na": 4.0, "Cl": 4.0}


@pytest.mark.parametrize(
    "many", [cloudkit.parse_batch, cloudkit.validate_batch, cloudkit.encode_batch, Tokenizer().encode_batch]
)
def test_one_text_in_place_of_many_is_refused(many: Callable[[str], object]) -> None:
    with pytest.raises(TypeError, match="expected a list of strings, got a single str; pass a list or call "):
        many(f"{generator_text(225)} | Na 4a Cl 4b")


def test_a_row_that_is_no_text_is_named() -> None:
    with pytest.raises(TypeError, match="expected str, found NoneType") as caught:
        cloudkit.parse_batch([f"{generator_text(225)} | Na 4a Cl 4b", None])  # type: ignore[list-item]
    assert caught.value.__notes__ == ["in row 1"]


def test_a_mixed_orbit_counts_its_occupancies() -> None:
    scope = parse(f"{generator_text(225)} | Fe 0.5 Ni 0.25 4a O 4b")
    assert scope.orbits[0].species == (("Fe", 0.5), ("Ni", 0.25))
    assert scope.composition == {"Fe": 2.0, "Ni": 1.0, "O": 4.0}


def test_a_reduced_string_has_orbits_without_species_and_its_fractions() -> None:
    scope = parse(f"{generator_text(225)} | 4a 4b | Na 0.5 Cl 0.5")
    assert scope.dialect == "reduced"
    assert scope.orbits == (Orbit("a", 4, None), Orbit("b", 4, None))
    assert scope.composition == {"Na": 0.5, "Cl": 0.5}


def test_projection_writes_letters_once_and_elements_by_electronegativity() -> None:
    text = f"{generator_text(221)} | O 3c Ti 1b Ba 1a O 6e O 6e"
    assert project(text, "reduced") == f"{generator_text(221)} | 1a 1b 3c 6e | Ba 0.06 Ti 0.06 O 0.88"


def test_projection_of_a_reduced_string_to_itself_changes_nothing() -> None:
    text = f"{generator_text(225)} | 4b 4a | Cl 0.5 Na 0.5"
    assert project(text, "reduced") == text


def test_a_reduced_string_does_not_become_an_orbit_string() -> None:
    with pytest.raises(ScopeError, match="orbit"):
        project(f"{generator_text(225)} | 4a | Na 1.0", "orbit")


@pytest.mark.parametrize(("written", "printed"), [("Na:1.0", "Na"), ("Na+:1.0", "Na+")])
def test_a_site_of_one_part_that_fills_it_is_its_element(written: str, printed: str) -> None:
    head = f"{generator_text(225)} | 4a 4b | "
    assert str(parse(f"{head}{written} Cl")) == f"{head}{printed} Cl"
    assert parse(f"{head}{written} Cl") == parse(f"{head}{printed} Cl")


def test_equal_strings_make_equal_trees() -> None:
    text = f"{generator_text(225)} | Na 4a Cl 4b"
    assert parse(text) == parse(text)
    assert parse(text) != parse(text.replace("Na", "K"))


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("9 9 9 | Zz 9z", Scope("orbit", 0, (Orbit("z", 9, (("Zz", 1.0),)),), (), "9 9 9")),
        ("9 9 9 | 9z | Zz 0.5", Scope("reduced", 0, (Orbit("z", 9, None),), (("Zz", 0.5),), "9 9 9")),
        ("9 9 9 | 9z | Zz2-:0.5", Scope("full", 0, (Orbit("z", 9, (("Zz", 0.5),), (-2.0,)),), (), "9 9 9")),
        ("0 0 0 | Si 9z", Scope("orbit", 1, (Orbit("z", 9, (("Si", 1.0),)),))),
    ],
)
def test_what_the_grammar_accepts_is_read_whether_or_not_the_tables_know_it(text: str, scope: Scope) -> None:
    assert read(text) == scope
    assert str(scope) == text


def test_what_breaks_the_grammar_is_not_read() -> None:
    with pytest.raises(ScopeError):
        read("0 0 0 | Si  1a")
