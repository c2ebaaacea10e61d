"""Distance and nearest name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.modelspec.names import distance, nearest

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


def test_nothing_is_near_to_a_stranger() -> None:
    assert nearest("colour", ["seed", "nodes"]) is None
    assert nearest("x", []) is None
