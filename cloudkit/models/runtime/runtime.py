"""A trained model in NumPy: which models it supports, and inference in batches."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from cloudkit.errors import ModelError
from cloudkit.models.runtime.heads import ClassificationHead, GeometryHead, RegressionHead, ThermalHead
from cloudkit.models.runtime.layers import ACTIVATIONS, Array, Weights, read_safetensors
from cloudkit.models.runtime.network import Network
from cloudkit.models.widths import Widths
from cloudkit.tokens import Tokenizer

EnsembleHead = RegressionHead | ClassificationHead  # heads of which an ensemble is the mean of its networks
ENSEMBLE_CLASSES: Final[Mapping[str, type[RegressionHead] | type[ClassificationHead]]] = {
    "regression": RegressionHead,
    "classification": ClassificationHead,
}
HEAD_CLASSES: Final[Mapping[str, type[EnsembleHead] | type[ThermalHead]]] = {
    **ENSEMBLE_CLASSES,
    "thermal": ThermalHead,
}


def reason_for_torch(spec: Mapping[str, Any]) -> str | None:
    """Return which part of a model the NumPy runtime does not support.

    Parameters
    ----------
    spec : mapping
        A resolved spec, from `read_spec`.

    Returns
    -------
    str or None
        The unsupported part; None if the runtime supports the model.

    Examples
    --------
    >>> reason_for_torch(read_spec(shipped()["thermal"] / "spec.yaml")) is None
    True
    """
    encoder = spec["encoder"]
    if spec["tokens"]["vocabulary"] != "compact" or encoder["kind"] != "transformer":
        return "a model over the cloud vocabulary"
    if encoder["positions"] not in (None, "none"):
        return f"positions: {encoder['positions']}"
    if encoder["activation"] not in ACTIVATIONS:
        return f"activation: {encoder['activation']}"
    return None


class Runtime:
    """Encoder and heads of a model folder.

    Attributes
    ----------
    heads : dict
        Fine-tuned value heads by name.
    geometry_heads : dict
        Geometry heads by name.
    members : dict
        Further networks of heads that are ensembles.
    parameters_count : int
        Number of trained parameters.

    Examples
    --------
    >>> runtime = read_runtime(shipped()["thermal"])
    >>> pooled = runtime.network.pool(*runtime.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Po 1a"]))
    >>> runtime.heads["thermal"].modes(pooled).thermodynamics(np.array([300.0])).heat_capacity.shape
    (1, 1)
    """

    def __init__(self, spec: Mapping[str, Any], tokenizer: Tokenizer, weights: Weights) -> None:
        self.spec, self.tokenizer = spec, tokenizer
        self.dialect: str = spec["tokens"]["dialect"]
        self.max_length: int = spec["tokens"]["max_length"]
        self.parameters_count = sum(
            array.size for key, array in weights.items() if not key.endswith(_BUFFERS)
        )
        self.network = Network(spec, tokenizer.vocabulary, weights, "")
        tuned = {task["head"]: task for task in spec["tasks"] if task["kind"] == "finetune"}
        self.heads: dict[str, EnsembleHead | ThermalHead] = {}
        self.geometry_heads = {
            head: GeometryHead(part, weights, f"heads.{head}")
            for head, part in spec["heads"].items()
            if part["kind"] == "geometry"
        }
        self.members: dict[str, list[tuple[Network, EnsembleHead]]] = {}
        for head, part in spec["heads"].items():
            if head in tuned and part["kind"] in HEAD_CLASSES:
                self.heads[head] = HEAD_CLASSES[part["kind"]](part, weights, f"heads.{head}")
                members = (tuned[head]["ensemble"] or {"members": 1})["members"]
                self.members[head] = [
                    (
                        Network(spec, tokenizer.vocabulary, weights, f"members.{head}.{index}."),
                        ENSEMBLE_CLASSES[part["kind"]](part, weights, f"members.{head}.{index}.head"),
                    )
                    for index in range(members - 1)
                ]

    def geometry(self, head: str, ids: NDArray[Any], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predict the geometry of packed strings (strings, columns), as GeometryHead.summary returns it."""
        return self.network.read_orbits(ids, offsets, self.geometry_heads[head].summary)

    def regress(
        self, head: str, ids: NDArray[Any], offsets: NDArray[np.int64], pooled: Array | None = None
    ) -> NDArray[np.float64]:
        """Predict with each network of a regression head (networks, strings, outputs) or classification head (…, classes)."""
        module = self.heads[head]
        assert not isinstance(module, ThermalHead), f"{head} has modes"
        parts = [module.values(self.network.pool(ids, offsets) if pooled is None else pooled)]
        parts += [member.values(network.pool(ids, offsets)) for network, member in self.members[head]]
        return np.stack(parts)


_BUFFERS: Final = (
    *(".known", ".amount", ".kind", ".center", ".spread", ".shift", ".stretch", ".threshold"),
    *(f".width_{part}" for part in Widths._fields),
)


REQUIRED_FILES = ("spec.yaml", "model.safetensors", "vocab.txt")
SPEC_VERSION = 1  # version of the spec format
OUTDATED = "was written by an older cloudkit, whose intervals had a constant width; build the model again"
SHIPPED = Path(__file__).parents[1] / "shipped"


def shipped() -> dict[str, Path]:
    """Return the models that come with cloudkit.

    Returns
    -------
    dict of str to Path
        name -> folder.

    Examples
    --------
    >>> "thermal" in shipped()
    True
    """
    folders = sorted(SHIPPED.iterdir())
    return {folder.name: folder for folder in folders if (folder / "model.safetensors").is_file()}


def read_runtime(folder: Path, spec: dict[str, Any] | None = None) -> Runtime:
    """Read a model folder for inference without torch.

    Parameters
    ----------
    folder : Path
        The folder.
    spec : dict, optional
        Its spec, if `read_spec` has already read it.

    Returns
    -------
    Runtime
        Ready to predict.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or the model needs torch.

    Examples
    --------
    >>> read_runtime(shipped()["elastic"]).dialect
    'orbit'
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
        path = folder / "model.safetensors"
        if is_outdated(str(error)):
            raise ModelError(f"{path} {OUTDATED}") from None
        raise ModelError(f"{path} does not fit spec.yaml: {error}") from None


def is_outdated(missing: str) -> bool:
    """Return whether a missing weight shows that an older cloudkit wrote the model."""
    return ".width_" in missing


def _check_shapes(encoder: dict[str, Any], weights: Weights, tokens: int) -> None:
    """Raise ValueError if the sizes of the encoder differ between spec and weights."""
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
    """Return the tokenizer of a vocabulary, shared by all models."""
    return Tokenizer(vocabulary)


def check_folder(folder: Path) -> None:
    """Raise ModelError unless a folder has the files of a finished model."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder; cloudkit ships with: {', '.join(shipped())}")
    absent = [part for part in REQUIRED_FILES if not (folder / part).is_file()]
    if absent:
        raise ModelError(
            f"{folder} is not a finished model: {', '.join(absent)} missing; `cloudkit build` writes it"
        )


