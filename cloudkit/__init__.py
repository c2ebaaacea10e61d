"""cloudkit: symmetry strings of crystals (SCOPE), a compiled encoder, and models over them.

Importing this loads numpy and the compiled core, nothing else; the rest comes on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cloudkit import _native as _native
from cloudkit.errors import DISTRIBUTION, CloudkitError

if TYPE_CHECKING:
    from cloudkit._native.library import get_include, get_library
    from cloudkit.encoding import encode, encode_batch
    from cloudkit.predict import load
    from cloudkit.scope import (
        Diagnostic,
        Findings,
        Scope,
        parse,
        parse_batch,
        validate,
        validate_batch,
    )
    from cloudkit.tokens import Tokenizer
    from cloudkit.train.estimators import CloudClassifier, CloudFeaturizer, CloudRegressor

__all__ = [
    "CloudClassifier", "CloudFeaturizer", "CloudRegressor", "CloudkitError", "Columns", "Diagnostic", "Findings", "Scope", "Tokenizer",
    "encode", "encode_batch", "get_include", "get_library", "load",
    "parse", "parse_batch", "validate", "validate_batch",
]  # fmt: skip

_HOME = dict.fromkeys(
    (
        *("Diagnostic", "Findings", "Scope"),
        *("parse", "parse_batch", "validate", "validate_batch"),
    ),
    "cloudkit.scope",
)
_HOME |= dict.fromkeys(("encode", "encode_batch"), "cloudkit.encoding")
_HOME |= {"Columns": "cloudkit.io", "Tokenizer": "cloudkit.tokens", "load": "cloudkit.predict"}
_HOME |= dict.fromkeys(("CloudClassifier", "CloudFeaturizer", "CloudRegressor"), "cloudkit.train.estimators")
_HOME |= dict.fromkeys(("get_include", "get_library"), "cloudkit._native.library")
_HOME["scope_api"] = "cloudkit._native.core"  # the capsule of scope.h; absent where the core is not compiled


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # a quarter of the time of importing cloudkit without it

        return metadata.version(DISTRIBUTION)
    if name not in _HOME:
        raise AttributeError(f"module 'cloudkit' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
