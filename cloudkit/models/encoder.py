"""The transformer that all heads share: pre-norm, attention within each string of a packed batch.

Norm, gate, activation and positions are keys of the spec.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.kernels import Impl, packed_attention_qkv
from cloudkit.models.embedding import OrbitEmbedding, PositionEmbedding, SymbolEmbedding
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import TransformerEncoder


class Encoded(NamedTuple):
    """states (tokens, width) of each token; pooled (strings, 1 to 3 widths) of each string."""

    states: Tensor
    pooled: Tensor


NORMS: Final[dict[str, Callable[[int], nn.Module]]] = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}
ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}
ROTARY_BASE: Final = 1e4  # the longest wavelength is about this many positions (Su 2021)


class Rotary(NamedTuple):
    """Cosine and sine (tokens, 1, 1, head width / 2) of the rotation angles of each position."""

    cos: Tensor
    sin: Tensor


def rotary_angles(place: Tensor, width: int, dtype: torch.dtype) -> Rotary:
    """The rotation of attention heads of a width at positions (tokens,)."""
    rates = ROTARY_BASE ** (-torch.arange(0, width, 2, device=place.device, dtype=torch.float32) / width)
    angle = (place[:, None] * rates)[:, None, None]
    return Rotary(angle.cos().to(dtype), angle.sin().to(dtype))


def apply_rotary(vectors: Tensor, rotary: Rotary) -> Tensor:
    """Rotate vectors (tokens, 2, heads, head width); their products then depend on the distance of two positions only."""
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat(
        [first * rotary.cos - second * rotary.sin, first * rotary.sin + second * rotary.cos], dim=-1
    )


class Layer(nn.Module):
    """x + attention(norm x), then x + down(activation(gate) * up); without a gate x + down(activation(up))."""

    def __init__(self, spec: TransformerEncoder) -> None:
        super().__init__()
        width, feedforward = spec.width, spec.feedforward or 4 * spec.width
        norm = NORMS[spec.norm]
        self.heads, self.merge, self.gated = spec.heads, spec.merge, spec.gated
        self.norm_attention, self.norm_feedforward = norm(width), norm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, (1 + spec.gated) * feedforward), nn.Linear(feedforward, width)
        self.activation = ACTIVATIONS[spec.activation]
        self.dropout = nn.Dropout(spec.dropout)

    def forward(
        self, x: Tensor, offsets: Tensor, bias: Tensor | None, impl: Impl, rotary: Rotary | None = None
    ) -> Tensor:
        """x (tokens, width) -> (tokens, width); bias (tokens, heads) is added to the scores of a key; rotary: rotary positions.

        Of merged rows no weights are dropped: there are few of them, and each represents many atoms.
        """
        qkv = self.qkv(self.norm_attention(x)).unflatten(1, (3, self.heads, -1))
        if rotary is not None:
            qkv = torch.cat([apply_rotary(qkv[:, :2], rotary), qkv[:, 2:]], dim=1)
        dropout = self.dropout.p if self.training and not self.merge else 0.0
        mixed = packed_attention_qkv(qkv, offsets, bias=bias, dropout=dropout, impl=impl)
        x = x + self.dropout(self.out(mixed.flatten(1)))
        grown = self.up(self.norm_feedforward(x))
        if not self.gated:
            return x + self.dropout(self.down(self.activation(grown)))
        gate, up = grown.chunk(2, dim=1)
        return x + self.dropout(self.down(self.activation(gate) * up))


class Encoder(nn.Module):
    """Inputs -> Encoded. What heads read of a string, by `pooling`:

    cls: the state of the first token. mean: means, weighted by shares of atoms, of the states and of the embeddings; the
    second is a straight line from known features to the head, worth 5 % on small data. cls_mean: all three.
    attention: first token, mean of the states, and a mean whose weights are share times exp(learned score).
    With `merge` the rows are orbits (cloudkit.models.layout), and the logarithm of a row's share of the atoms is added
    to its attention scores; a token's state is then that of its orbit plus a vector of the token's kind.
    `impl` says how attention runs (cloudkit.kernels.packed_attention): "auto", "torch" or "triton".
    """

    impl: Impl = "auto"

    def __init__(self, spec: TransformerEncoder, embedding: PositionEmbedding | SymbolEmbedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(spec.dropout)
        self.layers = nn.ModuleList(Layer(spec) for _ in range(spec.layers))
        self.norm = NORMS[spec.norm](spec.width)
        self.rotary = spec.positions == "rotary"
        self.pooling, self.heads = spec.pooling, spec.heads
        self.score = nn.Linear(spec.width, 1) if spec.pooling == "attention" else None
        self.pooled_width = spec.width * {"cls": 1, "mean": 2, "cls_mean": 3, "attention": 3}[spec.pooling]

    def forward(self, inputs: Inputs) -> Encoded:
        """States of tokens and of strings."""
        embedded, share = self.embedding(inputs)
        layout, bias = _layout(inputs), None
        if inputs.merged is not None:
            bias = torch.where(share > 0, share, 1.0).log().float()[:, None].repeat(1, self.heads)
        x = self.dropout(embedded)
        rotary = rotary_angles(inputs.place, x.shape[1] // self.heads, x.dtype) if self.rotary else None
        for layer in self.layers:
            x = layer(x, layout.offsets, bias, self.impl, rotary)
        states = self.norm(x)
        pooled = []
        if self.pooling != "mean":
            pooled.append(states[layout.first])
        if self.pooling != "cls":
            pooled.append(_mean(states.float(), share, layout))
        if self.score is not None:
            pooled.append(_mean(states.float(), share * self.score(states)[:, 0].clamp(-9, 9).exp(), layout))
        elif self.pooling != "cls":
            pooled.append(_mean(embedded.float(), share, layout))
        return Encoded(self._of_tokens(states, inputs), torch.cat(pooled, dim=1))

    def _of_tokens(self, states: Tensor, inputs: Inputs) -> Tensor:
        """States (tokens, width) from those of rows."""
        if inputs.merged is None or not isinstance(self.embedding, OrbitEmbedding):
            return states
        found: Tensor = states[inputs.merged.row] + self.embedding.roles(self.embedding.kind[inputs.ids])
        return found


class _Layout(NamedTuple):
    """Of the rows that attention sees: sequence (rows,), first (strings,) the first row of each string, offsets."""

    sequence: Tensor
    first: Tensor
    offsets: Tensor
    strings: int


def _layout(inputs: Inputs) -> _Layout:
    if inputs.merged is not None:
        return _Layout(inputs.merged.sequence, inputs.merged.first, inputs.merged.offsets, inputs.count)
    first = (inputs.place == 0).nonzero()[:, 0]
    return _Layout(inputs.sequence, first, inputs.offsets, inputs.count)


def _mean(values: Tensor, weight: Tensor, layout: _Layout) -> Tensor:
    """Mean (strings, width) of values (rows, width) over each string, by weight (rows,)."""
    total = segment_sum(weight, layout.sequence, layout.strings).clamp(min=1e-6)
    return segment_sum(values * (weight / total[layout.sequence])[:, None], layout.sequence, layout.strings)
