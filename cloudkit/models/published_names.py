"""Which tensor of transformers' `BertForMaskedLM` is which of a model with a `bert` encoder, both ways."""

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from cloudkit.errors import ModelError

PARTS: Final = {  # ours: theirs
    "encoder.embedding.table": "bert.embeddings.word_embeddings",
    "encoder.embedding.places": "bert.embeddings.position_embeddings",
    "encoder.embedding.types": "bert.embeddings.token_type_embeddings",
    "encoder.embedding.norm": "bert.embeddings.LayerNorm",
    "heads.mlm.dense": "cls.predictions.transform.dense",
    "heads.mlm.norm": "cls.predictions.transform.LayerNorm",
}
LAYER_PARTS: Final = {
    "out": "attention.output.dense",
    "norm_attention": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm_feedforward": "output.LayerNorm",
}
ATTENTION: Final = tuple(f"attention.self.{name}" for name in ("query", "key", "value"))


def to_ours(theirs: dict[str, Tensor], layers: int, tied: bool, size: int, where: str) -> dict[str, Tensor]:
    """Their tensors under our names, the first `size` rows of tokens; takes them out of `theirs`. ModelError names one that is missing."""

    def take(name: str) -> Tensor:
        if name not in theirs:
            raise ModelError(f"{where} lack {name}; is this a BertForMaskedLM?")
        return theirs.pop(name)

    ours = {}
    for mine, name in _pairs(layers):
        if isinstance(name, tuple):
            ours[mine] = torch.cat([take(one) for one in name])
        else:
            ours[mine] = take(name)
    ours["encoder.embedding.table.weight"] = ours["encoder.embedding.table.weight"][:size]
    biases = [
        theirs.pop(f"cls.predictions.{name}", None) for name in ("decoder.bias", "bias")
    ]  # an untied decoder uses its own
    bias = next((one for one in biases if one is not None), None)
    if bias is None:
        raise ModelError(f"{where} lack cls.predictions.bias; is this a BertForMaskedLM?")
    decoder = theirs.pop("cls.predictions.decoder.weight", None)
    if tied:
        return ours | {"heads.mlm.bias": bias[:size]}
    if decoder is None:
        raise ModelError(
            f"{where} lack cls.predictions.decoder.weight, and config.json says tie_word_embeddings: false"
        )
    return ours | {"heads.mlm.scores.weight": decoder[:size], "heads.mlm.scores.bias": bias[:size]}


def to_theirs(ours: dict[str, Tensor], head: str, layers: int) -> Iterator[tuple[str, Tensor]]:
    """Our tensors under their names; a tied decoder is not repeated, as transformers saves it."""
    for mine, name in _pairs(layers):
        tensor = ours[mine.replace("heads.mlm.", f"heads.{head}.")]
        if isinstance(name, tuple):
            yield from zip(name, tensor.chunk(3), strict=True)
        else:
            yield name, tensor
    if f"heads.{head}.bias" in ours:
        yield "cls.predictions.bias", ours[f"heads.{head}.bias"]
        return
    yield "cls.predictions.decoder.weight", ours[f"heads.{head}.scores.weight"]
    for name in ("bias", "decoder.bias"):
        yield f"cls.predictions.{name}", ours[f"heads.{head}.scores.bias"].clone()


def _pairs(layers: int) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Our name and theirs of every tensor but the decoder's; three of theirs where ours joins them."""
    for mine, name in PARTS.items():
        lone = mine.rpartition(".")[2] in ("table", "places", "types")
        for kind in ("weight",) if lone else ("weight", "bias"):
            yield f"{mine}.{kind}", f"{name}.{kind}"
    for index in range(layers):
        at, there = f"encoder.layers.{index}", f"bert.encoder.layer.{index}"
        for kind in ("weight", "bias"):
            yield f"{at}.qkv.{kind}", tuple(f"{there}.{name}.{kind}" for name in ATTENTION)
            for part, name in LAYER_PARTS.items():
                yield f"{at}.{part}.{kind}", f"{there}.{name}.{kind}"
