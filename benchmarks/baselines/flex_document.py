"""Rival: FlexAttention over the packed batch with a document mask, compiled on GPUs; on CPUs it has no gradient."""

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from .attention_rival import Rival


def load(q: Tensor, k: Tensor, v: Tensor, offsets: Tensor) -> Rival:
    """The block mask is made here, outside what is timed."""
    lengths = offsets.diff().to(q.device)
    document = torch.repeat_interleave(torch.arange(len(lengths), device=q.device), lengths)

    def same(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return document[query] == document[key]

    mask = create_block_mask(same, None, None, len(q), len(q), device=q.device)
    run = torch.compile(flex_attention) if q.is_cuda else flex_attention
    inputs = tuple(
        part.detach().transpose(0, 1)[None].contiguous().requires_grad_(q.is_cuda) for part in (q, k, v)
    )
    return Rival(
        "FlexAttention, document mask",
        inputs,
        lambda q, k, v: run(q, k, v, block_mask=mask),
        lambda out: out[0].transpose(0, 1),
    )
