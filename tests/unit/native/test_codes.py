"""Every code of the core, at its offset and length, in the compiled core and in its twin.

An example abbreviates the generators of group n as `n:`, and marks what a diagnostic points at with «».
"""

import re
from types import ModuleType

import pytest

from cloudkit import _native
from cloudkit._native import twin
from cloudkit.scope import validate
from cloudkit.tables import generator_text

EXAMPLES = [
    (101, "«»"),
    (102, "«  »225: Na 4a"),
    (102, "225: Na « »4a"),
    (102, "225: Na 4a« »"),
    (102, "225: 4a «  »| Na 1.0"),
    (103, "1 6 a «aO» O O 0 | Na 4a"),
    (103, "«|» 1 6 a 0 | Na 4a"),
    (103, "225: Na 4a «4b»"),
    (103, "225: 4a «Na|» Na 1.0"),
    (103, "225: 4a | Na «4a» 1.0"),
    (103, "225: Na «NA» 4a"),
    (103, "225: Na «0.50» 4a"),
    (103, "225: Na «1.00» 4a"),
    (103, "225: Na «04a» 4a"),
    (103, "225: 4a «1000a»"),
    (103, "225: 4a «4é»"),
    (103, "225: 4a «\t4b»"),
    (103, "225: Na 4a «|» Na 4a"),
    (104, "1 6 a«»"),
    (104, "225: «»"),
    (104, "225: Na«»"),
    (104, "225: 4a 4b«»"),
    (104, "225: 4a |«»"),
    (104, "225: 4a | Na 0.5 Cl«»"),
    (104, "225: 4a | Fe:0.5,«»"),
    (104, "225: Na 0.5 Cl«»"),
    (201, "«1 6 a» | Na 4a"),
    (201, "«0 0 0 0» | Na 1a"),
    (202, "225: «X» 4a"),
    (202, "225: «Xx» 4a Cl 4b"),
    (202, "225: 4a 4b | Na 0.5 «D» 0.5"),
    (202, "225: 4a 4b | Na2+ «D»:0.5"),
    (103, "225: 4a 4b | Na Cl «0.5»"),
    (103, "225: 4a 4b | Na 0.5 «Cl+» Cl 0.5"),
    (103, "225: 4a | Fe:0.5, «Ni»"),
    (103, "225: 4a | «Fe1+» Na"),
    (103, "225: 4a | «Fe0-» Na"),
    (103, "225: 4a | «Fe:0.50» Na"),
    (103, "225: 4a | «Fe:.5» Na"),
    (103, "225: 4a | «Fe:» Na"),
    (103, "225: «Fe+» 4a"),
    (203, "225: Na «8a» Cl 4b"),
    (203, "225: Na «4z» Cl 4b"),
    (203, "1: H «1b»"),
    (203, "225: Na «192A»"),
    (203, "225: Na «999a»"),
    (301, "225: 4a 4b | «Na 0.5 Cl 0.48»"),
    (301, "225: 4a | «Na 0.99»"),
    (301, "225: 4a 4b | «Na 0.5 Cl 0.52»"),
    (302, "225: «Fe 0.6 Ni 0.5» 4a"),
    (302, "225: Cl 4a «Fe 0.51 Ni 0.51» 4b"),
    (303, "225: Na 4a Cl «4a»"),
    (303, "47: Na 1a Cl 1b K «1a»"),
    (302, "225: 4a 4b | Na «Fe:0.6, Ni:0.5»"),
    (303, "225: 4a «4a» | Na Cl"),
    (303, "225: 4a «4a» | Fe2+ Fe3+"),
    (303, "225: 4a «4a» 4a | Fe:0.5, Ni:0.5 Fe:0.5, Ni:0.25 Fe:0.5, Ni:0.5"),
    (304, "225: 4a 4b «4a» | Na 1.0"),
    (304, "1: 1a «1a» | Na 1.0"),
    (305, "225: 4a 4b | Na 0.5 «Na» 0.5"),
    (305, "225: Fe 0.5 «Fe» 0.5 4a"),
    (306, "225: «Na 1.0» 4a"),
    (305, "225: 4a | Fe:0.5, «Fe»:0.5"),
    (307, "225: 4a 4b | «Na»"),
    (307, "225: 4a 4b | «Na Fe:0.5, Ni:0.5 Cl»"),
    (308, "225: 4a «4b» 4b | Na Cl Cl"),
    (308, "225: 4a «8c» | Na Cl"),
    (308, "225: 4a 4a «192l» | Na Na Cl"),
    (401, "225: 4a | Fe:«0.0», Ni:1.0"),
    (403, "225: 4a 4b | Na «Cl-»"),
    (403, "225: 4a | «Fe3+:0.125, Fe2+:0.125»"),
    (401, "225: 4a 4b | Na 1.0 Cl «0.0»"),
    (401, "225: Fe «0.0» 4a"),
]
ACCEPTED = [
    "225: Na 4a Cl 4b",
    "225: 4a 4b | Na 0.5 Cl 0.5",
    "225: 4a 4b 8c | Na 0.33 Cl 0.33 K 0.33",
    "225: 4a 4b 8c | Na 0.5 Cl 0.51",
    "225: Fe 0.5 Ni 0.51 4a",
    "225: Fe 0.5 4a",
    "1: H 1a H 1a H 1a",
    "47: Na 8A Na 8A",
    "225: 4a 4b | Na Cl",
    "225: 4a | Na",
    "225: 4a 8c 8c | Na Cl Cl",
    "225: 4a 4a 4b 4b | Na Na Cl Cl",
    "1: 1a 1a 1a | H H O",
    "225: 24e 24e 24e 24e 24e 24e 24e 24e 24e 24e 24e 24e | O O O O O O F F F F F F",
    "225: Fe 0.33 Ni 0.33 Co 0.34 4a Fe 4b",
]


