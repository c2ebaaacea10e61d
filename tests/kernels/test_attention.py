"""Attention over packed batches: the torch path against the formula, the layout of work, and what is refused."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from cloudkit.kernels import packed_attention, packed_attention_qkv
from cloudkit.kernels.attention_packing import read_offsets

CPU = torch.device("cpu")
LENGTHS = st.lists(st.integers(0, 140), min_size=1, max_size=30)


def formula(q: Tensor, k: Tensor, v: Tensor, offsets: list[int], bias: Tensor | None = None) -> Tensor:
    """softmax(q kᵀ / sqrt(dim) + bias) v, one sequence and one head at a time."""
    out = torch.empty_like(q)
    for start, stop in itertools.pairwise(offsets):
        for head in range(q.shape[1]):
            scores = q[start:stop, head] @ k[start:stop, head].T / q.shape[2] ** 0.5
            if bias is not None:
                scores = scores + bias[start:stop, head]
            out[start:stop, head] = scores.softmax(1) @ v[start:stop, head]
    return out


def batch(lengths: list[int], heads: int = 2, dim: int = 16, **options: Any) -> tuple[Tensor, Tensor]:
    """A fused random batch (tokens, 3, heads, dim) in float64, and its offsets."""
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    return torch.randn(sum(lengths), 3, heads, dim, dtype=torch.float64, **options), offsets


@pytest.mark.parametrize("lengths", [[3, 3, 1, 7], [0, 4, 0, 0, 4, 2], [1], [0], [5, 2, 5, 2]])
@pytest.mark.parametrize("biased", [False, True])
def test_each_sequence_attends_to_itself_alone(lengths: list[int], biased: bool) -> None:
    qkv, offsets = batch(lengths)
    bias = torch.randn(len(qkv), 2, dtype=torch.float64) if biased else None
    expected = formula(*qkv.unbind(1), offsets.tolist(), bias)
    for kind in (torch.int32, torch.int64):
        torch.testing.assert_close(packed_attention_qkv(qkv, offsets.to(kind), bias=bias), expected)
    parts = [part.contiguous() for part in qkv.unbind(1)]
    torch.testing.assert_close(packed_attention(*parts, offsets, bias=bias), expected)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_of_both_orders_pass_the_numeric_check(dropout: float) -> None:
    qkv, offsets = batch([2, 2, 1, 3], heads=1, dim=4, requires_grad=True)
    bias = torch.randn(8, 1, dtype=torch.float64, requires_grad=True)

    def attention(qkv: Tensor, bias: Tensor) -> Tensor:
        return packed_attention_qkv(qkv, offsets, bias=bias, dropout=dropout, seed=1)

    assert gradcheck(attention, (qkv, bias))
    assert gradgradcheck(attention, (qkv, bias))


def test_the_compiler_takes_the_function_without_a_break_and_gives_the_same_gradients() -> None:
    qkv, offsets = batch([4, 4, 2], requires_grad=True)
    bias = torch.randn(10, 2, dtype=torch.float64, requires_grad=True)

    def attention(qkv: Tensor, offsets: Tensor, bias: Tensor) -> Tensor:
        return packed_attention_qkv(qkv, offsets, bias=bias, dropout=0.3, seed=9)

    traced: Callable[..., Tensor] = torch.compile(attention, backend="aot_eager", fullgraph=True)
    expected, found = attention(qkv, offsets, bias), traced(qkv, offsets, bias)
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(out.square().sum(), (qkv, bias)) for out in (expected, found)]
    torch.testing.assert_close(slopes[1], slopes[0])


def test_an_empty_batch_gives_an_empty_result_and_empty_gradients() -> None:
    qkv, bias = torch.zeros(0, 3, 2, 16, requires_grad=True), torch.zeros(0, 2, requires_grad=True)
    out = packed_attention_qkv(qkv, torch.tensor([0, 0, 0]), bias=bias)
    out.sum().backward()
    assert out.shape == (0, 2, 16) and qkv.grad is not None and bias.grad is not None


def test_a_key_with_a_bias_of_minus_infinity_is_not_seen() -> None:
    qkv, offsets = batch([5])
    bias = torch.zeros(5, 2, dtype=torch.float64)
    bias[4] = -torch.inf
    hidden = packed_attention_qkv(qkv, offsets, bias=bias)[:4]
    torch.testing.assert_close(hidden, packed_attention_qkv(qkv[:4], torch.tensor([0, 4])))


def weights_left(tokens: int, heads: int, dropout: float, seed: int | None) -> Tensor:
    """Weights after dropout (queries, heads, keys) of one sequence, all 1 / tokens before: values are unit vectors."""
    zeros = torch.zeros(tokens, heads, tokens)
    values = torch.eye(tokens)[:, None].expand(tokens, heads, tokens).contiguous()
    return (
        packed_attention(zeros, zeros, values, torch.tensor([0, tokens]), dropout=dropout, seed=seed) * tokens
    )


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_drops_its_share_scales_up_the_rest_and_is_independent_across_rows_columns_and_heads(
    dropout: float,
) -> None:
    left = weights_left(200, 4, dropout, 7)
    assert torch.allclose(left[left > 0], torch.tensor(1 / (1 - dropout)))
    dropped = (left == 0).double()
    deviation = (dropout * (1 - dropout)) ** 0.5
    assert abs(dropped.mean() - dropout) < 4 * deviation / dropped.numel() ** 0.5
    for axes in ((0,), (1,), (2,), (0, 2)):
        moved = dropped.roll([1] * len(axes), axes)
        correlation = ((dropped - dropout) * (moved - dropout)).mean() / deviation**2
        assert abs(correlation) < 4 / dropped.numel() ** 0.5, axes


def test_the_seed_decides_what_is_dropped_and_torch_draws_it_where_none_is_given() -> None:
    assert torch.equal(weights_left(20, 2, 0.3, 5), weights_left(20, 2, 0.3, 5))
    assert not torch.equal(weights_left(20, 2, 0.3, 5), weights_left(20, 2, 0.3, 5 + 2**32))
    torch.manual_seed(1)
    one, other = weights_left(20, 2, 0.3, None), weights_left(20, 2, 0.3, None)
    torch.manual_seed(1)
    assert torch.equal(one, weights_left(20, 2, 0.3, None)) and not torch.equal(one, other)


@settings(max_examples=200, deadline=None)
@given(LENGTHS)
def test_tiles_and_blocks_hold_every_row_once_and_never_cut_a_sequence_that_fits(lengths: list[int]) -> None:
    offsets = np.cumsum([0, *lengths])
    packing = read_offsets(torch.from_numpy(offsets), int(offsets[-1]))
    small, large = packing.tiles(0, 32, CPU).tolist(), packing.tiles(32, 64, CPU).tolist()
    blocks = packing.blocks(64, 48, CPU).tolist()
    rows = [row for start, stop in small + large for row in range(start, stop)]
    rows += [row for first, _, stop in blocks for row in range(first, min(first + 48, stop))]
    assert sorted(rows) == list(range(offsets[-1]))
    assert all(stop - start <= 32 for start, stop in small) and all(
        stop - start <= 64 for start, stop in large
    )
    assert {row for tile in small + large for row in tile} | {r for block in blocks for r in block[1:]} <= {
        *offsets
    }
    sequence = packing.sequence(CPU)
    assert sequence.tolist() == np.repeat(np.arange(len(lengths)), lengths).tolist()
    assert sum(count * length for _, count, length in packing.runs()) == offsets[-1]


def test_short_sequences_share_a_tile() -> None:
    packing = read_offsets(torch.arange(0, 121, 10), 120)
    assert packing.tiles(0, 64, CPU).tolist() == [[0, 60], [60, 120]]


PART, OFFSETS = torch.zeros(6, 2, 16), torch.tensor([0, 2, 6])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offsets": torch.tensor([0, 4, 2, 6])}, "offsets must ascend, found 2 after 4 at index 2"),
        ({"offsets": torch.tensor([1, 6])}, "offsets must start at 0, found 1"),
        ({"offsets": torch.tensor([0, 5])}, "offsets must end at the number of tokens, 6, found 5"),
        ({"offsets": torch.tensor([0, 60])}, "offsets must end at the number of tokens, 6, found 60"),
        ({"offsets": torch.tensor([0, 60, 6])}, "offsets must ascend, found 6 after 60 at index 2"),
        ({"offsets": torch.tensor([0.0, 6.0])}, "offsets must be an int32 or int64 tensor, found torch.float32"),
        ({"offsets": [0, 6]}, "offsets must be an int32 or int64 tensor, found list"),
        ({"offsets": torch.tensor([], dtype=torch.int64)}, "offsets must have the shape (sequences + 1,), found (0,)"),
        ({"offsets": torch.tensor([[0, 6]])}, "offsets must have the shape (sequences + 1,), found (1, 2)"),
        ({"offsets": OFFSETS.to("meta")}, "offsets must be on the CPU or on cpu, found meta"),
        ({"q": np.zeros((6, 2, 16))}, "q must be a tensor (tokens, heads, dim), found ndarray"),
        ({"q": torch.zeros(6, 32)}, "q must have the shape (tokens, heads, dim), only tokens may be 0, found (6, 32)"),
        ({"q": torch.zeros(6, 0, 16)}, "q must have the shape (tokens, heads, dim), only tokens may be 0, found (6, 0, 16)"),
        ({"k": torch.zeros(5, 2, 16)}, "k must have the shape of q, (6, 2, 16), found (5, 2, 16)"),
        ({"v": torch.zeros(6, 2, 16).double()}, "v must have the dtype of q, torch.float32, found torch.float64"),
        ({"q": torch.zeros(6, 2, 16).long()}, "q must have a floating dtype of 2 to 8 bytes, found torch.int64"),
        ({"v": torch.zeros(6, 2, 16, device="meta")}, "v must be on cpu as q is, found meta"),
        ({"k": torch.zeros(6, 16, 2).mT}, "k: its last two dimensions must be contiguous, strides (…, 16, 1), found (32, 1, 2)"),
        ({"v": torch.zeros(2, 6, 16).transpose(0, 1)}, "v: its last two dimensions must be contiguous, strides (…, 16, 1), found (16, 96, 1)"),
        ({"bias": torch.zeros(6)}, "bias must have the shape (tokens, heads) = (6, 2), found (6,)"),
        ({"bias": torch.zeros(6, 2).half()}, "bias must be torch.float32 on cpu for inputs of torch.float32, found torch.float16 on cpu"),
        ({"dropout": 1.0}, "dropout must be in [0, 1), found 1.0"),
        ({"dropout": float("nan")}, "dropout must be in [0, 1), found nan"),
        ({"scale": float("inf")}, "scale must be finite, found inf"),
        ({"seed": -1}, "seed must be in [0, 2**63), found -1"),
        ({"impl": "cuda"}, "impl must be 'auto', 'torch' or 'triton', found 'cuda'"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named_with_the_rule_it_breaks(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"q": PART, "k": PART, "v": PART, "offsets": OFFSETS}
    with pytest.raises(ValueError, match=re.escape(message)):
        packed_attention(**arguments | change)


def test_a_bad_fused_tensor_is_named_with_the_rule_it_breaks() -> None:
    with pytest.raises(
        ValueError, match=re.escape("qkv must have the shape (tokens, 3, heads, dim), found (6, 2, 2, 16)")
    ):
        packed_attention_qkv(torch.zeros(6, 2, 2, 16), OFFSETS)
    with pytest.raises(ValueError, match="qkv: its last two dimensions must be contiguous"):
        packed_attention_qkv(torch.zeros(6, 3, 16, 2).mT, OFFSETS)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (torch.zeros(6, 2, 20), "q must have a head size (last dimension) of 16, 24 … 128 for impl='triton', found 20"),
        (torch.zeros(6, 2, 8), "found 8; use impl='torch'"),
        (torch.zeros(6, 2, 16).double(), "q must be float16, bfloat16 or float32 for impl='triton', found torch.float64"),
        (torch.zeros(6, 2, 16), "impl='triton' needs q on a GPU, found cpu; use impl='torch' there"),
    ],
)  # fmt: skip
def test_triton_refuses_what_it_has_no_kernel_for(part: Tensor, message: str) -> None:
    pytest.importorskip("triton")
    with pytest.raises(ValueError, match=re.escape(message)):
        packed_attention(part, part, part, OFFSETS, impl="triton")
