"""Chooses the attention kernel for each row and its configuration, and launches it.

Whole-sequence programs take sequences of up to 64 rows in tiles of 64, longer ones of two-byte dtypes in tiles of 128; the
rest is streamed. The limit may differ between the forward and the backward pass, because neither reads tiles of the other.
benchmarks/results/kernels.txt lists registers and memory of each configuration on each chip,
spec/decisions/0006-packed-attention.md the reasons for the choice.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import torch
import triton
from torch import Tensor

from cloudkit.kernels import attention_triton
from cloudkit.kernels.attention_packing import Packing

INTERPRETED: Final[bool] = triton.knobs.runtime.interpret
PRECISION: Final = "ieee"  # of float32 products
INDEX_LIMIT: Final = 2**31
STRIDE_LIMIT: Final = 2**24  # 128 rows of that stay within int32
OPTIONS: Final = {"num_stages": 1, "enable_fp_fusion": True}  # of the compiler, in addition to num_warps
VENDOR = "amd" if torch.version.hip else "nvidia"


class Configuration(NamedTuple):
    """Configuration of a kernel: rows of queries and keys per program, padded head size, warps."""

    kernel: str
    queries: int
    keys: int
    dim: int
    warps: int


Shape = tuple[str, int, int, int]  # kernel, queries, keys, warps


class Plan(NamedTuple):
    """Configurations. whole: by rows of a tile, ascending; stream: the passes over longer sequences, in order."""

    whole: tuple[Configuration, ...]
    stream: tuple[Configuration, ...]


def plan_forward(itemsize: int, head_size: int, vendor: str) -> Plan:
    """Configurations for elements of `itemsize` bytes on chips of "nvidia" or "amd"."""
    nvidia, wide = vendor == "nvidia", head_size > 64
    if itemsize == 4:
        whole = [("whole_forward", 16, 64, 8 if nvidia else 4)]
        return _plan(head_size, whole, [("stream_forward", 16, 32, 8 if nvidia and wide else 4)])
    whole = [("whole_forward", 64, 64, 4), ("whole_forward", 64, 128, 8)]
    return _plan(head_size, whole, [("stream_forward", 64, 64, 4)])


def plan_backward(itemsize: int, head_size: int, vendor: str) -> Plan:
    """Configurations for elements of `itemsize` bytes on chips of "nvidia" or "amd"."""
    nvidia, wide = vendor == "nvidia", head_size > 64
    if itemsize == 4:
        warps = 8 if nvidia else 4
        whole = [("whole_backward", 16, 16, 4) if nvidia and wide else ("whole_backward", 16, 64, warps)]
        stream = [("stream_backward_queries", 16, 16, warps), ("stream_backward_keys", 16, 16, 4)]
        return _plan(head_size, whole, stream)
    queries, warps = 32 if nvidia else 16, 8 if nvidia and wide else 4
    whole = [("whole_backward", queries, 64, warps), ("whole_backward", queries, 128, 8)][: 1 if wide else 2]
    stream = [("stream_backward_queries", 64, 32, 4), ("stream_backward_keys", 32, 64, warps)]
    return _plan(head_size, whole, stream)


def _plan(head_size: int, whole: list[Shape], stream: list[Shape]) -> Plan:
    dim = triton.next_power_of_2(head_size)
    made = [
        tuple(Configuration(kernel, queries, keys, dim, warps) for kernel, queries, keys, warps in rows)
        for rows in (whole, stream)
    ]
    return Plan(*made)


def _launch(plan: Plan, packing: Packing, arguments: dict[str, Any]) -> None:
    """Run each whole-sequence kernel on its tiles, then each streaming kernel on its blocks."""
    device, above = arguments["q_ptr"].device, 0
    for chosen in plan.whole:
        tiles = packing.tiles(above, chosen.keys, device)
        _run(chosen, len(tiles), arguments | {"tiles_ptr": tiles, "sequence_ptr": packing.sequence(device)})
        above = chosen.keys
    for chosen in plan.stream:
        rows = chosen.keys if chosen.kernel == "stream_backward_keys" else chosen.queries
        blocks = packing.blocks(above, rows, device)
        _run(chosen, len(blocks), arguments | {"blocks_ptr": blocks})


def _run(chosen: Configuration, programs: int, arguments: dict[str, Any]) -> None:
    """Run a kernel with one program for each tile or block and head."""
    if not programs:
        return
    kernel = getattr(attention_triton, chosen.kernel)
    constants = {"QUERIES": chosen.queries, "KEYS": chosen.keys, "DIM": chosen.dim, "PRECISION": PRECISION}
    named = {name: arguments[name] for name in kernel.arg_names if name not in constants}
    with torch.cuda.device_of(arguments["q_ptr"]):
        kernel[(programs * arguments["heads"],)](**named, **constants, num_warps=chosen.warps, **OPTIONS)


def forward(
    parts: Sequence[Tensor],
    packing: Packing,
    bias: Tensor | None,
    seed: Tensor,
    out: Tensor,
    lse: Tensor,
    scale: float,
    dropout: float,
) -> None:
    """Fill out (tokens, heads, dim) and lse (heads, tokens)."""
    views = dict(zip("qkv", _views(parts), strict=True))
    arguments = _arguments(views | {"out": out}, bias, seed, lse, scale, dropout)
    _launch(plan_forward(out.element_size(), out.shape[2], VENDOR), packing, arguments)


def backward(
    grad: Tensor,
    parts: Sequence[Tensor],
    packing: Packing,
    bias: Tensor | None,
    seed: Tensor,
    out: Tensor,
    lse: Tensor,
    scale: float,
    dropout: float,
) -> list[Tensor]:
    """Return the gradients of the parts and, if given, of bias."""
    grads = [torch.empty(part.shape, dtype=part.dtype, device=part.device) for part in parts]
    views = dict(zip(("q", "k", "v", "dq", "dk", "dv"), (*_views(parts), *_views(grads)), strict=True))
    arguments = _arguments(views | {"out": out, "grad": _aligned(grad)}, bias, seed, lse, scale, dropout)
    by_bias = lse if bias is None else torch.empty_like(lse)
    arguments |= {"dbias_ptr": by_bias, "delta_ptr": torch.empty_like(lse)}
    _launch(plan_backward(out.element_size(), out.shape[2], VENDOR), packing, arguments)
    return grads if bias is None else [*grads, by_bias.t().contiguous()]


def _views(parts: Sequence[Tensor]) -> Sequence[Tensor]:
    return parts if len(parts) == 3 else parts[0].unbind(1)


def _arguments(
    rows: dict[str, Tensor], bias: Tensor | None, seed: Tensor, lse: Tensor, scale: float, dropout: float
) -> dict[str, Any]:
    """Return pointers and strides by the names that the kernels use."""
    tokens, heads, dim = rows["q"].shape
    if not rows["q"].is_cuda and not INTERPRETED:
        raise ValueError(f"impl='triton' needs q on a GPU, found {rows['q'].device}; use impl='torch' there")
    if tokens * heads >= INDEX_LIMIT:
        raise ValueError(f"q must have fewer than 2**31 rows, tokens times heads, found {tokens} x {heads}")
    for name, part in rows.items():
        stride = part.stride(0) if tokens > 1 else 0
        if stride % 8 or not 0 <= stride < STRIDE_LIMIT or part.data_ptr() % 16:
            rule = "rows must start at multiples of 16 bytes, and their stride must be a multiple of 8 below 2**24"
            found = f"found stride {part.stride(0)}; call .clone()"
            raise ValueError(f"{name}: its {rule} for impl='triton', {found}")
    pointers = {f"{name}_ptr": part for name, part in rows.items()}
    strides = {f"{name}_stride": part.stride(0) // 8 for name, part in rows.items()}
    by_head = lse if bias is None else _aligned(bias.t())
    numbers = {"tokens": tokens, "heads": heads, "dim8": dim // 8, "has_bias": int(bias is not None)}
    more = {"bias_ptr": by_head, "seed_ptr": seed, "lse_ptr": lse, "scale": scale, "dropout": dropout}
    return pointers | strides | numbers | more


def _aligned(tensor: Tensor) -> Tensor:
    tensor = tensor.contiguous()
    return tensor if tensor.data_ptr() % 16 == 0 else tensor.clone()
