"""Every example of spec/scope.md is what it says it is, for the core and for its twin."""

import re
from pathlib import Path

import pytest

from cloudkit import _native
from cloudkit._native import twin

STANDARD = (Path(__file__).resolve().parents[2] / "spec/scope.md").read_text("utf-8")
EXAMPLE = re.compile(r"^- (valid|invalid|warning) ?(?:[EW](\d{3}))?: (`+)(.*?)\3?$", re.MULTILINE)
EXAMPLES = [(kind, code, text.rstrip("`")) for kind, code, _, text in EXAMPLE.findall(STANDARD)]


@pytest.mark.parametrize("check", [_native.check, twin.check], ids=["core", "twin"])
@pytest.mark.parametrize(("kind", "code", "text"), EXAMPLES)
def test_an_example_is_what_the_standard_says(kind: str, code: str, text: str, check: object) -> None:
    found = {issue[0] for issue in check(text)[1]}  # type: ignore[operator]
    assert found == ({int(code)} if code else set())
    assert (kind == "valid") == (not code)


def test_every_code_of_the_standard_has_an_example_there() -> None:
    listed = set(re.findall(r"^\| [EW](\d{3}) \|", STANDARD, re.MULTILINE))
    assert listed == {code for _, code, _ in EXAMPLES if code}
    assert len(listed) == 14
