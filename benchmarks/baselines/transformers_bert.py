"""Rival: transformers' BertTokenizer over the published vocabulary, called with the whole batch."""

from .hf_tokenizers import Encode, vocabulary


def load() -> Encode:
    """Texts -> ids, without attention masks, padding or cutting."""
    from tokenizers import AddedToken
    from transformers import BertTokenizer

    lines = vocabulary()
    tokenizer = BertTokenizer(
        vocab={token: index for index, token in enumerate(lines[:463])}, do_lower_case=False
    )
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in lines[463:]])

    def encode(texts: list[str]) -> list[list[int]]:
        return tokenizer(texts, return_attention_mask=False, return_token_type_ids=False)["input_ids"]

    return encode
