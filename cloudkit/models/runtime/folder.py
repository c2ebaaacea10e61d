"""A model folder as plain data: spec.yaml, model.safetensors and vocab.txt, read without torch and without pydantic."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cloudkit.errors import ModelError
from cloudkit.models.runtime.runtime import Runtime, reason_for_torch
from cloudkit.models.runtime.weights import Weights, read_safetensors
from cloudkit.tokens import Tokenizer

PARTS = ("spec.yaml", "model.safetensors", "vocab.txt")
SHIPPED = Path(__file__).parents[1] / "shipped"


def shipped() -> dict[str, Path]:
    """The models that come with cloudkit: name -> folder."""
    folders = sorted(SHIPPED.iterdir())
    return {folder.name: folder for folder in folders if (folder / "model.safetensors").is_file()}


def read_runtime(folder: Path, spec: dict[str, Any] | None = None) -> Runtime:
    """Read a trained model that works without torch; spec: what `read_spec` found in it, if that is known.

    Raises ModelError for a folder or file that is missing or damaged, and for a model that only torch can run.
    """
    check_folder(folder)
    spec = spec or read_spec(folder / "spec.yaml")
    if reason := reason_for_torch(spec):
        raise ModelError(f"{folder} needs torch: {reason}; pip install 'cloudkit-scope[train]'")
    tokenizer = _tokenizer(spec["tokens"]["vocabulary"])
    check_vocabulary(folder / "vocab.txt", tokenizer)
    weights = read_safetensors(folder / "model.safetensors")
    try:
        _check_shapes(spec["encoder"], weights, len(tokenizer.vocabulary))
        return Runtime(spec, tokenizer, weights)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ModelError(f"{folder / 'model.safetensors'} does not fit spec.yaml: {error}") from None


def _check_shapes(encoder: dict[str, Any], weights: Weights, tokens: int) -> None:
    """Raise ValueError where the encoder of a spec has other sizes than its weights."""
    width, layers = encoder["width"], encoder["layers"]
    expected = {"encoder.embedding.table.weight": (tokens, width)}
    for layer in range(min(layers, len(weights))):
        expected[f"encoder.layers.{layer}.qkv.weight"] = (3 * width, width)
        expected[f"encoder.layers.{layer}.down.weight"] = (width, encoder["feedforward"] or 4 * width)
    for name, shape in expected.items():
        if weights[name].shape != shape:
            raise ValueError(f"{name} has shape {weights[name].shape}, expected {shape}")
    if f"encoder.layers.{layers}.qkv.weight" in weights:
        raise ValueError(f"it has more than the {layers} layers of the spec")


@cache
def _tokenizer(vocabulary: str) -> Tokenizer:
    """Models of one vocabulary share their tokenizer."""
    return Tokenizer(vocabulary)


def check_folder(folder: Path) -> None:
    """Raise ModelError unless a folder has the files of a finished model."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder; cloudkit ships with: {', '.join(shipped())}")
    absent = [part for part in PARTS if not (folder / part).is_file()]
    if absent:
        raise ModelError(
            f"{folder} is not a finished model: {', '.join(absent)} missing; `cloudkit build` writes it"
        )


def check_vocabulary(path: Path, tokenizer: Tokenizer) -> None:
    """Raise ModelError unless a vocab.txt is that of a tokenizer."""
    if path.read_bytes() != ("\n".join(tokenizer.vocabulary) + "\n").encode():
        raise ModelError(
            f"{path} is not the {tokenizer.name} vocabulary of this version; use the cloudkit that wrote it, or build it again"
        )


def read_spec(path: Path) -> dict[str, Any]:
    """A resolved spec as plain data: `dump` writes every key, so no defaults are needed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_bytes())
    try:
        spec = loader.get_single_data()
    except yaml.YAMLError as error:
        raise ModelError(f"{path} is damaged: {error}") from None
    finally:
        loader.dispose()
    if not isinstance(spec, dict) or not {"tokens", "encoder", "heads", "tasks"} <= set(spec):
        raise ModelError(f"{path} is not the spec of a model; copy the folder again")
    return spec
