"""Periodicity of extended XYZ, in every spelling that programs write: a crystal only if all three directions repeat."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from cloudkit.io.json_xyz import read_extxyz

SPELLINGS: Final = (("T", "F"), ("t", "f"), ("1", "0"), ("true", "false"), ("True", "False"), ("TRUE", "FALSE"), (".true.", ".false."))  # fmt: skip
SHORT: Final = SPELLINGS[:3]  # may be written without blanks: TTF
QUOTES: Final = ('"{}"', "'{}'", "{{{}}}", "[{}]", '"[{}]"')
SEPARATORS: Final = (" ", "  ", ",", ", ", "\t")
LATTICES: Final = ('"{}"', "'{}'", "{{{}}}", '"[[{}]]"')
CELL: Final = "4.12 0 0 0 4.12 0 0 0 4.12"


@st.composite
def spelled(draw: st.DrawFn, repeats: tuple[bool, ...]) -> str:
    """The value of pbc that says which directions repeat."""
    form = draw(st.sampled_from(("words", "letters", "one word")))
    if form == "one word" and len(set(repeats)) == 1:
        return draw(st.sampled_from(SPELLINGS))[not repeats[0]]
    if form == "letters":
        yes, no = draw(st.sampled_from(SHORT))
        return draw(st.sampled_from(("{}", *QUOTES))).format("".join(yes if one else no for one in repeats))
    words = [draw(st.sampled_from(SPELLINGS))[not one] for one in repeats]  # each in its own spelling
    return draw(st.sampled_from(QUOTES)).format(draw(st.sampled_from(SEPARATORS)).join(words))


@st.composite
def frames(draw: st.DrawFn) -> tuple[tuple[bool, ...], str]:
    """Which directions repeat, and a frame that says so."""
    repeats = draw(st.tuples(*[st.booleans()] * 3))
    fields = [
        f"{draw(st.sampled_from(('pbc', 'PBC', 'Pbc')))}={draw(spelled(repeats))}",
        f"Lattice={draw(st.sampled_from(LATTICES)).format(CELL)}",
        draw(st.sampled_from(("Properties=species:S:1:pos:R:3", "energy=-1.5"))),
    ]
    comment = " ".join(draw(st.permutations(fields)))
    return repeats, f"2\n{comment}\nCs 0 0 0\nCl 2.06 2.06 2.06\n"


@given(frames())
def test_a_frame_is_a_crystal_only_if_all_directions_repeat(frame: tuple[tuple[bool, ...], str]) -> None:
    repeats, text = frame
    (record,) = read_extxyz(text)
    if all(repeats):
        assert record.crystal is not None and len(record.crystal) == 2
    else:
        assert record.error is not None and record.error.code == "S113"


@given(
    st.text(alphabet="TtFf01 ,", max_size=9).filter(
        lambda text: len(text.replace(",", " ").split()) not in (0, 1, 3)
    )
)
def test_any_other_number_of_words_is_refused(value: str) -> None:
    (record,) = read_extxyz(f'2\nLattice="{CELL}" pbc="{value}"\nCs 0 0 0\nCl 2.06 2.06 2.06\n')
    assert record.error is not None and record.error.code == "S103"
