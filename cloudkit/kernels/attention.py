"""Softmax self-attention within each sequence of a packed batch: checks the arguments, runs the torch or the Triton path.

On GPUs the Triton path is one operator, ``torch.ops.cloudkit.packed_attention``; on CPUs runs of equal length go through
torch's scaled_dot_product_attention, except under `torch.compile`, which takes the operator everywhere.
"""

import math
from types import ModuleType
from typing import Any, Final

import torch
from torch import Tensor

from cloudkit.errors import require
from cloudkit.kernels.arguments import Impl, has_triton
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
    """Return out (tokens, heads, dim), and for the gradient lse (heads, tokens) float32: log2 of the sum of weights of each row.

    The operator as torch.compile, autograd and opcheck see it. parts: Q, K and V (tokens, heads, dim), or one fused (tokens, 3,
    heads, dim). fused: run the Triton kernels; otherwise the torch path, which needs no lse and runs forward again in the
    backward pass.
    """
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
    """Return the gradients of the parts and, if given, of bias."""
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


HEAD_SIZES: Final = range(16, 129, 8)  # of the Triton path
TRITON_DTYPES: Final = (torch.float16, torch.bfloat16, torch.float32)
DTYPES: Final = (*TRITON_DTYPES, torch.float64)


def packed_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    offsets: Tensor,
    *,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Compute softmax(scale q kᵀ + bias) v within each sequence of a packed batch.

    Accumulates in float32 (torch on CPUs: as torch does); float32 products are IEEE, not TF32.

    Parameters
    ----------
    q, k, v
        (tokens, heads, dim), float16, bfloat16, float32 or float64 on one device. The last two dimensions are contiguous, so
        views of a fused projection need no copy.
    offsets
        (sequences + 1,), int32 or int64, ascending from 0 to `tokens`: sequence i is rows offsets[i] to offsets[i + 1] - 1 and
        may be empty. Keep it on the CPU, where reading it does not wait for the device.
    bias
        (tokens, heads), float32 (float64 with float64 inputs), added to the scores of a key. -inf masks the key; each sequence
        needs one that is not masked.
    scale
        By default 1/sqrt(dim).
    dropout
        Fraction of the weights that is dropped, in [0, 1); the others are scaled up.
    seed
        In [0, 2**63), determines the dropped weights on every device; by default drawn from torch's generator.
    impl
        "triton": on GPUs, for head sizes 16, 24 … 128, without float64; "torch": anywhere; "auto": Triton if it can.

    Returns
    -------
    Tensor
        (tokens, heads, dim), contiguous.

    Raises
    ------
    ValueError
        Naming the argument and its rule.
    MissingExtra
        For "triton" without Triton (extra `gpu`).

    Examples
    --------
    >>> q, v = torch.zeros(3, 1, 16), torch.tensor([5.0, 1.0, 3.0])[:, None, None].repeat(1, 1, 16)
    >>> packed_attention(q, q, v, torch.tensor([0, 1, 3]))[:, 0, 0]
    tensor([5., 2., 2.])
    """
    for name, part in (("q", q), ("k", k), ("v", v)):
        _check_part(name, part, "(tokens, heads, dim)", 3, q)
    return _attention([q, k, v], offsets, bias, scale, dropout, seed, impl)


def packed_attention_qkv(
    qkv: Tensor,
    offsets: Tensor,
    *,
    bias: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Compute `packed_attention` of one fused tensor, whose gradient is one fused tensor too.

    Parameters
    ----------
    qkv
        (tokens, 3, heads, dim).
    offsets, bias, scale, dropout, seed, impl
        As in `packed_attention`.

    Returns
    -------
    Tensor
        (tokens, heads, dim), contiguous.

    Raises
    ------
    ValueError, MissingExtra
        As `packed_attention`.

    Examples
    --------
    >>> packed_attention_qkv(torch.zeros(3, 3, 2, 16), torch.tensor([0, 1, 3])).shape
    torch.Size([3, 2, 16])
    """
    _check_part("qkv", qkv, "(tokens, 3, heads, dim)", 4, qkv)
    if qkv.shape[1] != 3:
        raise ValueError(f"qkv must have the shape (tokens, 3, heads, dim), found {tuple(qkv.shape)}")
    return _attention([qkv], offsets, bias, scale, dropout, seed, impl)


