"""Run by test_attention_triton.py under TRITON_INTERPRET=1: the worst errors of the kernels over many shapes, as JSON.

The judge is the float64 torch path on the same inputs; an error is the norm of the difference over the norm of what is
right, or over that of dO where the right gradient is 0 (strings of one token).
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from cloudkit.data import read_builtin, read_crystals
from cloudkit.kernels import packed_attention, packed_attention_qkv
from cloudkit.models import CloudModel
from cloudkit.modelspec import parse_spec
from cloudkit.tokens import Tokenizer

EDGES: tuple[tuple[list[int], int, int], ...] = (  # lengths, heads, head size
    ([], 1, 16), ([0], 2, 16), ([0, 0, 0], 1, 64), ([1], 1, 16), ([1], 3, 128), ([1] * 70, 1, 24), ([0, 1, 0], 2, 40),
    ([2], 1, 16), ([3, 5, 7, 11, 13], 2, 48), ([16, 32], 1, 56), ([31, 33], 1, 64), ([64], 1, 64), ([63, 1], 1, 72),
    ([64, 64], 2, 32), ([65], 1, 16), ([9, 9, 9, 9, 10, 10, 12], 12, 16), ([29] * 4, 2, 64), ([60, 5, 60], 1, 80),
    ([127], 1, 16), ([128], 1, 32), ([128, 1, 64, 0, 65], 1, 16), ([1, 129], 1, 16), ([130, 20, 66, 3], 1, 24),
    ([200], 1, 16), ([23, 17], 1, 88), ([12], 1, 96), ([12], 1, 104), ([12], 1, 112), ([12], 1, 120), ([64], 1, 128),
)  # fmt: skip
COLUMNS = ("out", "q", "k", "v", "bias")
EXAMPLES = 220
SHORT, MIDDLE, LONG = st.integers(0, 12), st.integers(0, 33), st.integers(34, 64)


class Worst:
    """The largest error of each dtype and column, and how many shapes were seen."""

    def __init__(self) -> None:
        self.errors: dict[str, dict[str, float]] = {}
        self.shapes: set[str] = set()

    def see(self, lengths: list[int], heads: int, dim: int, bias: bool, dropout: float, fused: bool) -> None:
        self.shapes.add(f"{lengths} {heads} {dim}")
        for dtype in (torch.float32, torch.float16):
            worst = self.errors.setdefault(str(dtype), {})
            for name, error in errors(lengths, heads, dim, dtype, bias, dropout, fused).items():
                worst[name] = max(worst.get(name, 0.0), error)


def errors(
    lengths: list[int], heads: int, dim: int, dtype: torch.dtype, bias: bool, dropout: float, fused: bool
) -> dict[str, float]:
    generator = torch.Generator().manual_seed(len(lengths) + dim)
    tokens, offsets = sum(lengths), torch.tensor([0, *lengths]).cumsum(0)
    qkv = torch.randn(tokens, 3, heads, dim, generator=generator).to(dtype)
    shift = torch.randn(tokens, heads, generator=generator) if bias else None
    grad = torch.randn(tokens, heads, dim, generator=generator).to(dtype)
    found = columns(qkv, shift, grad, offsets, dropout, fused, "triton")
    wide = None if shift is None else shift.double()
    right = columns(qkv.double(), wide, grad.double(), offsets, dropout, fused, "torch")
    assert all(f.dtype == dtype for f in found[:4]) and [f.shape for f in found] == [r.shape for r in right]
    return {name: error(f, r, grad) for name, f, r in zip(COLUMNS, found, right, strict=False)}


def error(found: Tensor, right: Tensor, grad: Tensor) -> float:
    off, size = (found.double() - right).norm(), right.norm()
    assert found.isfinite().all()
    return float(off / (size if size > 1e-12 else grad.double().norm())) if found.numel() else 0.0


def columns(
    qkv: Tensor, bias: Tensor | None, grad: Tensor, offsets: Tensor, dropout: float, fused: bool, impl: str
) -> Sequence[Tensor]:
    """Output, and gradients of Q, K, V and the bias."""
    qkv = qkv.clone().requires_grad_()
    wanted = [qkv] if bias is None else [qkv, bias := bias.clone().requires_grad_()]
    options = {"bias": bias, "dropout": dropout, "seed": 2**40 + 17, "impl": impl}
    if fused:
        out = packed_attention_qkv(qkv, offsets, **options)
    else:
        out = packed_attention(*qkv.unbind(1), offsets, **options)
    by_qkv, *by_bias = torch.autograd.grad(out, wanted, grad)
    return [out.detach(), *by_qkv.unbind(1), *by_bias]


def check_operator() -> dict[str, str]:
    """torch.library.opcheck on fused and separate parts, with and without a bias."""
    offsets, seed = torch.tensor([0, 3, 3, 8]), torch.tensor([5])
    fused = [torch.randn(8, 3, 2, 16, requires_grad=True)]
    parts = [torch.randn(8, 2, 16, requires_grad=True) for _ in range(3)]
    bias = torch.randn(8, 2, requires_grad=True)
    operator = torch.ops.cloudkit.packed_attention.default
    results = {}
    for name, args in {
        "fused": (fused, offsets, None, seed, 0.25, 0.0, True),
        "parts": (parts, offsets, bias, seed, 0.25, 0.2, True),
        "torch": (parts, offsets, bias, seed, 0.25, 0.2, False),
    }.items():
        found = torch.library.opcheck(operator, args)
        results |= {f"{name} {check}": result for check, result in found.items()}
    return results


def compiled_error() -> float:
    """A compiled caller of the kernels against the same one run eagerly: value and gradient."""

    def layer(qkv: Tensor, offsets: Tensor) -> Tensor:
        return packed_attention_qkv(2 * qkv, offsets, dropout=0.1, seed=3, impl="triton").square()

    qkv, offsets = torch.randn(11, 3, 2, 32, requires_grad=True), torch.tensor([0, 4, 11])
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    one, other = (run(qkv, offsets) for run in (layer, compiled))
    slopes = [torch.autograd.grad(out.sum(), qkv)[0] for out in (one, other)]
    return float(((one - other).abs().max() + (slopes[0] - slopes[1]).abs().max()).detach())


def other_vendor() -> Worst:
    """The configurations of AMD's chips."""
    from cloudkit.kernels import attention_launch

    worst, attention_launch.VENDOR = Worst(), "amd"
    for lengths, dim in (([5, 30, 1, 64], 64), ([20, 12], 128), ([100], 32), ([150], 16)):
        worst.see(lengths, 1, dim, True, 0.2, False)
    return worst


