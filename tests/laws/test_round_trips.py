"""Law 2: what is read is written back: text to tree, text to ids."""

import pytest
from hypothesis import given, settings

import cloudkit
from cloudkit.errors import ScopeError
from cloudkit.scope import Scope, parse, validate
from cloudkit.tokens import Tokenizer

from .scope_strings import mutated_texts, valid_texts

COMPACT, CLOUD = Tokenizer("compact"), Tokenizer("cloud")


@settings(max_examples=120, deadline=None)
@given(valid_texts())
def test_a_parsed_string_prints_as_it_was(text: str) -> None:
    assert str(parse(text)) == text


@settings(max_examples=120, deadline=None)
@given(mutated_texts())
def test_parse_accepts_what_validate_finds_no_error_in(text: str) -> None:
    errors = [d for d in validate(text) if d.severity == "error"]
    try:
        scope = parse(text)
    except ScopeError as refusal:
        assert [d for d in refusal.diagnostics if d.severity == "error"] == errors != []
    else:
        assert errors == []
        assert str(scope) == text


@settings(max_examples=120, deadline=None)
@given(valid_texts())
def test_decoding_the_ids_of_a_valid_string_gives_the_string(text: str) -> None:
    assert COMPACT.decode(COMPACT.encode(text)) == text
    assert CLOUD.decode(CLOUD.encode(text)) == text


@settings(max_examples=80, deadline=None)
@given(mutated_texts())
def test_the_compact_vocabulary_refuses_what_parse_refuses(text: str) -> None:
    try:
        ids = COMPACT.encode(text)
    except ScopeError:
        with pytest.raises(ScopeError):
            parse(text)
    else:
        assert isinstance(parse(text), Scope)
        assert COMPACT.decode(ids) == text


@settings(max_examples=80, deadline=None)
@given(valid_texts())
def test_a_projected_orbit_string_is_a_valid_reduced_string_of_the_same_group(text: str) -> None:
    scope = cloudkit.parse(text)
    if scope.dialect == "orbit":
        reduced = parse(cloudkit.scope.project(text, "reduced"))
        assert reduced.dialect == "reduced"
        assert reduced.space_group == scope.space_group
        assert {o.letter for o in reduced.orbits} == {o.letter for o in scope.orbits}
        assert set(reduced.composition) == set(scope.composition)
