"""The transformer that all heads share: pre-norm, gated feed-forward, attention within each string of a packed batch."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.models.embedding import PositionEmbedding, SymbolEmbedding
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import TransformerEncoder


class Encoded(NamedTuple):
    """states (tokens, width) of each token; pooled (strings, 1 to 3 widths) of each string."""

    states: Tensor
    pooled: Tensor


def attend(
    q: Tensor, k: Tensor, v: Tensor, runs: tuple[tuple[int, int, int], ...], dropout: float = 0.0
) -> Tensor:
    """Softmax attention of each string with itself: (tokens, heads, dim) x3 -> (tokens, heads, dim).

    Strings of a run are viewed as one dense (strings, heads, length, dim) block: nothing is padded or copied.
    """
    out = []
    for first, strings, length in runs:
        rows = slice(first, first + strings * length)
        qs, ks, vs = (part[rows].unflatten(0, (strings, length)).transpose(1, 2) for part in (q, k, v))
        mixed = functional.scaled_dot_product_attention(qs, ks, vs, dropout_p=dropout)
        out.append(mixed.transpose(1, 2).flatten(0, 1))
    return torch.cat(out)


class Layer(nn.Module):
    """x + attention(norm x), then x + down(silu(gate) * up)."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_feedforward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * feedforward), nn.Linear(feedforward, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, runs: tuple[tuple[int, int, int], ...]) -> Tensor:
        """x (tokens, width) -> (tokens, width)."""
        q, k, v = self.qkv(self.norm_attention(x)).unflatten(1, (3, self.heads, -1)).unbind(1)
        mixed = attend(q, k, v, runs, self.dropout.p if self.training else 0.0)
        x = x + self.dropout(self.out(mixed.flatten(1)))
        gate, up = self.up(self.norm_feedforward(x)).chunk(2, dim=1)
        return x + self.dropout(self.down(functional.silu(gate) * up))


class Encoder(nn.Module):
    """Inputs -> Encoded. What heads read of a string, by `pooling`:

    cls: the state of the first token. mean: means, weighted by shares of atoms, of the states and of the embeddings; the
    second is a straight line from known features to the head, worth 5 % on small data. cls_mean: all three.
    """

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
            x = layer(x, inputs.runs)
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
