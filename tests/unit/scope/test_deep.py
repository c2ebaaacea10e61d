"""A closer look at valid strings: its warnings, word for word, and where there is nothing to say."""

import pytest

from cloudkit.errors import ScopeError
from cloudkit.scope import check_deep
from cloudkit.tables import generator_text

CUBIC = generator_text(225)


def test_a_string_that_is_not_canonical_is_told_what_is() -> None:
    (found,) = check_deep(f"{CUBIC} | Cl 4b")
    assert (found.code, found.severity, found.offset, found.length) == ("W404", "warning", len(CUBIC) + 3, 5)
    assert found.message == "not the canonical string of its crystal"
    assert found.hint == "the canonical string is '… | Cl 4a'"


def test_fractions_that_fit_no_crystal_get_a_warning_with_the_bound() -> None:
    (found,) = check_deep(f"{CUBIC} | 4a 4b | Na 0.3 Cl 0.7")
    assert (found.code, found.severity, found.offset, found.length) == (
        "W402",
        "warning",
        len(CUBIC) + 11,
        13,
    )
    assert found.message == "no ordered crystal fits these letters and fractions"
    assert found.hint == "conventional cells of up to 80 atoms were searched"


@pytest.mark.parametrize("body", ["Na 4a Cl 4b", "4a 4b | Na 0.5 Cl 0.5", "4a 4a | Cl Cl"])
def test_canonical_strings_possible_ones_and_full_ones_have_no_warning(body: str) -> None:
    assert check_deep(f"{CUBIC} | {body}") == []


def test_invalid_text_is_refused() -> None:
    with pytest.raises(ScopeError, match="no Wyckoff symbol '9z'"):
        check_deep(f"{CUBIC} | Na 9z")
