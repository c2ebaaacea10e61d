"""Rival: transformers' BertTokenizer over the published vocabulary, called with the whole batch."""

from typing import Any

from .hf_tokenizers import Decode, Encode, vocabulary


def build() -> Any:
    """The tokenizer of the published vocabulary."""
    from tokenizers import AddedToken
    from transformers import BertTokenizer

    lines = vocabulary()
    base = {token: index for index, token in enumerate(lines[:463])}
    tokenizer = BertTokenizer(vocab=base, do_lower_case=False)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in lines[463:]])
    return tokenizer


def load() -> Encode:
    """Texts -> ids, without attention masks, padding or cutting."""
    tokenizer = build()
    return lambda texts: tokenizer(texts, return_attention_mask=False, return_token_type_ids=False)[
        "input_ids"
    ]


def load_decoder() -> Decode:
    """Ids -> texts."""
    tokenizer = build()
    return lambda ids: tokenizer.batch_decode(
        ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
