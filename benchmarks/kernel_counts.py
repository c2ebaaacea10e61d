"""What packed attention must do and move, the time that takes at least on three chips, and what the kernels move.

    python benchmarks/kernel_counts.py

No GPU is needed: the kernels run in Triton's interpreter, whose loads, stores and products are counted; lanes that a mask
switches off move nothing. Strings are built-in minerals, drawn by a fixed seed.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported

import numpy as np
import torch
from kernel_floor import CHIPS, Count, Lengths, lower_bounds, sample
from triton.runtime import interpreter

from cloudkit.kernels import packed_attention_qkv

BATCH, HEADS, DIM = 1024, 12, 64
ELEMENT: Final = torch.float16


@contextmanager
def counting() -> Iterator[list[int]]:
    """[bytes, operations] of all kernels that the interpreter runs meanwhile."""
    builder, seen = interpreter.InterpreterBuilder, [0, 0]
    load, store, dot = builder.create_masked_load, builder.create_masked_store, builder.create_dot

    def counted_load(self: Any, pointers: Any, mask: Any, *rest: Any) -> Any:
        seen[0] += int(np.count_nonzero(mask.data)) * pointers.get_element_ty().primitive_bitwidth // 8
        return load(self, pointers, mask, *rest)

    def counted_store(self: Any, pointers: Any, value: Any, mask: Any, *rest: Any) -> Any:
        seen[0] += int(np.count_nonzero(mask.data)) * pointers.get_element_ty().primitive_bitwidth // 8
        return store(self, pointers, value, mask, *rest)

    def counted_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        seen[1] += 2 * a.data.shape[0] * a.data.shape[1] * b.data.shape[1]
        return dot(self, a, b, *rest)

    builder.create_masked_load, builder.create_masked_store, builder.create_dot = (
        counted_load,
        counted_store,
        counted_dot,
    )
    try:
        yield seen
    finally:
        builder.create_masked_load, builder.create_masked_store, builder.create_dot = load, store, dot


def moved(lengths: Lengths, heads: int, dim: int) -> tuple[Count, Count]:
    """What the kernels move and multiply forward and backward; each head has programs of its own, so one is counted."""
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]))
    qkv = torch.zeros(int(offsets[-1]), 3, 1, dim, dtype=ELEMENT, requires_grad=True)
    with counting() as forward:
        out = packed_attention_qkv(qkv, offsets, impl="triton")
    with counting() as backward:
        out.sum().backward()
    return Count(*(heads * n for n in forward)), Count(*(heads * n for n in backward))


def report(name: str, lengths: Lengths, heads: int, dim: int, line: Callable[[str], None]) -> float:
    """One block of text about a batch, by lines; the forward pass's bytes over the least."""
    line(
        f"{name}: {len(lengths)} strings, mean length {lengths.mean():.1f}, {heads} heads of {dim}, {ELEMENT}"
    )
    ratios = []
    for title, need, have in zip(
        ("forward", "backward"),
        lower_bounds(lengths, heads, dim, ELEMENT.itemsize),
        moved(lengths, heads, dim),
        strict=True,
    ):
        ratios.append(have.bytes / need.bytes)
        line(
            f"  {title:8}  needs {need.operations / 1e9:8.3f} GFLOP {need.bytes / 1e6:9.3f} MB; does {have.operations / 1e9:8.3f} GFLOP, moves {have.bytes / 1e6:9.3f} MB, {ratios[-1]:.3f} times the least"
        )
        for chip in CHIPS:
            memory, arithmetic = need.bytes / chip.bandwidth * 1e6, need.operations / chip.operations * 1e6
            bound = "memory" if memory > arithmetic else "arithmetic"
            line(
                f"    {chip.name:16} floor {max(memory, arithmetic):8.2f} µs ({bound}); tiles' arithmetic {have.operations / chip.operations * 1e6:7.2f} µs"
            )
    return ratios[0]


def main(line: Callable[[str], None] = print, batch: int = BATCH) -> list[float]:
    """The published shape and compact strings."""
    return [
        report("published shape", sample("cloud", "reduced", batch), HEADS, DIM, line),
        report("compact strings", sample("compact", "orbit", batch), HEADS, DIM, line),
    ]


if __name__ == "__main__":
    main()
