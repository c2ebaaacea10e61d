"""The only door to the C core: check, tokenize, decode and canonicalize SCOPE; find the symmetry of crystals.

`core` is the compiled module, `twin` the same functions in readable Python, used where no compiler was at hand; the
functions on crystals have no twin and are missing then (COMPILED is False).
"""

try:
    from cloudkit._native.core import (
        SYMMETRY_VERSION,
        SpeciesTable,
        canonical,
        check,
        check_batch,
        decode_batch,
        decode_packed,
        decode_text,
        encode_batch,
        encode_columns,
        encode_crystals,
        encode_text,
        find_symmetry,
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
    "SYMMETRY_VERSION",
    "SpeciesTable",
    "canonical",
    "check",
    "check_batch",
    "decode_batch",
    "decode_packed",
    "decode_text",
    "encode_batch",
    "encode_columns",
    "encode_crystals",
    "encode_text",
    "find_symmetry",
    "parse",
]
