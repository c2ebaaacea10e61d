"""YAML as specs understand it, and what is refused before it can do harm."""

import math
from pathlib import Path

import pytest

from cloudkit.errors import SpecError
from cloudkit.modelspec import load_spec
from cloudkit.modelspec.yaml_tree import Mark, plain, read


def value(text: str) -> object:
    tree, problems = read(text, Mark("m.yaml", 1, 1))
    assert problems == []
    return plain(tree)


def mistakes(text: str) -> list[str]:
    try:
        return [str(problem) for problem in read(text, Mark("m.yaml", 1, 1))[1]]
    except SpecError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", 0.001), ("1E3", 1000.0), ("+.5", 0.5), ("-1.", -1.0), ("12", 12), ("-0", 0), ("007", 7), ("0o7", "0o7"),
        ("true", True), ("False", False), ("no", "no"), ("on", "on"), ("y", "y"), ("null", None), ("~", None),
        ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("1_000", "1_000"), ("'1'", "1"), ("!!str 1", "1"),
        ("-.inf", -math.inf), ("1.2.3", "1.2.3"), ("e3", "e3"), (".", "."), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_an_endless_integer_is_read_without_an_error() -> None:
    assert value("9" * 5000) == math.inf


def test_aliases_repeat_a_value() -> None:
    assert value("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}


def test_each_duplicate_key_is_named_with_its_first_line() -> None:
    assert mistakes("a: 1\nb: {c: 1, c: 2}\na: 3") == [
        "m.yaml:2:11  duplicate key 'c', first in line 2; keep one",
        "m.yaml:3:1  duplicate key 'a', first in line 1; keep one",
    ]


def test_keys_that_are_no_names_are_refused() -> None:
    assert mistakes("1: a\n? [b]\n: c\ntrue: d") == [
        "m.yaml:1:1  a key must be a name, not 1",
        "m.yaml:2:3  a key must be a name, not a list",
        "m.yaml:4:1  a key must be a name, not true",
    ]


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:os.system [echo]", "!!binary aGk=", "!x 1", "!!int x", "!!set {a}", "!!map 1"],
)
def test_tags_can_name_nothing_but_plain_values(text: str) -> None:
    (mistake,) = mistakes(text)
    assert mistake.startswith("m.yaml:1:1  the tag '") and "is not allowed" in mistake


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: [1,\nb: 2", "2:5"), ("a: b: c", "1:5"), ("a:\n\t- b", "2:1"), ("a: *x", "1:4"), ("a: 1\n---\nb: 2", "2:1"),
     ("a: 1\nb: x\0y", "2:5"), ('a: "x', "1:6"), ("a: 1\n b: 2", "2:3")],
)  # fmt: skip
def test_text_that_is_no_yaml_is_one_problem_at_its_place(text: str, place: str) -> None:
    (mistake,) = mistakes(text)
    assert mistake.startswith(f"m.yaml:{place}  ")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "more than 20000 values"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ("- " * 100_000, "nested deeper than 32 levels"),
        ("&a [*a]", "nested deeper than 32 levels"),
        ("&a {b: *a}", "nested deeper than 32 levels"),
        ("x" * 300_000, "larger than 256 KiB"),
    ],
    ids=["bomb", "brackets", "dashes", "cycle", "cycle of keys", "size"],
)
def test_a_hostile_file_is_refused_at_once(text: str, message: str) -> None:
    (mistake,) = mistakes(text)
    assert message in mistake


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1:1  the spec is empty"),
        (b"# only a comment\n", "1:1  the spec is empty"),
        (b"- a\n", "1:1  the spec has no keys"),
        (b"cloudkit", "1:1  the spec has no keys"),
        (b"name: x\nb: \xff", "2:4  not UTF-8 text"),
        (b"\x89PNG\r\n", "1:1  not UTF-8 text"),
        ("é".encode() * 200_000, "1:1  larger than 256 KiB"),
    ],
)
def test_a_file_that_is_no_spec_is_one_problem(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_spec(file)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{file}:{message}")
