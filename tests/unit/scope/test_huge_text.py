"""Text of any size is answered in time and memory that grow with its length only."""

import numpy as np
import pytest

import cloudkit
from cloudkit import _native
from cloudkit.errors import ScopeError
from cloudkit.scope import parse, render, validate
from cloudkit.tables import generator_text
from cloudkit.tokens import Tokenizer

BLANKS = " " * 100_000_000


def test_a_hundred_megabytes_of_blanks_are_two_findings() -> None:
    assert _native.check(BLANKS) == (0, [(102, 0, 100_000_000), (104, 100_000_000, 0)])
    assert [d.code for d in validate(BLANKS)] == ["E102", "E104"]


@pytest.mark.skipif(not _native.COMPILED, reason="the twin walks characters; the core is not compiled here")
def test_a_hundred_megabytes_of_blanks_have_no_tokens() -> None:
    assert Tokenizer("cloud").encode(BLANKS).tolist() == [0, 2]


def test_the_message_about_a_huge_string_is_short() -> None:
    with pytest.raises(ScopeError) as caught:
        parse(BLANKS)
    assert len(str(caught.value)) < 1000


def test_one_long_word_is_quoted_in_part() -> None:
    text = "x" * 10_000_000
    (found, _) = validate(text)
    assert (found.code, found.offset, found.length) == ("E103", 0, 10_000_000)
    assert len(found.message) < 200
    assert len(render(text, found)) < 500


def test_a_hundred_thousand_faults_are_all_found() -> None:
    text = f"{generator_text(225)} | " + " ".join(["Xx 9a"] * 50_000)
    found = validate(text)
    assert len(found) == 100_000
    assert {d.code for d in found} == {"E202", "E203"}


def test_a_hundred_thousand_tokens_out_of_place_are_all_found() -> None:
    text = f"{generator_text(225)} | " + " ".join(["?"] * 100_000)
    assert len(validate(text)) == 100_001


def test_ten_thousand_orbits_are_a_string_like_any_other() -> None:
    text = f"{generator_text(1)} | " + " ".join(["Si 1a"] * 10_000)
    scope = cloudkit.parse(text)
    assert str(scope) == text
    assert scope.composition == {"Si": 10_000.0}
    tokenizer = Tokenizer("compact")
    ids = tokenizer.encode(text)
    assert ids.shape == (20_003,)
    assert tokenizer.decode(ids) == text
    assert len(Tokenizer("cloud").encode(text)) == 20_000 + 2 + 4


def test_a_batch_of_long_and_empty_rows_keeps_its_order() -> None:
    ids, offsets = Tokenizer("cloud").encode_batch(["", "4a " * 100_000, "", "Na"])
    assert np.diff(offsets).tolist() == [2, 100_002, 2, 3]
    assert ids[offsets[3] : offsets[4]].tolist()[1] == Tokenizer("cloud").vocabulary.index("Na")


def test_a_hundred_thousand_sites_with_faults_in_both_parts_are_listed_in_order_of_offset() -> None:
    n = 50_000
    symbols, species = " ".join(["4a", "4b"] * n), " ".join(["Na+ Cl-", "K+ Br-"] * (n // 2))
    found = validate(f"{generator_text(225)} | {symbols} | {species}")
    assert [d.offset for d in found] == sorted(d.offset for d in found)
    assert sum(d.code == "E303" for d in found) == n
    assert sum(d.code == "W403" for d in found) == 2 * n
