"""The 10,000 published strings of the shared data: what validation says about them."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from cloudkit._native import twin
from cloudkit.scope import parse, validate


@pytest.fixture(scope="module")
def sample(shared: Path) -> list[str]:
    with (shared / "data/pretrain_10k.csv").open(newline="") as file:
        return [row["cloud"] for row in csv.DictReader(file)]


def test_all_published_strings_are_valid_but_the_one_with_element_x(sample: list[str]) -> None:
    findings = [(text, d) for text in sample for d in validate(text) if d.severity == "error"]
    assert len(sample) == 10_000
    (only,) = findings
    text, diagnostic = only
    assert diagnostic.code == "E202"
    assert text[diagnostic.offset : diagnostic.offset + diagnostic.length] == "X"


def test_fifteen_published_strings_have_a_fraction_of_zero(sample: list[str]) -> None:
    warned = [[d.code for d in validate(text)] for text in sample]
    assert Counter(codes[0] for codes in warned if codes) == {"E202": 1, "W401": 15}


def test_the_twin_says_the_same_about_the_published_strings(sample: list[str]) -> None:
    for text in sample[::7]:
        assert [(int(d.code[1:]), d.offset, d.length) for d in validate(text)] == twin.check(text)[1]


def test_published_strings_print_as_they_were(sample: list[str]) -> None:
    for text in sample:
        if "X" not in text.split():
            assert str(parse(text)) == text
