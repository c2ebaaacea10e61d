"""The transformer shared by all heads: pre-norm, attention within each string of a packed batch.

Norm, gating, activation and positions are set in the spec.
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
    """Outputs of an encoder: states (tokens, width), and pooled states (strings, 1 to 3 widths)."""

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
    """Compute rotary angles at positions (tokens,) for attention heads of a width."""
    rates = ROTARY_BASE ** (-torch.arange(0, width, 2, device=place.device, dtype=torch.float32) / width)
    angle = (place[:, None] * rates)[:, None, None]
    return Rotary(angle.cos().to(dtype), angle.sin().to(dtype))


def apply_rotary(vectors: Tensor, rotary: Rotary) -> Tensor:
    """Rotate queries and keys (tokens, 2, heads, head width), so that scores depend on relative positions only."""
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
        """x (tokens, width) -> (tokens, width); bias (tokens, heads) is added to the attention scores of each key.

        Merged rows get no attention dropout: there are few of them, and each stands for many atoms.
        """
        qkv = self.qkv(self.norm_attention(x)).unflatten(1, (3, self.heads, -1))
        if rotary is not None:
            qkv = torch.cat([apply_rotary(qkv[:, :2], rotary), qkv[:, 2:]], dim=1)
        dropout = self.dropout.p if self.training and not self.merge else 0.0
        mixed = packed_attention_qkv(qkv, offsets, bias=bias, dropout=dropout, impl=impl)
        x = x + self.dropout(self.out(mixed.flatten(1)))
        projected = self.up(self.norm_feedforward(x))
        if not self.gated:
            return x + self.dropout(self.down(self.activation(projected)))
        gate, up = projected.chunk(2, dim=1)
        return x + self.dropout(self.down(self.activation(gate) * up))


class Encoder(nn.Module):
    """Inputs -> Encoded.

    Pooling: `cls`, the state of the first token; `mean`, means of the states and of the embeddings weighted by atomic fractions
    (the latter is a linear path from features to the head, worth 5 % on small data); `cls_mean`, all three; `attention`, first
    token, mean of the states, and a mean with weights fraction × exp(learned score).
    With `merge` rows are orbits (cloudkit.models.layout), the logarithm of their atomic fraction is added to attention scores, and
    the state of a token is that of its orbit plus a vector of the token's kind.
    `impl`: how attention is computed (cloudkit.kernels.packed_attention), "auto", "torch" or "triton".
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
        """Return the states of all tokens, and the pooled states of all strings."""
        embedded, share = self.embedding(inputs)
        layout, bias = _layout(inputs), None
        if inputs.merged is not None:
            bias = torch.where(share > 0, share, 1.0).log().float()[:, None].repeat(1, self.heads)
        x = self.dropout(embedded)
        rotary = rotary_angles(inputs.position, x.shape[1] // self.heads, x.dtype) if self.rotary else None
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
        """Expand states of rows to states of tokens (tokens, width)."""
        if inputs.merged is None or not isinstance(self.embedding, OrbitEmbedding):
            return states
        out: Tensor = states[inputs.merged.row] + self.embedding.roles(self.embedding.kind[inputs.ids])
        return out


class _Layout(NamedTuple):
    """Rows that attention sees: sequence (rows,), string of each row; first (strings,), first row of each string; offsets."""

    sequence: Tensor
    first: Tensor
    offsets: Tensor
    strings: int


def _layout(inputs: Inputs) -> _Layout:
    if inputs.merged is not None:
        return _Layout(inputs.merged.sequence, inputs.merged.first, inputs.merged.offsets, inputs.count)
    first = (inputs.position == 0).nonzero()[:, 0]
    return _Layout(inputs.sequence, first, inputs.offsets, inputs.count)


def _mean(values: Tensor, weight: Tensor, layout: _Layout) -> Tensor:
    """Return the mean (strings, width) of values (rows, width) over each string, weighted by weight (rows,)."""
    total = segment_sum(weight, layout.sequence, layout.strings).clamp(min=1e-6)
    return segment_sum(values * (weight / total[layout.sequence])[:, None], layout.sequence, layout.strings)
