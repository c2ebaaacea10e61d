"""The published encoder: BERT (Devlin 2018) on packed batches, with the parameters of transformers' `BertModel`.

Post-norm layers, learned positions, and token type 0 for all tokens. Batches are packed, so there is no padding and no attention
mask; states equal those of `BertModel` at all tokens that are not padding. Query, key and value projections are one matrix.
"""

from typing import Final

import torch
from torch import Tensor, nn

from cloudkit.kernels import Impl, packed_attention_qkv
from cloudkit.models.encoder import ACTIVATIONS, Encoded
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import BertEncoder

INIT_STD: Final = 0.02


class BertEmbedding(nn.Module):
    """Sum of token, position and token-type embeddings, normalized."""

    def __init__(self, size: int, spec: BertEncoder, positions: int) -> None:
        super().__init__()
        self.table = nn.Embedding(size, spec.width, padding_idx=spec.padding_row)
        self.places = nn.Embedding(positions, spec.width)
        self.types = nn.Embedding(spec.token_types, spec.width)
        self.norm = nn.LayerNorm(spec.width, eps=spec.norm_eps)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return vectors (tokens, width)."""
        vectors: Tensor = self.norm(
            self.table(inputs.ids) + self.types.weight[0] + self.places(inputs.position)
        )
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

    def forward(self, x: Tensor, offsets: Tensor, impl: Impl, rows: Tensor | None = None) -> Tensor:
        """x (tokens, width) -> (tokens, width), or (rows, width) for the tokens at `rows` only."""
        qkv = self.qkv(x).unflatten(1, (3, self.heads, -1))
        dropout = self.attention_dropout if self.training else 0.0
        mixed = packed_attention_qkv(qkv, offsets, dropout=dropout, impl=impl).flatten(1)
        if rows is not None:
            x, mixed = x[rows], mixed[rows]
        x = self.norm_attention(x + self.dropout(self.out(mixed)))
        feedforward = self.down(self.activation(self.up(x)))
        out: Tensor = self.norm_feedforward(x + self.dropout(feedforward))
        return out


class Bert(nn.Module):
    """Inputs -> Encoded, like `Encoder`; `impl`: how attention is computed (cloudkit.kernels.packed_attention)."""

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
        """Return the states of all tokens, and the pooled states of all strings."""
        states = self.states_at(inputs, None)
        return Encoded(states, self._pool(states, states[inputs.offsets[:-1]], inputs))

    def pooled(self, inputs: Inputs) -> Tensor:
        """Return the pooled states (strings, pooled_width); with pooling `cls` the last layer computes first tokens only."""
        if self.pooling != "cls":
            return self(inputs).pooled
        return self.states_at(inputs, inputs.offsets[:-1].to(inputs.ids.device))

    def _pool(self, states: Tensor, first: Tensor, inputs: Inputs) -> Tensor:
        if self.pooling == "cls":
            return first
        lengths = inputs.offsets.diff().to(states.device)
        mean = segment_sum(states.float(), inputs.sequence, inputs.count) / lengths[:, None]
        return mean if self.pooling == "mean" else torch.cat([first, mean.to(first.dtype)], dim=1)

    def states_at(self, inputs: Inputs, rows: Tensor | None) -> Tensor:
        """Return the states (rows, width) of the tokens at `rows`, or of all; the last layer computes no others."""
        x = self.dropout(self.embedding(inputs))
        for layer in self.layers[:-1]:
            x = layer(x, inputs.offsets, self.impl)
        states: Tensor = self.layers[-1](x, inputs.offsets, self.impl, rows)
        return states


@torch.no_grad()
def init_bert_weights(module: nn.Module) -> None:
    """Initialize weights as BERT does: normal, with biases and the padding row zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INIT_STD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        module.weight[module.padding_idx] = 0
