"""A trained model as NumPy arrays: which ones it can run, and batches of strings through it."""

import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from cloudkit.errors import ModelError
from cloudkit.models.layout import lay_out
from cloudkit.models.runtime.heads import ClassificationHead, GeometryHead, Modes, RegressionHead, ThermalHead
from cloudkit.models.runtime.layers import ACTIVATIONS, Array, Weights, read_safetensors
from cloudkit.models.runtime.network import Network
from cloudkit.models.widths import Widths
from cloudkit.tokens import Tokenizer

Averaged = RegressionHead | ClassificationHead  # heads of which an ensemble is the mean of its networks
AVERAGED: Final[Mapping[str, type[RegressionHead] | type[ClassificationHead]]] = {
    "regression": RegressionHead,
    "classification": ClassificationHead,
}
KINDS: Final[Mapping[str, type[Averaged] | type[ThermalHead]]] = {**AVERAGED, "thermal": ThermalHead}
ROWS: Final = 4096  # tokens at a time: what lies between stays in the cache of a core


def reason_for_torch(spec: Mapping[str, Any]) -> str | None:
    """What of a resolved spec the NumPy runtime does not have; None where it runs the model."""
    encoder = spec["encoder"]
    if spec["tokens"]["vocabulary"] != "compact" or encoder["kind"] != "transformer":
        return "a model over the cloud vocabulary"
    if encoder["positions"] not in (None, "none"):
        return f"positions: {encoder['positions']}"
    if encoder["activation"] not in ACTIVATIONS:
        return f"activation: {encoder['activation']}"
    return None


class Runtime:
    """Encoder and heads of a model folder. `heads`: heads of values that a task fine-tunes; `shapes`: geometry heads."""

    def __init__(self, spec: Mapping[str, Any], tokenizer: Tokenizer, weights: Weights) -> None:
        self.spec, self.tokenizer = spec, tokenizer
        self.dialect: str = spec["tokens"]["dialect"]
        self.max_length: int = spec["tokens"]["max_length"]
        self.parameters_count = sum(
            array.size for key, array in weights.items() if not key.endswith(_BUFFERS)
        )
        encoder = spec["encoder"]
        self.network = Network(encoder, tokenizer.vocabulary, weights, "")
        tuned = {task["head"]: task for task in spec["tasks"] if task["kind"] == "finetune"}
        self.heads: dict[str, Averaged | ThermalHead] = {}
        self.shapes = {
            head: GeometryHead(part, weights, f"heads.{head}")
            for head, part in spec["heads"].items()
            if part["kind"] == "geometry"
        }
        self.members: dict[str, list[tuple[Network, Averaged]]] = {}
        for head, part in spec["heads"].items():
            if head in tuned and part["kind"] in KINDS:
                self.heads[head] = KINDS[part["kind"]](part, weights, f"heads.{head}")
                members = (tuned[head]["ensemble"] or {"members": 1})["members"]
                self.members[head] = [
                    (
                        Network(encoder, tokenizer.vocabulary, weights, f"members.{head}.{index}."),
                        AVERAGED[part["kind"]](part, weights, f"members.{head}.{index}.head"),
                    )
                    for index in range(members - 1)
                ]

    def pool(self, ids: NDArray[Any], offsets: NDArray[np.int64], network: Network | None = None) -> Array:
        """What heads read of each string of packed ids, in their order: (strings, columns).

        Equal strings are computed once, so that they have equal values wherever they are in a batch.
        """
        network = network or self.network
        data, ends = np.ascontiguousarray(ids), offsets.tolist()
        places: dict[bytes, int] = {}
        which = [
            places.setdefault(data[start:end].tobytes(), len(places))
            for start, end in itertools.pairwise(ends)
        ]
        of = np.array(which, dtype=np.int64)
        first = np.unique(of, return_index=True)[1]
        out = np.empty((len(first), network.pooled_width), dtype=np.float32)
        for chosen, part, bounds in _batches(data, offsets, first):
            layout = lay_out(part, bounds, network.kinds, self.dialect, network.merge)
            out[chosen] = network.pooled(layout)
        return out[of]

    def regress(
        self, head: str, ids: NDArray[Any], offsets: NDArray[np.int64], pooled: Array | None = None
    ) -> NDArray[np.float64]:
        """Values (networks, strings, outputs) of a regression head or probabilities (networks, strings, classes) of a classification
        head, of one network or those of an ensemble.
        """
        module = self.heads[head]
        assert not isinstance(module, ThermalHead), f"{head} has modes"
        found = [module.values(self.pool(ids, offsets) if pooled is None else pooled)]
        found += [one.values(self.pool(ids, offsets, network)) for network, one in self.members[head]]
        return np.stack(found)

    def modes(self, head: str, pooled: Array) -> Modes:
        """Modes of strings from what `pool` found."""
        module = self.heads[head]
        assert isinstance(module, ThermalHead), f"{head} has no modes"
        return module.modes(pooled)


_BUFFERS: Final = (
    *(".known", ".amount", ".kind", ".center", ".spread", ".shift", ".stretch", ".threshold"),
    *(f".width_{part}" for part in Widths._fields),
)


def _batches(
    ids: NDArray[Any], offsets: NDArray[np.int64], strings: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Some strings by length, some thousand tokens at a time: their places in `strings`, their ids and offsets."""
    starts, lengths = offsets[:-1][strings], np.diff(offsets)[strings]
    order = np.argsort(lengths, kind="stable")
    batch = np.cumsum(lengths[order]) // ROWS
    for chosen in np.split(order, np.flatnonzero(np.diff(batch)) + 1):
        if len(chosen):
            ends = np.concatenate([[0], np.cumsum(lengths[chosen])])
            places = np.arange(ends[-1]) + np.repeat(starts[chosen] - ends[:-1], lengths[chosen])
            yield chosen, ids[places].astype(np.int64), ends


PARTS = ("spec.yaml", "model.safetensors", "vocab.txt")
FORMAT = 1  # version of the spec format
OLDER = "is of an older cloudkit, whose intervals had one width; build the model again"
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
        path = folder / "model.safetensors"
        if is_older(str(error)):
            raise ModelError(f"{path} {OLDER}") from None
        raise ModelError(f"{path} does not fit spec.yaml: {error}") from None


def is_older(missing: str) -> bool:
    """Whether the name of a weight that is missing says that an older cloudkit wrote the model."""
    return ".width_" in missing


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
    if isinstance(spec, dict) and isinstance(spec.get("cloudkit"), int) and spec["cloudkit"] != FORMAT:
        raise ModelError(
            f"{path} has version {spec['cloudkit']} of the spec format, and this cloudkit reads version {FORMAT}; "
            "use the cloudkit that wrote the model, or build it again"
        )
    if not isinstance(spec, dict) or not {"tokens", "encoder", "heads", "tasks"} <= set(spec):
        raise ModelError(f"{path} is not the spec of a model; copy the folder again")
    return spec