def check_vocabulary(path: Path, tokenizer: Tokenizer) -> None:
    """Raise ModelError unless a vocab.txt holds the vocabulary of a tokenizer."""
    if path.read_bytes() != ("\n".join(tokenizer.vocabulary) + "\n").encode():
        raise ModelError(
            f"{path} is not the {tokenizer.name} vocabulary of this version; use the cloudkit that wrote it, or build it again"
        )


def read_spec(path: Path) -> dict[str, Any]:
    """Read the resolved spec of a model folder as plain data; it holds all keys, so no defaults are filled in.

    Parameters
    ----------
    path : Path
        spec.yaml of a model folder.

    Returns
    -------
    dict
        The spec.

    Raises
    ------
    ModelError
        If the file is damaged or has another version of the format.

    Examples
    --------
    >>> read_spec(shipped()["thermal"] / "spec.yaml")["name"]
    'thermal'
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_bytes())
    try:
        spec = loader.get_single_data()
    except yaml.YAMLError as error:
        raise ModelError(f"{path} is damaged: {error}") from None
    finally:
        loader.dispose()
    if isinstance(spec, dict) and isinstance(spec.get("cloudkit"), int) and spec["cloudkit"] != SPEC_VERSION:
        raise ModelError(
            f"{path} has version {spec['cloudkit']} of the spec format, and this cloudkit reads version {SPEC_VERSION}; "
            "use the cloudkit that wrote the model, or build it again"
        )
    if not isinstance(spec, dict) or not {"tokens", "encoder", "heads", "tasks"} <= set(spec):
        raise ModelError(f"{path} is not the spec of a model; copy the folder again")
    return spec
