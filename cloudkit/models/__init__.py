"""Models over packed token ids: an encoder that all heads share, and the heads that a spec names.

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
    from cloudkit.models.heads import BandedHead, Geometry, MaskedTokens, Regression, ValueHead
    from cloudkit.models.inputs import Inputs, make_inputs
    from cloudkit.models.model import (
        CloudModel,
        HeadModel,
        MixedModel,
        SourcedHead,
        build_model,
        ensembles,
        layer_groups,
        member,
    )
    from cloudkit.models.predict import (
        make_states,
        pool,
        predict_geometry,
        predict_interval,
        predict_members,
        predict_modes,
        predict_probabilities,
        predict_values,
    )
    from cloudkit.models.published import read_published, write_published
    from cloudkit.models.runtime.runtime import shipped
    from cloudkit.models.thermal import Modes, Thermal

__all__ = [
    "BandedHead",
    "Classification",
    "CloudModel",
    "Geometry",
    "HeadModel",
    "Inputs",
    "MaskedTokens",
    "MixedModel",
    "Modes",
    "Regression",
    "SourcedHead",
    "Thermal",
    "ValueHead",
    "build_model",
    "ensembles",
    "layer_groups",
    "load_model",
    "load_weights",
    "make_inputs",
    "make_states",
    "member",
    "pool",
    "predict_geometry",
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
    "heads": ("BandedHead", "Geometry", "MaskedTokens", "Regression", "ValueHead"),
    "inputs": ("Inputs", "make_inputs"),
    "model": ("CloudModel", "HeadModel", "MixedModel", "SourcedHead", "build_model", "ensembles", "member", "layer_groups"),
    "predict": ("make_states", "pool", "predict_geometry", "predict_interval", "predict_members", "predict_modes", "predict_probabilities", "predict_values"),
    "published": ("read_published", "write_published"),
    "runtime.runtime": ("shipped",),
    "thermal": ("Modes", "Thermal"),
}  # fmt: skip
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cloudkit.models' has no attribute '{name}'")
    if not _HOME[name].startswith("runtime"):
        require("torch", "train")
    return getattr(import_module(f"cloudkit.models.{_HOME[name]}"), name)
