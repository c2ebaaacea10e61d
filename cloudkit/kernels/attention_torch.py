"""Attention within each sequence of a packed batch, in torch: the path for CPUs, and the twin of the Triton kernels.

Sequences of a run, neighbours of equal length, are viewed as one dense (sequences, heads, length, dim) block: nothing is
padded. Every step is differentiable to any order, in any floating dtype.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from cloudkit.kernels.attention_packing import Run

UINT32_MAX: Final = 0xFFFFFFFF
GOLDEN: Final = 0x9E3779B9
EMPTY: Final[Run] = (0, 0, 1)  # the run of a batch without tokens


def attend(
    parts: Sequence[Tensor],
    runs: Sequence[Run],
    bias: Tensor | None,
    seed: Tensor,
    scale: float,
    dropout: float,
) -> Tensor:
    """Return (tokens, heads, dim); parts: Q, K and V of that shape, or one (tokens, 3, heads, dim). See packed_attention."""
    out = []
    for run, q, k, v, added in _blocks(parts, runs, bias):
        if dropout or not q.numel():  # an empty batch still depends on its bias
            weights = _weights(q, k, added, scale)
            mixed = (weights * _factor(run, weights, seed, dropout)).to(v.dtype) @ v
        else:
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=added, scale=scale)
        out.append(mixed.transpose(1, 2).flatten(0, 1))
    return torch.cat(out)


def pull_back(
    grad: Tensor,
    parts: Sequence[Tensor],
    runs: Sequence[Run],
    bias: Tensor | None,
    seed: Tensor,
    scale: float,
    dropout: float,
) -> list[Tensor]:
    """Return the gradients of the parts and, if given, of bias from that of the output; as the kernels compute them."""
    grads: list[list[Tensor]] = [[], [], [], []]
    rows = _split(grad, runs)
    for (run, q, k, v, added), grad_rows in zip(_blocks(parts, runs, bias), rows, strict=True):
        g, weights = grad_rows.transpose(1, 2), _weights(q, k, added, scale)
        keep = _factor(run, weights, seed, dropout) if dropout else 1.0
        by_weights = (g @ v.transpose(-1, -2)).to(weights.dtype) * keep
        by_scores = weights * (by_weights - (weights * by_weights).sum(-1, keepdim=True))
        rounded = by_scores.to(q.dtype)
        found = (
            scale * (rounded @ k),
            scale * (rounded.mT @ q),
            (weights * keep).to(g.dtype).mT @ g,
            by_scores.sum(-2),
        )
        for whole, part in zip(grads, found, strict=True):
            whole.append(part.transpose(1, 2).flatten(0, 1))
    *by_parts, by_bias = (torch.cat(whole) for whole in grads)
    by_parts = by_parts if len(parts) == 3 else [torch.stack(by_parts, 1)]
    return by_parts if bias is None else [*by_parts, by_bias]


def _blocks(
    parts: Sequence[Tensor], runs: Sequence[Run], bias: Tensor | None
) -> Iterator[tuple[Run, Tensor, Tensor, Tensor, Tensor | None]]:
    """Yield each run, its Q, K and V as (sequences, heads, length, dim), its bias as (sequences, heads, 1, length)."""
    runs = runs or [EMPTY]
    biases = [None] * len(runs) if bias is None else _split(bias, runs)
    for run, added, *rows in zip(runs, biases, *(_split(part, runs) for part in parts), strict=True):
        q, k, v = _dense(rows)
        yield run, q, k, v, None if added is None else added.transpose(1, 2)[:, :, None, :].to(q.dtype)


def _split(part: Tensor, runs: Sequence[Run]) -> Iterator[Tensor]:
    """Yield the rows of each run as (sequences, length, ...); one split, so that its gradient is one concatenation."""
    runs = runs or [EMPTY]
    pieces = part.split([count * length for _, count, length in runs])
    return (piece.unflatten(0, run[1:]) for piece, run in zip(pieces, runs, strict=True))


def _dense(rows: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return Q, K, V as (sequences, heads, length, dim), from one fused block or three."""
    if len(rows) == 1:
        return rows[0].permute(2, 0, 3, 1, 4).unbind()
    return tuple(part.transpose(1, 2) for part in rows)


def _weights(q: Tensor, k: Tensor, bias: Tensor | None, scale: float) -> Tensor:
    scores = (q * scale) @ k.mT
    if bias is not None:
        scores = scores + bias
    return torch.softmax(scores, -1, dtype=torch.promote_types(q.dtype, torch.float32))


def _factor(run: Run, weights: Tensor, seed: Tensor, dropout: float) -> Tensor:
    """Return the factors with which dropout multiplies the weights of a run."""
    return _keep_mask(run, weights.shape[1], seed, dropout).to(weights.dtype) / (1 - dropout)


def _keep_mask(run: Run, heads: int, seed: Tensor, dropout: float) -> Tensor:
    """Return which weights of a run are kept, (sequences, heads, queries, keys); the same bits as attention_triton._keep_mask."""
    first, count, length = run
    token = torch.arange(first, first + count * length, device=seed.device).view(count, 1, length)
    head = torch.arange(heads, device=seed.device).view(heads, 1)
    low, high = seed & UINT32_MAX, (seed >> 32) & UINT32_MAX
    row = _mix(_mix((token + low) & UINT32_MAX) ^ ((head * GOLDEN + high) & UINT32_MAX))
    bits = _mix((row[..., :, None] + (token * GOLDEN)[..., None, :]) & UINT32_MAX)
    return (bits >> 8) * 2.0**-24 >= torch.tensor(dropout, dtype=torch.float32, device=seed.device)


def _mix(x: Tensor) -> Tensor:
    """Hash uint32, stored as int64; a bijection (lowbias32, Wellons 2018)."""
    x = (x ^ (x >> 16)) * 0x7FEB352D & UINT32_MAX
    x = (x ^ (x >> 15)) * 0x846CA68B & UINT32_MAX
    return x ^ (x >> 16)
