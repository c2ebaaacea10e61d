"""The geometry that a pretrained model reads out of strings: what trees of an ensemble see besides composition and symmetry."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ModelError
from cloudkit.models.runtime.layers import Weights
from cloudkit.models.runtime.runtime import Runtime, reason_for_torch
from cloudkit.predict.features import feature_names, features
from cloudkit.tokens import Tokenizer

Array = NDArray[np.float64]
_SPEC, _WEIGHT = "geometry.spec", "geometry.weight."


@dataclass(frozen=True)
class GeometryModel:
    """A model with a geometry head, as its resolved spec and its weights; computed by NumPy, so that trees read the same numbers
    wherever they are.
    """

    spec: Mapping[str, Any]
    weights: Weights

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(self.spec, Tokenizer(self.spec["tokens"]["vocabulary"]), self.weights)

    @property
    def columns(self) -> int:
        """Number of columns of `read`."""
        return self._runtime.geometry_heads[self._head].columns

    @property
    def _head(self) -> str:
        return next(iter(self._runtime.geometry_heads))

    def read(self, texts: Sequence[str]) -> Array:
        """Predict the geometry of strings in the model's dialect: (n, columns), see GeometryHead.summary."""
        return self._runtime.geometry(self._head, *self._runtime.tokenizer.encode_batch(texts))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The model as named arrays, for an .npz file."""
        spec = np.frombuffer(json.dumps(self.spec).encode(), dtype=np.uint8)
        return {_SPEC: spec, **{f"{_WEIGHT}{name}": array for name, array in self.weights.items()}}


def geometry_of(spec: Mapping[str, Any], weights: Weights) -> GeometryModel | None:
    """Cut the encoder and the geometry head out of a model whose last task pretrained one.

    spec: resolved, as plain data. Returns None for other models, and for those that only torch can run.
    """
    task = spec["tasks"][-1] if spec["tasks"] else {"kind": None, "head": []}
    names = [task["head"]] if isinstance(task["head"], str) else task["head"]
    shapes = [name for name in names if spec["heads"][name]["kind"] == "geometry"]
    if task["kind"] != "pretrain" or not shapes or reason_for_torch(spec):
        return None
    heads = {shapes[0]: spec["heads"][shapes[0]]}
    kept = {
        "cloudkit": spec["cloudkit"],
        "tokens": spec["tokens"],
        "encoder": spec["encoder"],
        "heads": heads,
        "tasks": [],
    }
    parts = ("encoder.", f"heads.{shapes[0]}.")
    return GeometryModel(kept, {name: array for name, array in weights.items() if name.startswith(parts)})


def read_geometry(arrays: Mapping[str, NDArray[Any]]) -> GeometryModel | None:
    """Read what `GeometryModel.arrays` made, if it is there. Raises ModelError for arrays that are not a model."""
    if _SPEC not in arrays:
        return None
    weights = {
        name.removeprefix(_WEIGHT): array for name, array in arrays.items() if name.startswith(_WEIGHT)
    }
    try:
        model = GeometryModel(json.loads(arrays[_SPEC].tobytes()), weights)
        if not all(np.isfinite(array).all() for array in weights.values()) or not model.columns:
            raise ValueError("its numbers are not finite")
    except (KeyError, ValueError, TypeError, IndexError, StopIteration) as error:
        raise ModelError(f"geometry model: {error}") from None
    return model


def count_tree_inputs(geometry: GeometryModel | None) -> int:
    """Number of columns of `tree_inputs`."""
    return len(feature_names()) + (geometry.columns if geometry else 0)


def tree_inputs(texts: Sequence[str], geometry: GeometryModel | None) -> Array:
    """Features of strings and, with a model for it, their predicted geometry: (n, columns)."""
    found = features(texts)
    return found if geometry is None else np.column_stack([found, geometry.read(texts)])
