"""What a tokenizer writes for others, and the packed forms that it reads."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cloudkit.errors import CloudkitError, ScopeError
from cloudkit.tables import generator_text
from cloudkit.tokens import Tokenizer

ROCK_SALT = f"{generator_text(225)} | Na 4a Cl 4b"
TEXTS = (
    *(
        ROCK_SALT,
        "",
        "na Na NA",
        "é",
        "e\u0301",
        "x" * 100,
        "x" * 101,
        "4aa",
        "中Na",
        "Na\x00Cl\tK",
        "a\u200bb",
    ),
    *("0.125 1.0 10.5", "[MASK] [CLS] a[SEP]b", "Å-+,:", "NaCl", "192l 0.01"),
)


def test_the_written_tokenizer_reads_text_as_this_one_does(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    ours, path = Tokenizer("cloud"), tmp_path / "tokenizer.json"
    ours.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    assert json.loads(theirs.to_str()) == json.loads(
        path.read_text()
    )  # as that library itself would write it
    assert [theirs.encode(text).ids for text in TEXTS] == [ours.encode(text).tolist() for text in TEXTS]
    assert {theirs.encode(text).type_ids[0] for text in TEXTS} == {0}
    assert [theirs.id_to_token(i) for i in range(ours.size)] == list(ours.vocabulary)
    assert (theirs.padding, theirs.truncation) == (None, None)
    assert theirs.decode(ours.encode("Na 4a Cl").tolist()) == "Na 4a Cl"
    special = {i for i in range(ours.size) if theirs.decode([i]) == ""}
    assert special == {0, 1, 2, 3, 4}


def test_the_written_tokenizer_looks_for_specials_and_decimals_before_it_splits(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    Tokenizer("cloud").save(path)
    added = json.loads(path.read_text())["added_tokens"]
    assert [token["id"] for token in added] == [*range(5), *range(463, 564)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    assert added[4] == {"id": 4, "content": "[MASK]", "special": True, **flags}
    assert added[5] == {"id": 463, "content": "0.0", "special": False, **flags}
    assert sorted(json.loads(path.read_text())["model"]["vocab"].values()) == list(range(463))


def test_a_compact_tokenizer_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(
        CloudkitError, match=r"^only the cloud vocabulary can be saved for Hugging Face: compact"
    ):
        Tokenizer("compact").save(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("name", ["cloud", "compact"])
def test_packed_ids_become_texts_again(name: str) -> None:
    tokenizer = Tokenizer(name)
    ids, offsets = tokenizer.encode_batch([ROCK_SALT, ROCK_SALT], threads=2)
    assert tokenizer.decode_batch(ids.tolist(), offsets.tolist()) == [ROCK_SALT, ROCK_SALT]
    text, ends = tokenizer.decode_packed(ids.astype(np.int64), offsets.tolist(), threads=2)
    assert (text.dtype, ends.dtype) == (np.uint8, np.int64)
    assert text.tobytes().decode() == ROCK_SALT * 2
    assert ends.tolist() == [0, len(ROCK_SALT), 2 * len(ROCK_SALT)]


@pytest.mark.parametrize("ids", [[70_000], [65_536], [-1], [0.5]])
def test_ids_that_are_no_16_bit_numbers_are_refused(ids: list[float]) -> None:
    with pytest.raises(
        ValueError, match=r"^ids: expected integers from 0 to 65535, found (int|float)64 up to "
    ):
        Tokenizer("cloud").decode(ids)  # type: ignore[arg-type]


def test_the_largest_16_bit_id_is_outside_the_vocabulary_and_not_outside_the_range() -> None:
    with pytest.raises(ValueError, match=r"id 65535 at place 0 is not in the vocabulary"):
        Tokenizer("cloud").decode([65_535])


def test_a_string_with_charges_is_refused_with_its_first_site() -> None:
    text = f"{generator_text(225)} | 4a 4b | Na+ Cl-"
    message = (
        "the compact vocabulary has no tokens for oxidation states and for occupancies of more than two decimals, "
        "as in 'Na+'; canonical strings have neither"
    )
    with pytest.raises(ScopeError, match=f"^{re.escape(message)}$"):
        Tokenizer("compact").encode(text)


def test_kinds_are_of_the_compact_vocabulary_and_the_name_is_kept() -> None:
    assert Tokenizer().name == "compact"
    with pytest.raises(CloudkitError, match=r"^only the compact vocabulary has kinds of tokens$"):
        Tokenizer("cloud").kinds  # noqa: B018
    with pytest.raises(CloudkitError, match=r"^unknown vocabulary 'bert'; known: cloud, compact$"):
        Tokenizer("bert")
