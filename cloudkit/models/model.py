"""A model: one encoder, any number of heads. `build_model` makes it from a spec, the same for the same seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.models.embedding import SymbolEmbedding, make_embedding
from cloudkit.models.encoder import Encoded, Encoder
from cloudkit.models.geometry import Geometry
from cloudkit.models.heads import MaskedTokens, Regression, ValueHead
from cloudkit.models.inputs import Inputs, make_inputs
from cloudkit.models.statistics import Statistics
from cloudkit.models.thermal import Thermal
from cloudkit.modelspec import GeometryHead, Head, MaskedTokensHead, RegressionHead, Spec
from cloudkit.tokens import Tokenizer


class CloudModel(nn.Module):
    """`encoder` and `heads` by name; `inputs` lays out packed ids for it."""

    def __init__(self, spec: Spec, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.spec, self.tokenizer = spec, tokenizer
        seed = spec.run.seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = Encoder(
                spec.encoder, make_embedding(tokenizer, spec.encoder, spec.tokens.max_length)
            )
            self.statistics = Statistics(self.encoder.embedding)
            self.heads = nn.ModuleDict()
            for name, head in spec.heads.items():
                torch.manual_seed(seed + 1)  # a head starts the same whatever other heads there are
                self.heads[name] = _make_head(head, self.encoder, self.statistics.width, tokenizer)

    @property
    def parameters_count(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def inputs(self, ids: NDArray[Any], offsets: NDArray[np.int64]) -> Inputs:
        """Lay out packed ids (tokens,), offsets (strings + 1,), on the device of the model."""
        kinds = self.tokenizer.kinds if self.tokenizer.name == "compact" else None
        device = next(self.parameters()).device
        merge = self.spec.encoder.merge
        return make_inputs(ids, offsets, kinds, self.spec.tokens.dialect, merge).to(device)

    def kind_of(self, ids: Tensor) -> Tensor:
        """Kinds (tokens,) of compact ids, as cloudkit.models.features numbers them."""
        assert isinstance(self.encoder.embedding, SymbolEmbedding), "the cloud vocabulary has no kinds"
        return self.encoder.embedding.kind[ids]

    def value_head(self, name: str) -> ValueHead:
        """A head that predicts numbers."""
        head = self.heads[name]
        assert isinstance(head, ValueHead), f"{name} predicts no numbers"
        return head

    def forward(self, inputs: Inputs) -> Encoded:
        """States of tokens and strings; statistics of the strings follow the pooled states."""
        return _encode(self.encoder, self.statistics, inputs)


class HeadModel(nn.Module):
    """The encoder and one head, as training sees them; shares its parameters with the model it was cut from."""

    def __init__(self, model: CloudModel, name: str) -> None:
        super().__init__()
        self.encoder, self.statistics, self.head = model.encoder, model.statistics, model.heads[name]

    def forward(self, inputs: Inputs, *rest: Tensor) -> Tensor:
        """Scores at the hidden places `rest[0]`, or values for (sequence, quantity, temperature) = `rest`."""
        encoded = _encode(self.encoder, self.statistics, inputs)
        if isinstance(self.head, MaskedTokens):
            scores: Tensor = self.head(encoded.states[rest[0]])
            return scores
        values: Tensor = self.head(encoded.pooled, *rest)
        return values


class MixedModel(nn.Module):
    """The encoder and several heads, as pretraining sees them; shares its parameters with the model it was cut from."""

    def __init__(self, model: CloudModel, names: Sequence[str]) -> None:
        super().__init__()
        self.encoder, self.statistics = model.encoder, model.statistics
        self.heads = nn.ModuleDict({name: model.heads[name] for name in names})

    def forward(self, inputs: Inputs, asked: Mapping[str, tuple[Tensor, ...]]) -> dict[str, Any]:
        """What each head says: scores at the places of a masked_tokens head, values of a regression head for (sequence,
        quantity, temperature), targets of a geometry head for the places of elements.
        """
        encoded = _encode(self.encoder, self.statistics, inputs)
        found: dict[str, Any] = {}
        for name, head in self.heads.items():
            if isinstance(head, MaskedTokens):
                found[name] = head(encoded.states[asked[name][0]])
            elif isinstance(head, Geometry):
                found[name] = head(encoded.states[asked[name][0]], encoded.pooled)
            else:
                found[name] = head(encoded.pooled, *asked[name])
        return found


def _encode(encoder: Encoder, statistics: Statistics, inputs: Inputs) -> Encoded:
    encoded: Encoded = encoder(inputs)
    known = statistics(inputs, encoder.embedding)
    return encoded._replace(pooled=torch.cat([encoded.pooled, known.to(encoded.pooled)], dim=1))


def build_model(spec: Spec, tokenizer: Tokenizer) -> CloudModel:
    """An untrained model with the spec's encoder and heads, its weights drawn from ``run.seed``."""
    return CloudModel(spec, tokenizer)


def _make_head(head: Head, encoder: Encoder, statistics: int, tokenizer: Tokenizer) -> nn.Module:
    width, pooled = encoder.norm.normalized_shape[0], encoder.pooled_width
    if isinstance(head, MaskedTokensHead):
        ordinary = sorted(set(range(tokenizer.size)) - set(_special(tokenizer)))
        return MaskedTokens(width, tokenizer.size, head.mask, tokenizer.mask_id, ordinary, head.hide == "orbits")
    if isinstance(head, GeometryHead):
        return Geometry(head.targets, width, pooled + statistics, head.hidden or width)
    if isinstance(head, RegressionHead):
        return Regression(head.outputs, pooled, statistics, head.hidden or width, head.transform)
    return Thermal(head.outputs, head.modes, pooled, statistics, width, head.cp_minus_cv or 0.0)


def _special(tokenizer: Tokenizer) -> tuple[int, ...]:
    return tokenizer.cls_id, tokenizer.pad_id, tokenizer.sep_id, tokenizer.unk_id, tokenizer.mask_id