def refusals() -> list[str]:
    """What the operator says of rows that the kernels cannot read, and of offsets that a compiled caller hands it."""
    apart, late = torch.zeros(6, 36)[:, :32].unflatten(1, (2, 16)), torch.zeros(193)[1:].view(6, 2, 16)
    whole, said = torch.zeros(6, 2, 16), []
    for q, ends in ((apart, [0, 6]), (late, [0, 6]), (whole, [0, 7]), (whole, [0, 4, 3, 6])):
        try:
            torch.ops.cloudkit.packed_attention(
                [q, whole, whole], torch.tensor(ends), None, torch.zeros(1).long(), 1.0, 0.0, True
            )
        except ValueError as error:
            said.append(str(error))
    return said


def encoder_error() -> float:
    """A model's states through the kernels against those through torch, float32."""
    text = """
    cloudkit: 1
    name: tiny
    encoder: {kind: transformer, layers: 2, heads: 2, width: 32}
    heads: {mlm: {kind: masked_tokens}}
    tasks: [{kind: pretrain, head: mlm, data: {builtin: minerals}}]
    """
    model = CloudModel(parse_spec(text, "tiny.yaml", Path()), Tokenizer()).eval()
    texts = read_crystals(read_builtin("minerals")).texts[:60:7]
    inputs = model.inputs(*model.tokenizer.encode_batch(sorted(texts, key=len)))
    found = []
    for impl in ("torch", "triton"):
        model.encoder.impl = impl
        found.append(model(inputs).states.detach())
    return float((found[0] - found[1]).norm() / found[0].norm())


def main() -> None:
    worst = Worst()
    for number, (lengths, heads, dim) in enumerate(EDGES):
        worst.see(lengths, heads, dim, number % 2 == 1, 0.25 * (number % 3 == 1), number % 5 < 3)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(SHORT, min_size=1, max_size=6) | st.lists(MIDDLE, min_size=1, max_size=2) | st.lists(LONG, min_size=1, max_size=1),
        st.integers(1, 2),
        st.sampled_from(range(16, 129, 8)),
        st.booleans(),
        st.sampled_from([0.0, 0.1, 0.5]),
        st.booleans(),
    )  # fmt: skip
    def drawn(lengths: list[int], heads: int, dim: int, bias: bool, dropout: float, fused: bool) -> None:
        worst.see(lengths, heads, dim, bias, dropout, fused)

    drawn()
    report = {"errors": worst.errors, "shapes": len(worst.shapes), "amd": other_vendor().errors}
    report |= {
        "opcheck": check_operator(),
        "compiled": compiled_error(),
        "encoder": encoder_error(),
        "refused": refusals(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
