"""Models over packed token ids: an encoder that all heads share, and the heads that a spec names.

Tokens -> Inputs -> Encoder (states, pooled) -> head -> logits or values per atom
"""

from cloudkit.errors import require

require("torch", "train")

from cloudkit.models.folder import (  # noqa: E402 - the hint comes first
    halve,
    load_model,
    load_weights,
    read_weights,
    save_model,
    save_weights,
    shipped,
    vocabulary_text,
)
from cloudkit.models.geometry import Geometry  # noqa: E402
from cloudkit.models.heads import MaskedTokens, Regression, ValueHead  # noqa: E402
from cloudkit.models.inputs import Inputs, make_inputs  # noqa: E402
from cloudkit.models.model import (  # noqa: E402
    CloudModel,
    HeadModel,
    MixedModel,
    build_model,
    ensembles,
    member,
    parts_from_below,
)
from cloudkit.models.modes import Modes  # noqa: E402
from cloudkit.models.predict import (  # noqa: E402
    pool,
    predict_geometry,
    predict_interval,
    predict_modes,
    predict_values,
)
from cloudkit.models.published import read_published, write_published  # noqa: E402
from cloudkit.models.thermal import Thermal  # noqa: E402

__all__ = [
    "CloudModel",
    "Geometry",
    "HeadModel",
    "Inputs",
    "MaskedTokens",
    "MixedModel",
    "Modes",
    "Regression",
    "Thermal",
    "ValueHead",
    "build_model",
    "ensembles",
    "halve",
    "load_model",
    "load_weights",
    "make_inputs",
    "member",
    "parts_from_below",
    "pool",
    "predict_geometry",
    "predict_interval",
    "predict_modes",
    "predict_values",
    "read_published",
    "read_weights",
    "save_model",
    "save_weights",
    "shipped",
    "vocabulary_text",
    "write_published",
]