def spell(example: str) -> str:
    number, colon, body = example.partition(": ")
    start = number.lstrip("«» ")
    if not colon or not start.isdigit():
        return example
    return number.removesuffix(start) + generator_text(int(start)) + " | " + body


def marked(example: str) -> tuple[str, int, int]:
    """(text, offset, length), the last two in bytes."""
    before, _, rest = spell(example).partition("«")
    inside, _, after = rest.partition("»")
    return before + inside + after, len(before.encode()), len(inside.encode())


@pytest.fixture(params=["core", "twin"])
def native(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "twin":
        return twin
    return pytest.importorskip("cloudkit._native.core", reason="no compiled core in this installation")


@pytest.mark.parametrize(("code", "example"), EXAMPLES)
def test_a_fault_is_found_where_it_is(native: ModuleType, code: int, example: str) -> None:
    text, offset, length = marked(example)
    found = native.check(text)[1]
    assert (code, offset, length) in found
    assert {other // 100 for other, _, _ in found} <= {code // 100, *((3, 4) if code >= 300 else ())}
    assert native.check(text.encode()) == native.check(text)


@pytest.mark.parametrize("example", ACCEPTED)
def test_sound_text_has_no_finding(native: ModuleType, example: str) -> None:
    assert native.check(spell(example)) == (int(example.partition(":")[0]), [])


def test_every_code_of_the_header_has_an_example(repository_header: str) -> None:
    declared = {int(code) for code in re.findall(r"CK_[A-Z_]+ = (\d{3})\b", repository_header)}
    assert declared == {code for code, _ in EXAMPLES}


@pytest.mark.parametrize(("code", "example"), EXAMPLES)
def test_a_diagnostic_carries_code_place_message_and_severity(code: int, example: str) -> None:
    text, offset, length = marked(example)
    letter, severity = ("W", "warning") if code >= 400 else ("E", "error")
    here = {d.code: d for d in validate(text) if (d.offset, d.length) == (offset, length)}
    found = here[f"{letter}{code}"]
    assert found.severity == severity
    assert found.message
    assert found.message.strip() == found.message
    assert isinstance(found.hint, str)


def test_all_faults_of_one_level_are_reported_at_once(native: ModuleType) -> None:
    text = f"{generator_text(225)} | X 9a Na 4b Xx 4c"
    group, found = native.check(text)
    places = [(code, text[offset : offset + length]) for code, offset, length in found]
    assert group == 225
    assert places == [(202, "X"), (203, "9a"), (202, "Xx"), (203, "4c")]


def test_a_higher_level_waits_for_the_lower_one(native: ModuleType) -> None:
    both = f"{generator_text(225)} | 4a 4a | X 0.5 Na 0.2"
    assert [code for code, _, _ in native.check(both)[1]] == [202]
    assert [code for code, _, _ in native.check(both.replace("X", "K"))[1]] == [304, 301]


def test_offsets_count_bytes_of_utf8(native: ModuleType) -> None:
    prefix = f"{generator_text(225)} | "
    text = f"{prefix}é 中 Na 4a 😀"
    assert native.check(text)[1] == [
        (103, len(prefix), 2), (103, len(prefix) + 3, 3), (103, len(prefix) + 13, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\0", b"1 6 a\0 |", b"\xed\xa0\x80", b"\x80" * 50, b"|" * 30])
def test_bytes_that_are_no_text_are_refused_alike(data: bytes) -> None:
    assert _native.check(data) == twin.check(data)
    assert _native.check(data)[1][0] == (103, 0, len(data)) or data.startswith(b"1 6")


def test_lone_surrogates_are_refused_with_three_bytes_each(native: ModuleType) -> None:
    text = f"{generator_text(1)} | \ud800 1a"
    assert native.check(text)[1][0] == (103, len(generator_text(1)) + 3, 3)
    assert validate(text)[0].code == "E103"


def test_an_unknown_vocabulary_is_an_error(native: ModuleType) -> None:
    with pytest.raises(ValueError, match="known: cloud, compact"):
        native.encode_text("1a", "wordpiece")


def test_a_batch_names_its_refused_rows(native: ModuleType) -> None:
    good = f"{generator_text(225)} | Na 4a"
    ids, offsets, refused = native.encode_batch([good, "", good, "x"], "compact")
    assert refused == [1, 3]
    assert offsets.tolist() == [0, 5, 5, 10, 10]
    assert ids.shape == (10,)
