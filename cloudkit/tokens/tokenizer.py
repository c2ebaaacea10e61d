"""Text to ids: the published vocabulary ("cloud", 564 tokens) and one token per symbol ("compact", 641 tokens)."""

import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit import _native
from cloudkit.errors import CloudkitError, ScopeError
from cloudkit.scope import validate
from cloudkit.scope.tree import check

KINDS: Final = ("special", "bar", "space_group", "wyckoff", "element", "fraction")  # of compact tokens


def refusal(text: str) -> ScopeError:
    """Why `compact` has no ids for a text: it is invalid, or says what no token says."""
    try:
        check(text)
    except ScopeError as error:
        return error
    found = next(d for d in validate(text) if d.code == "W403")
    site = text.encode()[found.offset : found.offset + found.length].decode()
    return ScopeError(
        "the compact vocabulary has no tokens for oxidation states and for occupancies of more than two decimals, "
        f"as in '{site}'; canonical strings have neither"
    )


class Tokenizer:
    """Encode text as ids with [CLS] … [SEP], never padded or cut.

    `cloud` takes any text, as the published tokenizer does; `compact` refuses text that is not valid SCOPE.
    """

    cls_id: Final = 0
    pad_id: Final = 1
    sep_id: Final = 2
    unk_id: Final = 3
    mask_id: Final = 4

    def __init__(self, name: str = "compact") -> None:
        if name not in ("cloud", "compact"):
            raise CloudkitError(f"unknown vocabulary '{name}'; known: cloud, compact")
        self.name = name
        text = resources.files("cloudkit.vocab").joinpath(f"{name}.txt").read_text("ascii")
        self.vocabulary: tuple[str, ...] = tuple(text.splitlines())

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.vocabulary)

    def encode(self, text: str) -> NDArray[np.uint16]:
        """Ids (n,) of one text. Raises ScopeError where `compact` refuses it."""
        ids = _native.encode_text(text, self.name)
        if ids is None:
            raise refusal(text)
        return ids

    def encode_batch(self, texts: Iterable[str]) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Packed ids (tokens,) and offsets (n + 1,): row i is ``ids[offsets[i]:offsets[i + 1]]``.

        Raises ScopeError that names the row where `compact` refuses a text.
        """
        texts = list(texts)
        ids, offsets, refused = _native.encode_batch(texts, self.name)
        if refused:
            error = refusal(texts[refused[0]])
            error.add_note(f"in row {refused[0]} ({len(refused)} of {len(texts)} rows are refused)")
            raise error
        return ids, offsets

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of ids, specials left out. ``decode(encode(text)) == text`` for every valid SCOPE text."""
        if self.name == "compact":
            return _native.format_ids(np.asarray(ids, np.uint16))
        words: list[str] = []
        for token in (self.vocabulary[int(i)] for i in ids):
            if token.startswith("##") and words:
                words[-1] += token[2:]
            elif token not in ("[CLS]", "[SEP]", "[PAD]"):
                words.append(token)
        return " ".join(words)

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """For `compact`: the index into KINDS of each id, (size,)."""
        if self.name != "compact":
            raise CloudkitError("only the compact vocabulary has one kind per token")
        first = [0, 5, 6, 236, 422, 540]
        return (np.searchsorted(first, np.arange(self.size), side="right") - 1).astype(np.uint8)

    def save(self, path: str | Path) -> None:
        """Write `cloud` as a tokenizer.json that Hugging Face's `PreTrainedTokenizerFast` loads."""
        if self.name != "cloud":
            raise CloudkitError(
                "only the cloud vocabulary can be written for Hugging Face: compact ids need SCOPE's grammar"
            )
        specials = [
            {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": i < 5}
            for i, t in enumerate(self.vocabulary)
            if i < 5 or i >= 463
        ]  # fmt: skip
        piece = {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        }
        template = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]  # fmt: skip
        clean = {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": False,
            "lowercase": False,
        }
        content = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": specials,
            "normalizer": {"type": "Sequence", "normalizers": [clean, {"type": "NFC"}]},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing", "single": template, "pair": template, "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("[CLS]", 0), ("[SEP]", 2))}},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False},
            "model": piece | {"vocab": {t: i for i, t in enumerate(self.vocabulary) if i < 463}},
        }  # fmt: skip
        Path(path).write_text(json.dumps(content, indent=1))