def _attention(
    parts: list[Tensor],
    offsets: Tensor,
    bias: Tensor | None,
    scale: float | None,
    dropout: float,
    seed: int | None,
    impl: Impl,
) -> Tensor:
    name, first = "qkv" if len(parts) == 1 else "q", parts[0]
    tokens, (heads, dim) = first.shape[0], first.shape[-2:]
    _check_offsets(offsets, first.device)
    _check_bias(bias, first, (tokens, heads))
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1), found {dropout}")
    scale = dim**-0.5 if scale is None else scale
    if not math.isfinite(scale):
        raise ValueError(f"scale must be finite, found {scale}")
    fused = _uses_triton(impl, name, first)
    words = _seed(seed, dropout, first.device)
    if fused or torch.compiler.is_compiling():
        out: Tensor = attention(parts, offsets, bias, words, scale, dropout, fused)[0]
        return out
    return attend(parts, read_offsets(offsets, tokens).runs(), bias, words, scale, dropout)


def _check_part(name: str, part: Tensor, form: str, dims: int, first: Tensor) -> None:
    if not isinstance(part, Tensor):
        raise ValueError(f"{name} must be a tensor {form}, found {type(part).__name__}")
    if part.dim() != dims or 0 in part.shape[1:]:
        raise ValueError(
            f"{name} must have the shape {form}, only tokens may be 0, found {tuple(part.shape)}"
        )
    if part.shape != first.shape:
        raise ValueError(f"{name} must have the shape of q, {tuple(first.shape)}, found {tuple(part.shape)}")
    if part.dtype not in DTYPES or part.dtype != first.dtype:
        rule = (
            "the dtype of q, " + str(first.dtype)
            if first.dtype in DTYPES
            else "a floating dtype of 2 to 8 bytes"
        )
        raise ValueError(f"{name} must have {rule}, found {part.dtype}")
    if part.device != first.device:
        raise ValueError(f"{name} must be on {first.device} as q is, found {part.device}")
    heads, dim = part.shape[-2:]
    if part.stride(-1) != 1 or (heads > 1 and part.stride(-2) != dim):
        rule = f"last two dimensions must be contiguous, strides (…, {part.shape[-1]}, 1)"
        raise ValueError(f"{name}: its {rule}, found {part.stride()}; call .contiguous()")


def _check_offsets(offsets: Tensor, device: torch.device) -> None:
    if not isinstance(offsets, Tensor) or offsets.dtype not in (torch.int32, torch.int64):
        found = offsets.dtype if isinstance(offsets, Tensor) else type(offsets).__name__
        raise ValueError(f"offsets must be an int32 or int64 tensor, found {found}")
    if offsets.dim() != 1 or not len(offsets):
        raise ValueError(f"offsets must have the shape (sequences + 1,), found {tuple(offsets.shape)}")
    if offsets.device.type != "cpu" and offsets.device != device:
        raise ValueError(f"offsets must be on the CPU or on {device}, found {offsets.device}")


def _check_bias(bias: Tensor | None, first: Tensor, shape: tuple[int, int]) -> None:
    if bias is None:
        return
    if not isinstance(bias, Tensor) or bias.shape != shape:
        found = tuple(bias.shape) if isinstance(bias, Tensor) else type(bias).__name__
        raise ValueError(f"bias must have the shape (tokens, heads) = {shape}, found {found}")
    dtype = torch.promote_types(first.dtype, torch.float32)
    if bias.dtype != dtype or bias.device != first.device:
        raise ValueError(
            f"bias must be {dtype} on {first.device} for inputs of {first.dtype}, found {bias.dtype} on {bias.device}"
        )


def _seed(seed: int | None, dropout: float, device: torch.device) -> Tensor:
    """Return the seed as the kernels read it, (1,) int64 on the device."""
    if seed is not None and not 0 <= seed < 2**63:
        raise ValueError(f"seed must be in [0, 2**63), found {seed}")
    if not dropout:
        return torch.empty(1, dtype=torch.int64, device=device)  # not read
    if seed is None:
        return torch.randint(2**63 - 1, (1,), device=device)
    return torch.full((1,), seed, dtype=torch.int64, device=device)


def _uses_triton(impl: str, name: str, first: Tensor) -> bool:
    if impl not in ("auto", "torch", "triton"):
        raise ValueError(f"impl must be 'auto', 'torch' or 'triton', found {impl!r}")
    fits = first.shape[-1] in HEAD_SIZES and first.dtype in TRITON_DTYPES
    if impl != "triton":
        return impl == "auto" and first.is_cuda and fits and has_triton()
    if first.shape[-1] not in HEAD_SIZES:
        rule = "must have a head size (last dimension) of 16, 24 … 128"
        raise ValueError(f"{name} {rule} for impl='triton', found {first.shape[-1]}; use impl='torch'")
    if first.dtype not in TRITON_DTYPES:
        raise ValueError(
            f"{name} must be float16, bfloat16 or float32 for impl='triton', found {first.dtype}"
        )
    return True
