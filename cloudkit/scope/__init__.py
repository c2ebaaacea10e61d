"""SCOPE text: crystals to strings, strings to trees, and what is wrong with a string."""

from cloudkit.scope.diagnostics import Diagnostic, render, validate
from cloudkit.scope.encoder import Batch, Encoded, encode, encode_batch, encode_records
from cloudkit.scope.tree import Orbit, Scope, parse, project, to_tree

__all__ = [
    "Batch", "Diagnostic", "Encoded", "Orbit", "Scope",
    "encode", "encode_batch", "encode_records", "parse", "project", "render", "to_tree", "validate",
]  # fmt: skip
