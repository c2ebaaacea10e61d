"""A trained model as NumPy arrays: which ones it can run, and batches of strings through it."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.models.layout import lay_out
from cloudkit.models.runtime.heads import GeometryHead, RegressionHead, ThermalHead
from cloudkit.models.runtime.layers import ACTIVATIONS, Array
from cloudkit.models.runtime.modes import Modes
from cloudkit.models.runtime.network import Network
from cloudkit.models.runtime.weights import Weights
from cloudkit.tokens import Tokenizer

KINDS: Final[Mapping[str, type[RegressionHead] | type[ThermalHead]]] = {
    "regression": RegressionHead,
    "thermal": ThermalHead,
}
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
        self.heads: dict[str, RegressionHead | ThermalHead] = {}
        self.shapes = {
            head: GeometryHead(part, weights, f"heads.{head}")
            for head, part in spec["heads"].items()
            if part["kind"] == "geometry"
        }
        self.members: dict[str, list[tuple[Network, RegressionHead]]] = {}
        for head, part in spec["heads"].items():
            if head in tuned and part["kind"] in KINDS:
                self.heads[head] = KINDS[part["kind"]](part, weights, f"heads.{head}")
                members = (tuned[head]["ensemble"] or {"members": 1})["members"]
                self.members[head] = [
                    (
                        Network(encoder, tokenizer.vocabulary, weights, f"members.{head}.{index}."),
                        RegressionHead(part, weights, f"members.{head}.{index}.head"),
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
        """Values (strings, outputs) of a regression head, of an ensemble the mean of its networks."""
        module = self.heads[head]
        assert isinstance(module, RegressionHead), f"{head} is not a regression head"
        found = [module.values(self.pool(ids, offsets) if pooled is None else pooled)]
        found += [one.values(self.pool(ids, offsets, network)) for network, one in self.members[head]]
        values: NDArray[np.float64] = np.mean(found, axis=0)
        return values

    def modes(self, head: str, pooled: Array) -> Modes:
        """Modes of strings from what `pool` found."""
        module = self.heads[head]
        assert isinstance(module, ThermalHead), f"{head} has no modes"
        return module.modes(pooled)


_BUFFERS: Final = (".known", ".amount", ".kind", ".center", ".spread", ".shift", ".stretch", ".band")


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
