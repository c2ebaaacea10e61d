"""The operator ``cloudkit::packed_attention`` and its gradient, as torch.compile, autograd and opcheck see them.

parts: Q, K and V (tokens, heads, dim), or one fused (tokens, 3, heads, dim). fused: run the Triton kernels; otherwise the
torch path, which needs no lse and runs forward again in the backward pass.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from cloudkit.errors import require
from cloudkit.kernels.attention_packing import read_offsets
from cloudkit.kernels.attention_torch import attend, pull_back


@torch.library.custom_op("cloudkit::packed_attention", mutates_args=())
def attention(
    parts: list[Tensor],
    offsets: Tensor,
    bias: Tensor | None,
    seed: Tensor,
    scale: float,
    dropout: float,
    fused: bool,
) -> tuple[Tensor, Tensor]:
    """out (tokens, heads, dim), and for the gradient lse (heads, tokens) float32: log2 of each row's sum of weights."""
    out, lse = _outputs(parts)
    packing = read_offsets(offsets, len(out))
    if fused:
        _launcher().forward(parts, packing, bias, seed, out, lse, scale, dropout)
        return out, lse
    return attend(parts, packing.runs(), bias, seed, scale, dropout), lse.zero_()


@torch.library.custom_op("cloudkit::packed_attention_backward", mutates_args=())
def attention_backward(
    grad: Tensor,
    parts: list[Tensor],
    offsets: Tensor,
    bias: Tensor | None,
    seed: Tensor,
    out: Tensor,
    lse: Tensor,
    scale: float,
    dropout: float,
    fused: bool,
) -> list[Tensor]:
    """Gradients of the parts and, where there is one, of bias."""
    packing = read_offsets(offsets, len(out))
    if fused:
        grads: list[Tensor] = _launcher().backward(grad, parts, packing, bias, seed, out, lse, scale, dropout)
        return grads
    return pull_back(grad, parts, packing.runs(), bias, seed, scale, dropout)


@attention.register_fake
def _(parts: list[Tensor], *_: Any) -> tuple[Tensor, Tensor]:
    return _outputs(parts)


@attention_backward.register_fake
def _(grad: Tensor, parts: list[Tensor], offsets: Tensor, bias: Tensor | None, *_: Any) -> list[Tensor]:
    return [torch.empty_like(part, memory_format=torch.contiguous_format) for part in (*parts, *_maybe(bias))]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    parts, offsets, bias, seed, ctx.scale, ctx.dropout, ctx.fused = inputs
    ctx.has_bias = bias is not None
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(offsets, seed, *output, *parts, *_maybe(bias))


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Any, ...]:
    offsets, seed, out, lse, *rest = ctx.saved_tensors
    bias = rest.pop() if ctx.has_bias else None
    grads = attention_backward(grad, rest, offsets, bias, seed, out, lse, ctx.scale, ctx.dropout, ctx.fused)
    return grads[: len(rest)], None, grads[-1] if ctx.has_bias else None, None, None, None, None


attention.register_autograd(_backward, setup_context=_setup_context)


def _outputs(parts: list[Tensor]) -> tuple[Tensor, Tensor]:
    tokens, (heads, dim) = parts[0].shape[0], parts[0].shape[-2:]
    return parts[0].new_empty(tokens, heads, dim), parts[0].new_empty(heads, tokens, dtype=torch.float32)


def _maybe(bias: Tensor | None) -> tuple[Tensor, ...]:
    return () if bias is None else (bias,)


def _launcher() -> ModuleType:
    require("triton", "gpu")
    from cloudkit.kernels import attention_launch

    return attention_launch
