"""Diagnostics in words: what was wanted, what was found, where, and how to fix it."""

import pytest

import cloudkit
from cloudkit.errors import ScopeError
from cloudkit.scope import render, validate
from cloudkit.tables import generator_text

ROCK_SALT = generator_text(225)


def test_an_unknown_wyckoff_symbol_says_what_the_letter_has() -> None:
    (found,) = validate(f"{ROCK_SALT} | Na 4a Cl 8h")
    assert found.code == "E203"
    assert found.message == "no Wyckoff symbol '8h' in space group 225; letter h has multiplicity 48"
    assert "8c" in found.hint


def test_an_unknown_element_names_near_ones() -> None:
    (found,) = validate(f"{ROCK_SALT} | Nx 4a")
    assert "Nx" in found.message
    assert "Na" in found.hint or "Nb" in found.hint or "N" in found.hint


def test_misspelt_generators_name_the_nearest_group() -> None:
    (found,) = validate(f"{ROCK_SALT[:-1]}1 | Na 4a")
    assert found.code == "E201"
    assert "space group 225" in found.hint


def test_generators_that_are_near_to_no_group_have_no_hint() -> None:
    (found,) = validate("9 9 9 | Na 4a")
    assert (found.code, found.message) == ("E201", "no space group has the generators '9 9 9'")
    assert found.hint == ""


@pytest.mark.parametrize(("length", "shown"), [(60, "N" * 60), (61, "N" * 60 + "…")])
def test_a_long_word_is_shown_by_its_first_60_characters(length: int, shown: str) -> None:
    found = validate(f"{ROCK_SALT} | {'N' * length} 4a")[0]
    assert found.message == f"unexpected token '{shown}'"
    assert found.length == length


def test_the_caret_stands_under_what_is_meant() -> None:
    text = f"{ROCK_SALT} | 4a 8h | Na 0.5 Cl 0.5"
    (found,) = validate(text)
    _, line, caret, hint = render(text, found).splitlines()
    assert line[caret.index("^") : caret.rindex("^") + 1] == "8h"
    assert hint.startswith("  hint: ")


def test_the_caret_stands_right_behind_wide_and_broken_characters() -> None:
    text = f"{ROCK_SALT} | 中 \ud800 é Na 8h"
    found = validate(text)[-1]
    assert found.code == "E103" or found.code == "E104"
    for diagnostic in validate(text)[:3]:
        _, line, caret, *_ = render(text, diagnostic).splitlines()
        marked = line[caret.index("^") : caret.rindex("^") + 1]
        assert marked in {"中", "\ufffd", "é"}
        assert len(marked) == 1


def test_bytes_are_not_text() -> None:
    with pytest.raises(TypeError, match="expected str, found bytes"):
        validate(b"1 6 | Na 4a")  # type: ignore[arg-type]


def test_parse_raises_with_all_diagnostics() -> None:
    text = f"{ROCK_SALT} | X 4a Cl 9b"
    with pytest.raises(ScopeError) as caught:
        cloudkit.parse(text)
    assert [d.code for d in caught.value.diagnostics] == ["E202", "E203"]
    assert "E202" in str(caught.value)
    assert "E203" in str(caught.value)


def test_a_warning_leaves_the_string_valid() -> None:
    text = f"{ROCK_SALT} | 4a 4b | Na 1.0 Cl 0.0"
    assert [d.severity for d in validate(text)] == ["warning"]
    assert cloudkit.parse(text).fractions == (("Na", 1.0), ("Cl", 0.0))


@pytest.mark.parametrize(
    ("body", "code", "message", "hint"),
    [
        ("4a 4a | Na 1.0", "E304", "Wyckoff symbol '4a' is listed twice", "the reduced dialect lists each symbol once"),
        ("4a 4b | Na 0.5 Na 0.5", "E305", "element 'Na' is listed twice", ""),
        ("Fe 0.9 Ni 0.9 4a", "E302", "the occupancies of 'Fe 0.9 Ni 0.9' sum to more than 1", "each may be off by 0.005"),
        ("4a | Na 0.5", "E301", "the fractions of 'Na 0.5' do not sum to 1 within rounding", "each may be off by 0.005"),
        ("Na 1.0 4a", "E306", "'Na 1.0' is fully occupied by one element", "write the element without 1.0"),
        ("4a | x", "E103", "unexpected token 'x'", "expected pairs of element and fraction"),
        ("Na 4a x", "E103", "unexpected token 'x'", "expected orbits such as"),
        ("4a x", "E103", "unexpected token 'x'", "expected"),
    ],
)  # fmt: skip
def test_each_finding_says_what_is_wrong_and_what_is_expected(
    body: str, code: str, message: str, hint: str
) -> None:
    found = [d for d in validate(f"{generator_text(225)} | {body}") if d.code == code]
    assert [d.message for d in found] == [message]
    assert found[0].hint.startswith(hint)


def test_the_sketch_of_a_long_string_is_72_columns_wide() -> None:
    text = f"{generator_text(225)} | " + " ".join(["Na 4a"] * 40 + ["Xx 4a"])
    (diagnostic,) = [d for d in validate(text) if d.severity == "error"]
    lines = render(text, diagnostic).splitlines()
    assert max(len(line) for line in lines if "Xx" in line and "Na 4a" in line) <= 76
