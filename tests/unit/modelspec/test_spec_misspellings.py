"""Any misspelling of any key gives exactly one problem, at that key."""

from collections.abc import Iterator

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudkit.modelspec import json_schema

from .spec_examples import PUBLISHED, RICH


def keys(node: yaml.Node, names_are_free: bool = False) -> Iterator[yaml.ScalarNode]:
    """Keys of the spec, without the names of heads and the keys of a grid, which are the user's."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not names_are_free:
                yield key
            yield from keys(
                value, key.value in ("heads", "grid", "where") and isinstance(value, yaml.MappingNode)
            )
    elif isinstance(node, yaml.SequenceNode):
        for member in node.value:
            yield from keys(member)


def known_names() -> set[str]:
    schema = json_schema()
    models = [schema, *schema["$defs"].values()]
    return {name for model in models for name in model.get("properties", {})}


KEYS = [(text, key) for text in (RICH, PUBLISHED) for key in keys(yaml.compose(text))]
# one slip from `tied` and one from `hide`, which are neighbours; no other slip lies between two
BETWEEN_TWO = ("tide", "hied")
LETTERS = st.sampled_from("abcdefghijklmnopqrstuvwxyz_")


@st.composite
def misspellings(draw: st.DrawFn) -> tuple[yaml.ScalarNode, str]:
    """An example, a key of it and a name that is one slip away from it: a letter too many, too few, another, or two swapped."""
    text, key = draw(st.sampled_from(KEYS))
    word, at, letter = key.value, draw(st.integers(0, len(key.value) - 1)), draw(LETTERS)
    slips = [word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], word[:at] + word[at + 1 :]]
    slips += [word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]]
    return text, key, draw(st.sampled_from(slips))


def test_the_examples_hold_every_key_of_the_format() -> None:
    assert {key.value for _, key in KEYS} == known_names()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(misspellings())
def test_a_misspelt_key_gives_one_problem_at_its_place_with_the_right_name(problems, case) -> None:
    example, key, wrong = case
    if wrong in known_names() or wrong in ("n", "y", *BETWEEN_TWO):
        return
    mark = key.start_mark
    text = example[: mark.index] + wrong + example[key.end_mark.index :]
    (problem,) = problems(text)
    assert problem.startswith(f"m.yaml:{mark.line + 1}:{mark.column + 1}  unknown key '{wrong}' in ")
    assert problem.endswith(f"; did you mean '{key.value}'?")


@pytest.mark.parametrize("wrong", BETWEEN_TWO)
def test_a_name_between_two_keys_is_reported_at_its_place_with_one_of_them(problems, wrong: str) -> None:
    first, *_ = problems(PUBLISHED.replace("tied:", f"{wrong}:"))
    assert f"  unknown key '{wrong}' in heads.mlm; did you mean 'tied'?" in first


@pytest.mark.parametrize("wrong", ["Learning-Rate", "learningrate", "LEARNING_RATE"])
def test_case_and_hyphens_do_not_hide_a_name(problems, wrong: str) -> None:
    (problem,) = problems(RICH.replace("learning_rate:", f"{wrong}:"))
    assert problem.endswith(f"unknown key '{wrong}' in tasks.0; did you mean 'learning_rate'?")


def test_a_name_like_no_other_lists_the_known_ones(problems) -> None:
    (problem,) = problems(RICH.replace("  seed: 1", "  colour: 1"))
    assert problem.endswith(
        "'colour' in run; known: seed, precision, devices, nodes, strategy, accelerator, checkpoint"
    )


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("ema_decay", "average"), ("max_grad_norm", "clip"), ("bucket_batches", "group"), ("exclude_shared", "apart"),
        ("split_by", "split"), ("init_from", "from"), ("learning_rate", "lr"), ("weight_decay", "weightdecay"),
    ],
)  # fmt: skip
def test_a_key_as_other_tools_name_it_gives_our_name(problems, new, old) -> None:
    (problem,) = problems(RICH.replace(f"{new}:", f"{old}:", 1))
    assert f"unknown key '{old}'" in problem and problem.endswith(f"did you mean '{new}'?")
