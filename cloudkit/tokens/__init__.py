"""SCOPE text to token ids and back."""

from cloudkit.tokens.tokenizer import Tokenizer

__all__ = ["Tokenizer"]
