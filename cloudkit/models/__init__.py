"""Models over packed token ids: one encoder shared by all heads, and the heads that a spec declares.

Tokens -> Inputs -> Encoder (states, pooled) -> head -> logits or values per atom

The names here need torch and are imported on first use; `cloudkit.models.runtime` needs NumPy only.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cloudkit.errors import require

if TYPE_CHECKING:
    from cloudkit.models.classification import Classification
    from cloudkit.models.folder import (
        load_model,
        load_weights,
        read_weights,
        save_model,
        save_weights,
        to_half,
        vocabulary_text,
    )
    from cloudkit.models.heads import Geometry, IntervalHead, MaskedTokens, Regression, ValueHead
    from cloudkit.models.inputs import Inputs, make_inputs
    from cloudkit.models.model import (
        CloudModel,
        HeadModel,
        MultiSourceModel,
        MultiTaskModel,
        build_member,
        layer_groups,
    )
    from cloudkit.models.predict import (
        make_width_inputs,
        pool,
        predict_interval,
        predict_members,
        predict_modes,
        predict_probabilities,
        predict_values,
    )
    from cloudkit.models.published import read_published, write_published
    from cloudkit.models.runtime.runtime import shipped
    from cloudkit.models.thermal import Thermal

__all__ = [
    "Classification",
    "CloudModel",
    "Geometry",
    "HeadModel",
    "Inputs",
    "IntervalHead",
    "MaskedTokens",
    "MultiSourceModel",
    "MultiTaskModel",
    "Regression",
    "Thermal",
    "ValueHead",
    "build_member",
    "layer_groups",
    "load_model",
    "load_weights",
    "make_inputs",
    "make_width_inputs",
    "pool",
    "predict_interval",
    "predict_members",
    "predict_modes",
    "predict_probabilities",
    "predict_values",
    "read_published",
    "read_weights",
    "save_model",
    "save_weights",
    "shipped",
    "to_half",
    "vocabulary_text",
    "write_published",
]

_NAMES = {
    "classification": ("Classification",),
    "folder": ("to_half", "load_model", "load_weights", "read_weights", "save_model", "save_weights", "vocabulary_text"),
    "heads": ("IntervalHead", "Geometry", "MaskedTokens", "Regression", "ValueHead"),
    "inputs": ("Inputs", "make_inputs"),
    "model": ("CloudModel", "HeadModel", "MultiTaskModel", "MultiSourceModel", "build_member", "layer_groups"),
    "predict": ("make_width_inputs", "pool", "predict_interval", "predict_members", "predict_modes", "predict_probabilities", "predict_values"),
    "published": ("read_published", "write_published"),
    "runtime.runtime": ("shipped",),
    "thermal": ("Thermal",),
}  # fmt: skip
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cloudkit.models' has no attribute '{name}'")
    if not _HOME[name].startswith("runtime"):
        require("torch", "train")
    return getattr(import_module(f"cloudkit.models.{_HOME[name]}"), name)
