"""What csrc/ does, in readable Python: the oracle of the compiled core, and its stand-in where no compiler was at hand."""

from cloudkit._native.twin.canonical import canonical
from cloudkit._native.twin.check import check
from cloudkit._native.twin.ids import encode_batch, encode_cloud, encode_compact, encode_text, format_ids

__all__ = [
    "canonical",
    "check",
    "encode_batch",
    "encode_cloud",
    "encode_compact",
    "encode_text",
    "format_ids",
]
