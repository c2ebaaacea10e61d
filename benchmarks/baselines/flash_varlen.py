"""Rival: FlashAttention over the packed batch, as torch ships it (two-byte dtypes on GPUs)."""

from importlib.util import find_spec

import torch
from torch import Tensor

from .attention_rival import Rival


def load(q: Tensor, k: Tensor, v: Tensor, offsets: Tensor) -> Rival | None:
    """None where torch has no variable-length attention or no kernel for the input."""
    if not q.is_cuda or q.dtype == torch.float32 or find_spec("torch.nn.attention.varlen") is None:
        return None
    from torch.nn.attention.varlen import varlen_attn

    ends, longest = offsets.to(q.device, torch.int32), int(offsets.diff().max())
    inputs = tuple(part.detach().clone().requires_grad_() for part in (q, k, v))
    return Rival(
        "FlashAttention, variable length",
        inputs,
        lambda q, k, v: varlen_attn(q, k, v, ends, ends, longest, longest),
        lambda out: out,
    )
