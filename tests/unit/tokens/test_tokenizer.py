"""The two vocabularies: sizes, layouts, what they refuse."""

from pathlib import Path

import numpy as np
import pytest

from cloudkit.errors import CloudkitError, ScopeError
from cloudkit.tables import ELEMENTS, generator_text
from cloudkit.tokens import Tokenizer

ROCK_SALT = f"{generator_text(225)} | Na 4a Cl 4b"


def test_the_published_vocabulary_has_564_tokens_and_ends_with_the_decimals() -> None:
    vocabulary = Tokenizer("cloud").vocabulary
    assert len(vocabulary) == Tokenizer("cloud").size == 564 == len(set(vocabulary))
    assert vocabulary[:5] == ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")
    assert vocabulary[463:466] == ("0.0", "0.01", "0.02")
    assert vocabulary[473] == "0.1"
    assert vocabulary[-1] == "1.0"


def test_the_compact_vocabulary_is_laid_out_by_kind() -> None:
    tokenizer = Tokenizer("compact")
    assert tokenizer.size == 641 == len(set(tokenizer.vocabulary))
    assert tokenizer.vocabulary[:7] == ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", "|", "sg:1")
    assert np.bincount(tokenizer.kinds).tolist() == [5, 1, 230, 186, 118, 101]
    assert tokenizer.vocabulary[422:540] == tuple(element.symbol for element in ELEMENTS)


def test_named_ids_are_those_of_the_specials() -> None:
    for name in ("cloud", "compact"):
        t = Tokenizer(name)
        named = [t.vocabulary[i] for i in (t.cls_id, t.pad_id, t.sep_id, t.unk_id, t.mask_id)]
        assert named == ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]


def test_rock_salt_is_seven_compact_tokens() -> None:
    tokenizer = Tokenizer("compact")
    ids = tokenizer.encode(ROCK_SALT)
    assert ids.dtype == np.uint16
    assert [tokenizer.vocabulary[i] for i in ids] == ["[CLS]", "sg:225", "Na", "4a", "Cl", "4b", "[SEP]"]


def test_a_compact_string_is_decoded_with_and_without_its_ends() -> None:
    tokenizer = Tokenizer("compact")
    ids = tokenizer.encode(ROCK_SALT)
    assert tokenizer.decode(ids) == tokenizer.decode(ids[1:-1]) == tokenizer.decode(list(ids)) == ROCK_SALT


@pytest.mark.parametrize(
    "ids", [[], [0, 2], [0, 6, 2], [0, 422, 236, 2], [0, 6, 5, 422, 2], [0, 6, 641, 2], [0, 6, 7, 422]]
)
def test_ids_that_are_no_string_are_refused(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="space group"):
        Tokenizer("compact").decode(ids)


def test_compact_refuses_invalid_text_with_diagnostics() -> None:
    with pytest.raises(ScopeError) as caught:
        Tokenizer("compact").encode(ROCK_SALT.replace("Na", "Xx"))
    assert [d.code for d in caught.value.diagnostics] == ["E202"]


def test_a_refused_batch_names_the_row() -> None:
    with pytest.raises(ScopeError) as caught:
        Tokenizer("compact").encode_batch([ROCK_SALT, "1 2 3", ROCK_SALT])
    assert "row 1" in " ".join([str(caught.value), *caught.value.__notes__])


def test_an_empty_batch_has_one_offset() -> None:
    for name in ("cloud", "compact"):
        ids, offsets = Tokenizer(name).encode_batch([])
        assert ids.shape == (0,)
        assert offsets.tolist() == [0]


def test_batches_accept_any_iterable_of_text_only() -> None:
    _ids, offsets = Tokenizer("compact").encode_batch(iter([ROCK_SALT]))
    assert offsets.tolist() == [0, 7]
    with pytest.raises(TypeError, match="row 1"):
        Tokenizer("cloud").encode_batch([ROCK_SALT, 5])  # type: ignore[list-item]


def test_a_warning_does_not_keep_a_string_from_its_ids() -> None:
    text = f"{generator_text(225)} | 4a 4b | Na 1.0 Cl 0.0"
    assert Tokenizer("compact").decode(Tokenizer("compact").encode(text)) == text


def test_unknown_vocabularies_and_wrong_saves_are_explained(tmp_path: Path) -> None:
    with pytest.raises(CloudkitError, match="known: cloud, compact"):
        Tokenizer("bert")
    with pytest.raises(CloudkitError, match="cloud"):
        Tokenizer("compact").save(tmp_path / "tokenizer.json")
    assert not (tmp_path / "tokenizer.json").exists()
