"""The transformer that all heads share: pre-norm, gated feed-forward, attention within each string of a packed batch."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.kernels import Impl, packed_attention_qkv
from cloudkit.models.embedding import PositionEmbedding, SymbolEmbedding
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import TransformerEncoder


class Encoded(NamedTuple):
    """states (tokens, width) of each token; pooled (strings, 1 to 3 widths) of each string."""

    states: Tensor
    pooled: Tensor


class Layer(nn.Module):
    """x + attention(norm x), then x + down(silu(gate) * up)."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_feedforward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * feedforward), nn.Linear(feedforward, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, offsets: Tensor, impl: Impl) -> Tensor:
        """x (tokens, width) -> (tokens, width)."""
        qkv = self.qkv(self.norm_attention(x)).unflatten(1, (3, self.heads, -1))
        dropout = self.dropout.p if self.training else 0.0
        mixed = packed_attention_qkv(qkv, offsets, dropout=dropout, impl=impl)
        x = x + self.dropout(self.out(mixed.flatten(1)))
        gate, up = self.up(self.norm_feedforward(x)).chunk(2, dim=1)
        return x + self.dropout(self.down(functional.silu(gate) * up))


class Encoder(nn.Module):
    """Inputs -> Encoded. What heads read of a string, by `pooling`:

    cls: the state of the first token. mean: means, weighted by shares of atoms, of the states and of the embeddings; the
    second is a straight line from known features to the head, worth 5 % on small data. cls_mean: all three.
    `impl` says how attention runs (cloudkit.kernels.packed_attention): "auto", "torch" or "triton".
    """

    impl: Impl = "auto"

    def __init__(self, spec: TransformerEncoder, embedding: PositionEmbedding | SymbolEmbedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(spec.dropout)
        feedforward = spec.feedforward or 4 * spec.width
        layers = (Layer(spec.width, spec.heads, feedforward, spec.dropout) for _ in range(spec.layers))
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(spec.width)
        self.pooling = spec.pooling
        self.pooled_width = spec.width * {"cls": 1, "mean": 2, "cls_mean": 3}[spec.pooling]

    def forward(self, inputs: Inputs) -> Encoded:
        """States of tokens and of strings."""
        embedded, weight = self.embedding(inputs)
        x = self.dropout(embedded)
        for layer in self.layers:
            x = layer(x, inputs.offsets, self.impl)
        states = self.norm(x)
        pooled = []
        if self.pooling != "mean":
            pooled.append(states[inputs.place == 0])
        if self.pooling != "cls":
            pooled += [_mean(part.float(), weight, inputs) for part in (states, embedded)]
        return Encoded(states, torch.cat(pooled, dim=1))


def _mean(values: Tensor, weight: Tensor, inputs: Inputs) -> Tensor:
    """Mean (strings, width) of values (tokens, width) over each string, by weight (tokens,)."""
    total = segment_sum(weight, inputs.sequence, inputs.count).clamp(min=1e-6)
    return segment_sum(values * (weight / total[inputs.sequence])[:, None], inputs.sequence, inputs.count)
