"""The core's choice of letters equals the twin's, and does not depend on which description of the crystal it is given."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkit._native import twin
from cloudkit.tables import LETTERS, SPACE_GROUPS, letter_permutations

core = pytest.importorskip("cloudkit._native.core", reason="the core is not compiled")


@st.composite
def crystals(draw: st.DrawFn) -> tuple[int, str, list[int]]:
    """(space group, letters, contents) of one to eight orbits."""
    group = draw(st.one_of(st.integers(1, 230), st.sampled_from([2, 10, 12, 16, 47, 69, 221, 227])))
    letter = st.integers(0, len(SPACE_GROUPS[group - 1].wyckoff) - 1)
    orbits = draw(st.lists(st.tuples(letter, st.integers(0, 3)), min_size=1, max_size=8))
    return group, "".join(LETTERS[x] for x, _ in orbits), [content for _, content in orbits]


@given(crystals())
@settings(deadline=None)
def test_core_and_twin_choose_the_same_letters(crystal: tuple[int, str, list[int]]) -> None:
    group, letters, contents = crystal
    ours = [(letter, contents[i]) for i, letter in core.canonical(group, letters, contents)]
    assert ours == [(letter, contents[i]) for i, letter in twin.canonical(group, letters, contents)]
    assert sorted(i for i, _ in core.canonical(group, letters, contents)) == list(range(len(letters)))


@given(crystals(), st.data())
@settings(deadline=None)
def test_any_renaming_of_the_normalizer_gives_the_same_form(
    crystal: tuple[int, str, list[int]], data: st.DataObject
) -> None:
    group, letters, contents = crystal
    renaming = data.draw(st.sampled_from(letter_permutations(group)))
    order = data.draw(st.permutations(range(len(letters))))
    renamed = "".join(renaming[LETTERS.index(letters[i])] for i in order)
    moved = [contents[i] for i in order]
    ours = [(letter, contents[i]) for i, letter in core.canonical(group, letters, contents)]
    assert [(letter, moved[i]) for i, letter in core.canonical(group, renamed, moved)] == ours


@pytest.mark.parametrize("side", [core, twin])
def test_a_letter_that_the_group_lacks_is_refused(side: object) -> None:
    for letters in ("b", "B", "é"):
        with pytest.raises(ValueError, match="space group 1 has no Wyckoff letters"):
            side.canonical(1, letters, [0])  # type: ignore[attr-defined]
