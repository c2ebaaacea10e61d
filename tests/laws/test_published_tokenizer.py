"""Law 3: the cloud vocabulary gives the ids of the published tokenizer, before padding and cutting, on every string."""

import csv
import itertools
import random
from importlib import resources
from pathlib import Path

import pytest

from cloudkit.tokens import Tokenizer

LINES = resources.files("cloudkit.vocab").joinpath("cloud.txt").read_text("ascii").splitlines()
SPECIALS = {f"{name.lower()}_token": f"[{name}]" for name in ("UNK", "SEP", "PAD", "CLS", "MASK")}
ODD = [
    *("\0", "\t", "\n", "\r", "\x0b", "\x1c", "\x7f", "\x85", "\xa0", "\xad", "\u200b", "\u2028", "\u3000", "\ufeff", "\ufffd"),
    *("+", "-", ",", ":", "(", "]", "_", "$", "~", "·", "–", "「", "€", "é", "Å", "μ", "中", "豈", "𠀀", "😀", "\ue000"),
    *("\u1fef", "\u037e", "\u212a", "<\u0338", "e\u0301", "\U0002b820", "\U0002b91f", "\ufa0e"),
    *("0.125", "10.5", "1.00", "0.0.5", "00.5", "1.05", "0.", ".5", "[CLS]", "[SEP]", "[MASK", "[mask]", "##a", "a##b"),
    *("At", "Fr", "Rf", "Cn", "Og", "na", "NaCl", "4aa", "1000a", "x" * 100, "x" * 101, "y" * 99 + "0.5", "Q", "J"),
]  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The slow BertTokenizer over the 463 base tokens, with the 101 decimals added as the publication adds them."""
    legacy = pytest.importorskip(
        "transformers.models.bert.tokenization_bert_legacy", reason="no slow BertTokenizer"
    )
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in LINES[:463]))
    tokenizer = legacy.BertTokenizerLegacy(str(folder / "vocab.txt"), do_lower_case=False, **SPECIALS)
    assert tokenizer.add_tokens(LINES[463:]) == 101
    return tokenizer


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> object:
    """What `Tokenizer("cloud").save` wrote, loaded by transformers."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    path = tmp_path_factory.mktemp("saved") / "tokenizer.json"
    Tokenizer("cloud").save(path)
    return transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), **SPECIALS)


@pytest.fixture(scope="module")
def sample(shared: Path) -> list[str]:
    with (shared / "data/pretrain_10k.csv").open(newline="") as file:
        return [row["cloud"] for row in csv.DictReader(file)]


def odd_texts(count: int, seed: int) -> list[str]:
    """Texts of valid and odd words, glued at random with blanks, nothing, or odd characters."""
    draw = random.Random(seed)
    words = ["1", "D", "O", "a", "|", "4a", "192l", "Na", "Cl", "0.5", "1.0", "0.01", *ODD]
    return [
        "".join(
            draw.choice(words) + draw.choice(["", " ", " ", draw.choice(ODD)])
            for _ in range(draw.randint(0, 12))
        )
        for _ in range(count)
    ]


def damaged(texts: list[str], seed: int) -> list[str]:
    """Each text with one to four odd insertions."""
    draw = random.Random(seed)
    out = []
    for text in texts:
        for _ in range(draw.randint(1, 4)):
            at = draw.randint(0, len(text))
            text = (
                text[:at]
                + draw.choice([*ODD, chr(draw.randrange(0x20, 0x3000))])
                + text[at + draw.randint(0, 2) :]
            )
        out.append(text)
    return out


def ids_of(texts: list[str]) -> list[list[int]]:
    ids, offsets = Tokenizer("cloud").encode_batch(texts)
    return [ids[start:end].tolist() for start, end in itertools.pairwise(offsets)]


def assert_equal_ids(texts: list[str], expected: list[list[int]]) -> None:
    wrong = [
        (t, ours, theirs)
        for t, ours, theirs in zip(texts, ids_of(texts), expected, strict=True)
        if ours != theirs
    ]
    assert wrong == [], f"{len(wrong)} of {len(texts)} texts differ"


def test_the_sample_strings_have_the_published_ids(published: object, sample: list[str]) -> None:
    assert_equal_ids(sample, [published.encode(text) for text in sample])  # type: ignore[attr-defined]


def test_the_saved_tokenizer_gives_the_same_ids_on_the_sample(saved: object, sample: list[str]) -> None:
    assert_equal_ids(sample, saved(sample)["input_ids"])  # type: ignore[operator]


def test_damaged_sample_strings_have_the_published_ids(published: object, sample: list[str]) -> None:
    texts = damaged(sample[:400], seed=1)
    assert_equal_ids(texts, [published.encode(text) for text in texts])  # type: ignore[attr-defined]


def test_odd_text_has_the_published_ids(published: object) -> None:
    texts = [*ODD, *odd_texts(600, seed=2), "", " ", "\ud800", "a\ud800b"]
    assert_equal_ids(texts, [published.encode(text) for text in texts])  # type: ignore[attr-defined]


def test_every_token_of_the_vocabulary_has_its_line_as_id() -> None:
    for index, token in enumerate(LINES):
        if not token.startswith("##"):
            assert Tokenizer("cloud").encode(token).tolist() == [0, index, 2]


def test_the_saved_tokenizer_gives_the_same_ids_on_odd_text(saved: object) -> None:
    # the fast tokenizer sets CJK apart from U+2B920 in this block, the published one from U+2B820
    newer = {"\U0002b820", "\U0002b91f"}
    texts = [text for text in (*ODD, *odd_texts(600, seed=3)) if newer.isdisjoint(text)]
    assert_equal_ids(texts, saved(texts)["input_ids"])  # type: ignore[operator]


def test_a_hundred_thousand_mutants_have_the_ids_of_the_saved_tokenizer(saved: object) -> None:
    mutants = pytest.importorskip("mutants", reason="lark or jsonschema is not installed")
    draw, texts = random.Random(4), mutants.sources()
    damaged = (mutants.mutate(draw, draw.choice(texts), texts) for _ in itertools.count())
    readable = (
        text for text in damaged if "\ud800" not in text
    )  # the fast tokenizer does not take a lone surrogate as text
    batch = list(itertools.islice(readable, 100_000))
    expected = saved.backend_tokenizer.encode_batch_fast(batch)  # type: ignore[attr-defined]
    assert_equal_ids(batch, [encoding.ids for encoding in expected])
    ids, _ = Tokenizer("cloud").encode_batch(batch)
    assert Tokenizer.unk_id in ids
    assert any(LINES[index].startswith("##") for index in set(ids.tolist()))
