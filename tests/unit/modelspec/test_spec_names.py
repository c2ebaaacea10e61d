"""The nearest known name to a misspelt one."""

import pytest

from cloudkit.errors import suggest
from cloudkit.modelspec.schema_check import nearest_name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("dropuot", "dropout"), ("dropxxt", "dropout"), ("dropotu", "dropout"), ("dxxxxut", None), ("xyz", None),
        ("abcdxy", "abcdef"), ("", None),
    ],
)  # fmt: skip
def test_a_name_is_near_where_more_than_half_of_it_agrees(name: str, near: str | None) -> None:
    assert nearest_name(name, ["dropout", "abcdef", "id"]) == near


def test_case_and_hyphens_do_not_count() -> None:
    assert nearest_name("Learning-Rate", ["learning_rate"]) == "learning_rate"


def test_a_suggestion_is_the_nearest_name_or_all_of_them() -> None:
    assert suggest("sed", ["seed", "nodes"]) == "; did you mean 'seed'?"
    assert suggest("xyz", ["seed", "nodes"]) == "; known: seed, nodes"
    assert suggest("xyz", []) == "; known: none"
