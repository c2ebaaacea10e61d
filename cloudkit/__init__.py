"""cloudkit: symmetry strings of crystals (SCOPE), a compiled encoder, and models over them.

Importing this loads numpy and the compiled core, nothing else; the rest comes on first use.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

from cloudkit import _native as _native
from cloudkit.errors import DISTRIBUTION, CloudkitError

if TYPE_CHECKING:
    from cloudkit.property import load
    from cloudkit.scope import Diagnostic, Scope, encode, encode_batch, parse, validate
    from cloudkit.structure import Columns
    from cloudkit.tokens import Tokenizer

__all__ = [
    "CloudkitError", "Columns", "Diagnostic", "Scope", "Tokenizer",
    "encode", "encode_batch", "load", "parse", "validate",
]  # fmt: skip

_HOME = dict.fromkeys(
    ("Diagnostic", "Scope", "encode", "encode_batch", "parse", "validate"), "cloudkit.scope"
)
_HOME |= {"Columns": "cloudkit.structure", "Tokenizer": "cloudkit.tokens", "load": "cloudkit.property"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version(DISTRIBUTION)
    if name not in _HOME:
        raise AttributeError(f"module 'cloudkit' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
