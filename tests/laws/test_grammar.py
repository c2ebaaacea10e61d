"""Law 2 at the level of grammar: Lark on spec/scope.ebnf accepts a text exactly where the core finds no 1xx code."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudkit import _native
from cloudkit.tables import generator_text

from .scope_strings import mutated_texts, valid_texts

lark = pytest.importorskip("lark", reason="lark is not installed")

SPEC = Path(__file__).resolve().parents[2] / "spec"
GRAMMAR = (SPEC / "scope.ebnf").read_text("utf-8")
READER = lark.Lark(GRAMMAR, parser="earley", lexer="dynamic_complete")  # all readings: no parser's look-ahead
SHORT = "0 0 0 | "


def accepts(text: str) -> bool:
    try:
        READER.parse(text)
    except lark.exceptions.LarkError:
        return False
    return True


def core_accepts(text: str) -> bool:
    return all(code >= 200 for code, _, _ in _native.check(text)[1])


@settings(max_examples=100, deadline=None)
@given(st.one_of(mutated_texts(), valid_texts(), st.text(max_size=20)))
@example(text="")
@example(text="a | H 1a")
@example(text=f"{generator_text(225)} | Na 4a\n")
def test_lark_and_the_core_accept_the_same_text(text: str) -> None:
    assert accepts(text) == core_accepts(text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["H", "Xx", "A", "1a", "192l", "8A", "0.5", "0.0", "1.0", "0.50", "|", "", "a", "10"]
        ),
        max_size=8,
    )
)
def test_lark_and_the_core_accept_the_same_sequences_of_tokens(words: list[str]) -> None:
    text = SHORT + " ".join(words)
    assert accepts(text) == core_accepts(text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["O", "O2-", "O1.25-", "O12+", "O0+", "O1-", "O:0.5", "Rg:0.25", "Og2-:0.75", "F-:1.0", "F:0.123456",
                              "F:0.50", "F:1.00", "F:0.1234567", "O2-:"]), min_size=1, max_size=4),
    st.sampled_from([" ", ", "]),
)  # fmt: skip
@example(words=["Rg:0.25", "Og2-:0.75"], between=", ")
def test_lark_and_the_core_accept_the_same_sites_of_the_full_dialect(words: list[str], between: str) -> None:
    text = f"{SHORT}8f | {between.join(words)}"
    assert accepts(text) == core_accepts(text)


def test_the_grammar_file_is_the_grammar_of_the_standard() -> None:
    block = (SPEC / "scope.md").read_text("utf-8").partition("```ebnf\n")[2].partition("```")[0]
    assert GRAMMAR.partition("\n")[2] == block
