"""Structures to SCOPE strings: where matter becomes text."""

from cloudkit.encoding.encoder import (
    Batch,
    Encoded,
    encode,
    encode_batch,
    encode_files,
    encode_groups,
    encode_records,
)
from cloudkit.encoding.options import EncodeOptions

__all__ = [
    "Batch",
    "EncodeOptions",
    "Encoded",
    "encode",
    "encode_batch",
    "encode_files",
    "encode_groups",
    "encode_records",
]
