"""Rival: the `tokenizers` library's Bert WordPiece over the published vocabulary, its fast batch call."""

from collections.abc import Callable
from importlib import resources
from typing import Any

Encode = Callable[[list[str]], list[list[int]]]
Decode = Callable[[list[list[int]]], list[str]]


def vocabulary() -> list[str]:
    return resources.files("cloudkit.vocab").joinpath("cloud.txt").read_text("ascii").splitlines()


def load() -> Encode:
    """Texts -> ids, on `encode_batch_fast` (which keeps no offsets into the text)."""
    tokenizer = build()
    return lambda texts: [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]


def load_one() -> Callable[[str], list[int]]:
    """Text -> ids."""
    tokenizer = build()
    return lambda text: tokenizer.encode(text).ids


def load_decoder() -> Decode:
    """Ids -> texts, on `decode_batch`."""
    from tokenizers import decoders

    tokenizer = build()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    return tokenizer.decode_batch


def build() -> Any:
    """The tokenizer of the published vocabulary."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

    lines = vocabulary()
    base = {token: index for index, token in enumerate(lines[:463])}
    tokenizer = Tokenizer(models.WordPiece(base, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )
    tokenizer.add_special_tokens(lines[:5])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in lines[463:]])
    return tokenizer
