"""The only door to the C core: check, tokenize, decode and canonicalize SCOPE.

`core` is the compiled module, `twin` the same functions in readable Python, used where no compiler was at hand.
"""

try:
    from cloudkit._native.core import (
        canonical,
        check,
        check_batch,
        decode_batch,
        decode_packed,
        decode_text,
        encode_batch,
        encode_text,
        parse,
    )

    COMPILED = True
except ModuleNotFoundError as error:
    if error.name != "cloudkit._native.core":
        raise
    from cloudkit._native.twin import (
        canonical,
        check,
        check_batch,
        decode_batch,
        decode_packed,
        decode_text,
        encode_batch,
        encode_text,
        parse,
    )

    COMPILED = False

__all__ = [
    "COMPILED",
    "canonical",
    "check",
    "check_batch",
    "decode_batch",
    "decode_packed",
    "decode_text",
    "encode_batch",
    "encode_text",
    "parse",
]
