"""What csrc/ does, in readable Python: the oracle of the compiled core, and its replacement without a compiler."""

from cloudkit._native.twin.check import check
from cloudkit._native.twin.ids import (
    check_batch,
    decode_batch,
    decode_packed,
    decode_text,
    encode_batch,
    encode_cloud,
    encode_compact,
    encode_text,
    token_ids,
)
from cloudkit._native.twin.trees import canonical, parse

__all__ = [
    "canonical",
    "check",
    "check_batch",
    "decode_batch",
    "decode_packed",
    "decode_text",
    "encode_batch",
    "encode_cloud",
    "encode_compact",
    "encode_text",
    "parse",
    "token_ids",
]
