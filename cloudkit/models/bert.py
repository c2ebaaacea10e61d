"""The published encoder: BERT (Devlin 2018) on packed batches, parameter for parameter as transformers' `BertModel` has it.

Post-norm layers, learned positions and a table of token types whose first row every token sees. Nothing is padded, so there
is no mask; states equal those of `BertModel` at the tokens that are not padding. The query, key and value maps are one matrix.
"""

from typing import Final

import torch
from torch import Tensor, nn

from cloudkit.kernels import Impl, packed_attention_qkv
from cloudkit.models.encoder import ACTIVATIONS, Encoded
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import BertEncoder

INIT: Final = 0.02


class BertEmbedding(nn.Module):
    """Vectors of tokens, of places and of the one token type, added and normalized."""

    def __init__(self, size: int, spec: BertEncoder, positions: int) -> None:
        super().__init__()
        self.table = nn.Embedding(size, spec.width, padding_idx=spec.padding_row)
        self.places = nn.Embedding(positions, spec.width)
        self.types = nn.Embedding(spec.token_types, spec.width)
        self.norm = nn.LayerNorm(spec.width, eps=spec.norm_eps)

    def forward(self, inputs: Inputs) -> Tensor:
        """Vectors (tokens, width)."""
        vectors: Tensor = self.norm(self.table(inputs.ids) + self.types.weight[0] + self.places(inputs.place))
        return vectors


class BertLayer(nn.Module):
    """norm(x + attention x), then norm(x + feed-forward x)."""

    def __init__(self, spec: BertEncoder) -> None:
        super().__init__()
        width, feedforward = spec.width, spec.feedforward or 4 * spec.width
        self.heads, self.attention_dropout = spec.heads, spec.attention_dropout
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        self.norm_attention = nn.LayerNorm(width, eps=spec.norm_eps)
        self.norm_feedforward = nn.LayerNorm(width, eps=spec.norm_eps)
        self.activation = ACTIVATIONS[spec.activation]
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, x: Tensor, offsets: Tensor, impl: Impl, places: Tensor | None = None) -> Tensor:
        """x (tokens, width) -> (tokens, width); with `places` (places,) only their rows, which is all that follows needs."""
        qkv = self.qkv(x).unflatten(1, (3, self.heads, -1))
        dropout = self.attention_dropout if self.training else 0.0
        mixed = packed_attention_qkv(qkv, offsets, dropout=dropout, impl=impl).flatten(1)
        if places is not None:
            x, mixed = x[places], mixed[places]
        x = self.norm_attention(x + self.dropout(self.out(mixed)))
        grown = self.down(self.activation(self.up(x)))
        new: Tensor = self.norm_feedforward(x + self.dropout(grown))
        return new


class Bert(nn.Module):
    """Inputs -> Encoded, as `Encoder`; `impl` says how attention runs (cloudkit.kernels.packed_attention)."""

    impl: Impl = "auto"

    def __init__(self, spec: BertEncoder, size: int, max_length: int) -> None:
        super().__init__()
        self.embedding = BertEmbedding(size, spec, spec.positions or max_length)
        self.dropout = nn.Dropout(spec.dropout)
        self.layers = nn.ModuleList(BertLayer(spec) for _ in range(spec.layers))
        self.pooling = spec.pooling
        self.pooled_width = spec.width * {"cls": 1, "mean": 1, "cls_mean": 2}[spec.pooling]
        self.apply(init_bert_weights)

    def forward(self, inputs: Inputs) -> Encoded:
        """States of tokens and of strings."""
        states = self.at(inputs, None)
        return Encoded(states, self._pool(states, states[inputs.offsets[:-1]], inputs))

    def pooled(self, inputs: Inputs) -> Tensor:
        """States (strings, pooled_width) of strings; where only first tokens count, the last layer's maps run on no others."""
        if self.pooling != "cls":
            return self(inputs).pooled
        return self.at(inputs, inputs.offsets[:-1].to(inputs.ids.device))

    def _pool(self, states: Tensor, first: Tensor, inputs: Inputs) -> Tensor:
        if self.pooling == "cls":
            return first
        lengths = inputs.offsets.diff().to(states.device)
        mean = segment_sum(states.float(), inputs.sequence, inputs.count) / lengths[:, None]
        return mean if self.pooling == "mean" else torch.cat([first, mean.to(first.dtype)], dim=1)

    def at(self, inputs: Inputs, places: Tensor | None) -> Tensor:
        """States (places, width) of the tokens at `places`, or of all: the last layer's maps run on no others."""
        x = self.dropout(self.embedding(inputs))
        for layer in self.layers[:-1]:
            x = layer(x, inputs.offsets, self.impl)
        states: Tensor = self.layers[-1](x, inputs.offsets, self.impl, places)
        return states


@torch.no_grad()
def init_bert_weights(module: nn.Module) -> None:
    """Weights as BERT draws them: normal, biases and the padding row zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INIT)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        module.weight[module.padding_idx] = 0
