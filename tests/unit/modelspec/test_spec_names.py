"""Distance and nearest name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.modelspec.names import distance, nearest, suggest

WORD = st.text("abc", max_size=6)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("kitten", "sitting", 3), ("dropuot", "dropout", 1), ("", "abc", 3), ("ca", "abc", 3), ("ab", "ba", 1)],
)
def test_distance_counts_slips(a: str, b: str, expected: int) -> None:
    assert distance(a, b) == expected


@given(WORD, WORD)
def test_distance_is_symmetric_and_zero_only_for_equals(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("dropxxt", "dropout"),
        ("dxxpxut", None),
        ("abcxyz", None),
        ("abcdxy", "abcdef"),
        ("x", "a"),
        ("xy", None),
    ],
)
def test_a_name_is_near_where_at_most_a_third_differs_or_one_character(name: str, near: str | None) -> None:
    assert nearest(name, ["dropout", "abcdef", "a"]) == near


def test_case_and_hyphens_do_not_count_and_the_first_of_equals_is_taken() -> None:
    assert nearest("Learning-Rate", ["learning_rate"]) == "learning_rate"
    assert nearest("bb", ["ab", "cb"]) == "ab"


def test_a_suggestion_is_the_nearest_name_or_all_of_them() -> None:
    assert suggest("sed", ["seed", "nodes"]) == "; did you mean 'seed'?"
    assert suggest("colour", ["seed", "nodes"], "keys") == "; keys: seed, nodes"
    assert suggest(5, ["seed"]) == "; known: seed"
    assert suggest("x", []) == "; known: none"


def test_nothing_is_near_to_a_stranger() -> None:
    assert nearest("colour", ["seed", "nodes"]) is None
    assert nearest("x", []) is None
