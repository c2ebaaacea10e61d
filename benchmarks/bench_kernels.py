"""Kernels on a GPU and their rivals: correctness first, then times, and bytes and operations as shares of what the GPU does.

    python benchmarks/bench_kernels.py               # on a GPU
    TRITON_INTERPRET=1 python benchmarks/bench_kernels.py --small   # anywhere: checks that it works, its times mean nothing

Ceilings are measured first: a copy of a large tensor, and a product of large two-byte matrices. Bytes and operations are
the least that exact attention needs (kernel_floor.py), so that a share says how far a way is from the floor.
"""

import argparse
import time
from collections.abc import Callable

import torch
import triton
from baselines import flash_varlen, flex_document, sdpa_padded
from baselines.attention_rival import Rival
from kernel_floor import Lengths, lower_bounds, sample
from torch import Tensor

from cloudkit.kernels import packed_attention, packed_attention_qkv, thermodynamics

TOLERANCE = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
RIVAL_TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}  # rivals may use TF32


def seconds(work: Callable[[], object], device: str) -> float:
    """Median of one call; on a GPU with a cold L2 cache."""
    if device == "cuda":
        return float(triton.testing.do_bench(work, return_mode="median")) / 1e3
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ceilings(device: str, size: int) -> tuple[float, float]:
    """Bytes a second of a copy, operations a second of a float16 product."""
    source = torch.zeros(size * size, dtype=torch.float16, device=device)
    matrix = source.view(size, size)
    copied = 2 * source.nbytes / seconds(source.clone, device)
    return copied, 2 * size**3 / seconds(lambda: matrix @ matrix, device)


def ours(qkv: Tensor, offsets: Tensor) -> list[Rival]:
    """The kernels on three tensors and on a fused one."""
    parts = tuple(part.detach().clone().requires_grad_() for part in qkv.unbind(1))
    return [
        Rival(
            "cloudkit",
            parts,
            lambda q, k, v: packed_attention(q, k, v, offsets, impl="triton"),
            lambda out: out,
        ),
        Rival(
            "cloudkit, fused QKV",
            (qkv,),
            lambda x: packed_attention_qkv(x, offsets, impl="triton"),
            lambda out: out,
        ),
    ]


def check(way: Rival, expected: Tensor, tolerance: float) -> None:
    out = way.unpack(way.forward(*way.inputs)).detach().double()
    error = float((out - expected).norm() / expected.norm())
    assert error < tolerance, f"{way.name} is off by {error:.1e}"


def attention(
    lengths: Lengths, heads: int, dim: int, dtype: torch.dtype, device: str, ceiling: tuple[float, float]
) -> None:
    """One table: each way's times and shares."""
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    qkv = torch.randn(int(offsets[-1]), 3, heads, dim).to(device, dtype).requires_grad_()
    expected = packed_attention_qkv(qkv.detach().double(), offsets, impl="torch")
    rivals = [module.load(*qkv.unbind(1), offsets) for module in (sdpa_padded, flash_varlen, flex_document)]
    print(
        f"\nattention: {len(lengths)} sequences, mean length {lengths.mean():.1f}, {heads} heads of {dim}, {dtype}"
    )
    print(
        f"{'':32} {'forward':>12} {'bytes':>8} {'oper.':>8} {'with gradient':>15} {'bytes':>8} {'oper.':>8}"
    )
    forward, backward = lower_bounds(lengths, heads, dim, dtype.itemsize)
    for way in [*ours(qkv, offsets), *(rival for rival in rivals if rival)]:
        tolerances = TOLERANCE if way.name.startswith("cloudkit") else RIVAL_TOLERANCE
        check(way, expected, tolerances[dtype])
        gradient = torch.randn_like(way.forward(*way.inputs))

        def both(way: Rival = way, gradient: Tensor = gradient) -> None:
            torch.autograd.grad(way.forward(*way.inputs), way.inputs, gradient)

        with torch.no_grad():
            short = seconds(lambda way=way: way.forward(*way.inputs), device)
        long = seconds(both, device) if way.inputs[0].requires_grad else float("nan")
        shares = [
            share
            for spent, bytes_, operations in (
                (short, forward.bytes, forward.operations),
                (long, forward.bytes + backward.bytes, forward.operations + backward.operations),
            )
            for share in (bytes_ / spent / ceiling[0], operations / spent / ceiling[1])
        ]
        print(
            f"{way.name:32} {short * 1e6:9.1f} µs {shares[0]:8.1%} {shares[1]:8.1%} {long * 1e6:12.1f} µs {shares[2]:8.1%} {shares[3]:8.1%}"
        )


def debye(count: int, device: str, ceiling: tuple[float, float]) -> None:
    """All four quantities of `count` temperatures of Debye at one temperature, float32."""
    theta = torch.linspace(50, 2000, count, device=device)
    ways = {"cloudkit": lambda: thermodynamics(theta, 300.0, impl="triton")}
    if device == "cuda":
        compiled = torch.compile(lambda theta: thermodynamics(theta, 300.0, impl="torch"))
        ways["torch path, compiled"] = lambda: compiled(theta)
    expected = thermodynamics(theta.double(), 300.0, impl="torch")
    print(f"\nDebye: U, Cv, S, F of {count} theta, float32")
    for name, way in ways.items():
        for found, right in zip(way(), expected, strict=True):
            torch.testing.assert_close(found.double(), right, rtol=4e-7, atol=1e-6)
        spent = seconds(way, device)
        print(f"{name:32} {spent * 1e6:9.1f} µs {6 * theta.nbytes / spent / ceiling[0]:8.1%} of the copy")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--small", action="store_true", help="a few short sequences on the CPU, in the interpreter"
    )
    small = parser.parse_args().small
    device = "cpu" if small else "cuda"
    if not small and not torch.cuda.is_available():
        parser.error("there is no GPU; TRITON_INTERPRET=1 and --small check the script anywhere")
    print(
        f"{torch.cuda.get_device_name() if not small else 'interpreter'}, torch {torch.__version__}, triton {triton.__version__}"
    )
    ceiling = ceilings(device, 64 if small else 16384)
    print(f"copy {ceiling[0] / 1e9:.1f} GB/s, float16 product {ceiling[1] / 1e12:.3f} TFLOP/s")
    batch, heads = (6, 1) if small else (1024, 12)
    for vocabulary, dialect in (("cloud", "reduced"), ("compact", "orbit")):
        for dtype in (torch.float16, torch.float32) if small else TOLERANCE:
            attention(sample(vocabulary, dialect, batch), heads, 64, dtype, device, ceiling)
    debye(300 if small else 1_000_000, device, ceiling)


if __name__ == "__main__":
    main()
