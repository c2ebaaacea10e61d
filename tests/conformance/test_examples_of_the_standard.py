"""Every example of spec/scope.md is what it says it is, for the core and for its twin."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudkit import _native
from cloudkit._native import twin
from cloudkit.scope import canonical_text, check_deep, project, validate
from cloudkit.tokens import Tokenizer

Check = Callable[[str], tuple[int, list[tuple[int, int, int]]]]
STANDARD = (Path(__file__).resolve().parents[2] / "spec/scope.md").read_text("utf-8")
EXAMPLE = re.compile(r"^- (valid|invalid|warning|deep)(?: [EW](\d{3}))?: `(.*)`$", re.MULTILINE)
EXAMPLES = EXAMPLE.findall(STANDARD)
PAIR = re.compile(r"^- (canonical|projection|ids)(?: (\w+))?: `(.*)` is `(.*)`$", re.MULTILINE)


@pytest.mark.parametrize("check", [_native.check, twin.check], ids=["core", "twin"])
@pytest.mark.parametrize(("kind", "code", "text"), [e for e in EXAMPLES if e[0] != "deep"])
def test_an_example_is_what_the_standard_says(kind: str, code: str, text: str, check: Check) -> None:
    found = {issue[0] for issue in check(text)[1]}
    assert found == ({int(code)} if code else set())
    assert (kind == "valid") == (not code)


@pytest.mark.parametrize(("code", "text"), [e[1:] for e in EXAMPLES if e[0] == "deep"])
def test_a_closer_look_finds_what_the_standard_says(code: str, text: str) -> None:
    assert validate(text) == []
    assert [found.code for found in check_deep(text)] == [f"W{code}"]


@pytest.mark.parametrize(("kind", "name", "text", "result"), PAIR.findall(STANDARD))
def test_a_text_becomes_what_the_standard_says(kind: str, name: str, text: str, result: str) -> None:
    match kind:
        case "canonical":
            assert canonical_text(text) == result
        case "projection":
            assert project(text, name) == result
        case "ids":
            assert " ".join(map(str, Tokenizer(name).encode(text))) == result


def test_every_code_of_the_standard_has_an_example_there() -> None:
    listed = set(re.findall(r"^\| [EW](\d{3}) \|", STANDARD, re.MULTILINE))
    assert listed == {code for _, code, _ in EXAMPLES if code}
    assert len(listed) == 19
