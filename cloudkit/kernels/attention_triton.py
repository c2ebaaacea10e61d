"""Attention within each sequence of a packed batch, as Triton kernels; attention.py checks, plans and launches.

A *tile* is a run of whole neighbouring sequences with at most KEYS rows (tokens). `whole_*` kernels take one tile and
one head per program: it has all keys of a query, so the softmax needs one pass, the mask is block-diagonal, and one
backward program writes dQ, dK and dV without atomics. `stream_*` kernels take one block of a longer sequence and run
over the rest of it.

Bytes, for elements of b bytes, per token and head of d numbers. whole_forward: 4 b d (Q, K, V in, output out) and 12 (the row's
sequence, as query and as key, its log-sum-exp); whole_backward: 7 b d (Q, K, V, dO in, dQ, dK, dV out) and 12. With a bias, 4 more
(8 in the backward pass). Floating-point operations for a sequence of n tokens: 4 n² d forward (two products), 10 n² d
backward (five products; streaming 14 n² d, as two passes rebuild the weights); tiles do more, on rows that are masked.

Accumulation is float32 everywhere. Float32 products are IEEE (`input_precision="ieee"`), not TF32; weights and their
gradients are rounded to the dtype of Q, K and V before they enter a product.
Strides and head sizes come in units of 8 numbers, which tells the compiler that rows are aligned to 16 bytes.
"""

from typing import Final

import triton
import triton.language as tl

# Integers that would be compiled in if they were 1 or divisible by 16: one kernel serves all of them.
SIZES: Final = (
    *(f"{name}_stride" for name in ("q", "k", "v", "out", "grad", "dq", "dk", "dv")),
    *("tokens", "heads", "dim8", "has_bias"),
)
_LOG2E = tl.constexpr(1.4426950408889634)
_GOLDEN = tl.constexpr(0x9E3779B9)


@triton.jit
def _mix(x):  # type: ignore[no-untyped-def]
    """A bijection of uint32 in which every bit of x moves every bit of the result (lowbias32, Wellons 2018)."""
    x = (x ^ (x >> 16)) * 0x7FEB352D
    x = (x ^ (x >> 15)) * 0x846CA68B
    return x ^ (x >> 16)


@triton.jit
def _keep_mask(seed_ptr, head, queries, keys, dropout):  # type: ignore[no-untyped-def]
    """Return which weights are kept: a function of seed, head and the two tokens' rows; queries and keys broadcast together."""
    seed = tl.load(seed_ptr)
    low, high = seed.to(tl.uint32), (seed >> 32).to(tl.uint32)
    row = _mix(_mix(queries.to(tl.uint32) + low) ^ (head.to(tl.uint32) * _GOLDEN + high))
    bits = _mix(row + keys.to(tl.uint32) * _GOLDEN)
    return (bits >> 8).to(tl.int32).to(tl.float32) * 5.9604644775390625e-08 >= dropout


@triton.jit
def _rows(ptr, first, stride, stop, head, dim, ROWS: tl.constexpr, DIM: tl.constexpr):  # type: ignore[no-untyped-def]
    """Pointers and mask of rows first … first + ROWS of one head, as (ROWS, DIM)."""
    row, column = tl.arange(0, ROWS), tl.arange(0, DIM)
    base = ptr + tl.cast(first, tl.int64) * stride + head * dim
    inside = (first + row < stop)[:, None] & (column < dim)[None, :]
    return base + row[:, None] * stride + column[None, :], inside


@triton.jit
def _read(ptr, first, stride, stop, head, dim, ROWS: tl.constexpr, DIM: tl.constexpr):  # type: ignore[no-untyped-def]
    at, inside = _rows(ptr, first, stride, stop, head, dim, ROWS, DIM)
    return tl.load(at, mask=inside, other=0.0)


@triton.jit
def _write(ptr, values, first, stride, stop, head, dim, ROWS: tl.constexpr, DIM: tl.constexpr):  # type: ignore[no-untyped-def]
    at, inside = _rows(ptr, first, stride, stop, head, dim, ROWS, DIM)
    tl.store(at, values.to(ptr.dtype.element_ty), mask=inside)


@triton.jit
def _bias(bias_ptr, keys, stop, has_bias, beyond):  # type: ignore[no-untyped-def]
    """Return the bias of each key in units of log2, 0 without one, `beyond` after the end; -inf masks a key."""
    bias = tl.load(bias_ptr + keys, mask=keys < stop * has_bias, other=0.0) * _LOG2E
    return tl.where(keys < stop, bias, beyond)


@triton.jit
def _tile(tiles_ptr, heads):  # type: ignore[no-untyped-def]
    """Head, first row and end of this program's tile; neighbouring programs take the heads of one tile."""
    at = tiles_ptr + 2 * (tl.program_id(0) // heads)
    return tl.program_id(0) % heads, tl.load(at), tl.load(at + 1)


@triton.jit
def _block(blocks_ptr, heads):  # type: ignore[no-untyped-def]
    """Head, first row of this program's block, first row and end of its sequence."""
    at = blocks_ptr + 3 * (tl.program_id(0) // heads)
    return tl.program_id(0) % heads, tl.load(at), tl.load(at + 1), tl.load(at + 2)


@triton.jit(do_not_specialize=SIZES)
def whole_forward(  # type: ignore[no-untyped-def]
    q_ptr, k_ptr, v_ptr, bias_ptr, seed_ptr, sequence_ptr, tiles_ptr, out_ptr, lse_ptr,
    q_stride, k_stride, v_stride, out_stride, tokens, heads, dim8, has_bias, scale, dropout,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, DIM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """out and lse (log2 of the sum of weights) of the sequences in one tile, for one head."""
    dim = dim8 * 8
    head, start, stop = _tile(tiles_ptr, heads)
    keys = start + tl.arange(0, KEYS)
    key_sequence = tl.load(sequence_ptr + keys, mask=keys < stop, other=-1)
    bias = _bias(bias_ptr + head * tokens, keys, stop, has_bias, 0.0)
    k = _read(k_ptr, start, k_stride * 8, stop, head, dim, KEYS, DIM)
    v = _read(v_ptr, start, v_stride * 8, stop, head, dim, KEYS, DIM)
    for first in range(start, stop, QUERIES):
        queries = first + tl.arange(0, QUERIES)
        query_sequence = tl.load(sequence_ptr + queries, mask=queries < stop, other=-1)
        q = _read(q_ptr, first, q_stride * 8, stop, head, dim, QUERIES, DIM)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION) * (scale * _LOG2E) + bias[None, :]
        scores = tl.where(query_sequence[:, None] == key_sequence[None, :], scores, float("-inf"))
        largest = tl.max(scores, 1)
        weights = tl.exp2(scores - largest[:, None])
        total = tl.sum(weights, 1)
        if dropout > 0.0:
            weights = tl.where(
                _keep_mask(seed_ptr, head, queries[:, None], keys[None, :], dropout), weights, 0.0
            )
        out = tl.dot(weights.to(v.dtype), v, input_precision=PRECISION) / (total * (1.0 - dropout))[:, None]
        _write(out_ptr, out, first, out_stride * 8, stop, head, dim, QUERIES, DIM)
        tl.store(lse_ptr + head * tokens + queries, largest + tl.log2(total), mask=queries < stop)


@triton.jit
def _weights(  # type: ignore[no-untyped-def]
    row, column, row_value, column_value, shift, seed_ptr, head, queries, keys, scale, dropout,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Weights, weights after dropout, and gradient of the weights of one block; rows are queries and columns keys, or
    the other way round: the first operand of the five products should have many rows."""
    scores = tl.dot(row, tl.trans(column), input_precision=PRECISION) * (scale * _LOG2E) + shift
    weights = tl.exp2(scores)
    by_weights = tl.dot(row_value, tl.trans(column_value), input_precision=PRECISION)
    left = weights
    if dropout > 0.0:
        kept = tl.where(_keep_mask(seed_ptr, head, queries, keys, dropout), 1.0 / (1.0 - dropout), 0.0)
        left = weights * kept
        by_weights = by_weights * kept
    return weights, left, by_weights


@triton.jit(do_not_specialize=SIZES)
def whole_backward(  # type: ignore[no-untyped-def]
    q_ptr, k_ptr, v_ptr, bias_ptr, seed_ptr, sequence_ptr, tiles_ptr, lse_ptr, grad_ptr,
    dq_ptr, dk_ptr, dv_ptr, dbias_ptr,
    q_stride, k_stride, v_stride, grad_stride, dq_stride, dk_stride, dv_stride,
    tokens, heads, dim8, has_bias, scale, dropout,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, DIM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dq, dk, dv and dbias of the sequences in one tile, for one head; grad is that of out."""
    dim = dim8 * 8
    head, start, stop = _tile(tiles_ptr, heads)
    keys = start + tl.arange(0, KEYS)
    key_sequence = tl.load(sequence_ptr + keys, mask=keys < stop, other=-1)
    bias = _bias(bias_ptr + head * tokens, keys, stop, has_bias, 0.0)
    k = _read(k_ptr, start, k_stride * 8, stop, head, dim, KEYS, DIM)
    v = _read(v_ptr, start, v_stride * 8, stop, head, dim, KEYS, DIM)
    dk, dv = tl.zeros([KEYS, DIM], tl.float32), tl.zeros([KEYS, DIM], tl.float32)
    dbias = tl.zeros([KEYS], tl.float32)
    for first in range(start, stop, QUERIES):
        queries = first + tl.arange(0, QUERIES)
        query_sequence = tl.load(sequence_ptr + queries, mask=queries < stop, other=-1)
        lse = tl.load(lse_ptr + head * tokens + queries, mask=queries < stop, other=float("inf"))
        q = _read(q_ptr, first, q_stride * 8, stop, head, dim, QUERIES, DIM)
        grad = _read(grad_ptr, first, grad_stride * 8, stop, head, dim, QUERIES, DIM)
        same = key_sequence[:, None] == query_sequence[None, :]
        shift = tl.where(same, bias[:, None] - lse[None, :], float("-inf"))
        weights, left, by_weights = _weights(
            k,
            q,
            v,
            grad,
            shift,
            seed_ptr,
            head,
            queries[None, :],
            keys[:, None],
            scale,
            dropout,
            PRECISION,
        )
        dv = tl.dot(left.to(grad.dtype), grad, dv, input_precision=PRECISION)
        by_scores = weights * (by_weights - tl.sum(weights * by_weights, 0)[None, :])
        dbias += tl.sum(by_scores, 1)
        rounded = by_scores.to(k.dtype)
        dk = tl.dot(rounded, q, dk, input_precision=PRECISION)
        dq = tl.dot(tl.trans(rounded), k, input_precision=PRECISION) * scale
        _write(dq_ptr, dq, first, dq_stride * 8, stop, head, dim, QUERIES, DIM)
    _write(dk_ptr, dk * scale, start, dk_stride * 8, stop, head, dim, KEYS, DIM)
    _write(dv_ptr, dv, start, dv_stride * 8, stop, head, dim, KEYS, DIM)
    tl.store(dbias_ptr + head * tokens + keys, dbias, mask=keys < stop * has_bias)


@triton.jit(do_not_specialize=SIZES)
def stream_forward(  # type: ignore[no-untyped-def]
    q_ptr, k_ptr, v_ptr, bias_ptr, seed_ptr, blocks_ptr, out_ptr, lse_ptr,
    q_stride, k_stride, v_stride, out_stride, tokens, heads, dim8, has_bias, scale, dropout,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, DIM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """out and lse of one block of queries of a long sequence, for one head; a running softmax over its keys."""
    dim = dim8 * 8
    head, first, start, stop = _block(blocks_ptr, heads)
    queries = first + tl.arange(0, QUERIES)
    q = _read(q_ptr, first, q_stride * 8, stop, head, dim, QUERIES, DIM)
    largest = tl.full([QUERIES], float("-inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    out = tl.zeros([QUERIES, DIM], tl.float32)
    for now in range(start, stop, KEYS):
        keys = now + tl.arange(0, KEYS)
        k = _read(k_ptr, now, k_stride * 8, stop, head, dim, KEYS, DIM)
        v = _read(v_ptr, now, v_stride * 8, stop, head, dim, KEYS, DIM)
        bias = _bias(bias_ptr + head * tokens, keys, stop, has_bias, float("-inf"))
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION) * (scale * _LOG2E) + bias[None, :]
        larger = tl.maximum(largest, tl.max(scores, 1))
        level = tl.where(larger > float("-inf"), larger, 0.0)  # no key seen so far: all are hidden
        weights = tl.exp2(scores - level[:, None])
        shrink = tl.exp2(largest - level)
        total = total * shrink + tl.sum(weights, 1)
        if dropout > 0.0:
            weights = tl.where(
                _keep_mask(seed_ptr, head, queries[:, None], keys[None, :], dropout), weights, 0.0
            )
        out = tl.dot(weights.to(v.dtype), v, out * shrink[:, None], input_precision=PRECISION)
        largest = larger
    _write(
        out_ptr,
        out / (total * (1.0 - dropout))[:, None],
        first,
        out_stride * 8,
        stop,
        head,
        dim,
        QUERIES,
        DIM,
    )
    tl.store(lse_ptr + head * tokens + queries, largest + tl.log2(total), mask=queries < stop)


@triton.jit(do_not_specialize=SIZES)
def stream_backward_queries(  # type: ignore[no-untyped-def]
    q_ptr, k_ptr, v_ptr, bias_ptr, seed_ptr, blocks_ptr, out_ptr, lse_ptr, grad_ptr, dq_ptr, delta_ptr,
    q_stride, k_stride, v_stride, out_stride, grad_stride, dq_stride, tokens, heads, dim8, has_bias, scale, dropout,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, DIM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dq of one block of queries of a long sequence, and delta = sum of grad * out over each row, for one head."""
    dim = dim8 * 8
    head, first, start, stop = _block(blocks_ptr, heads)
    queries = first + tl.arange(0, QUERIES)
    q = _read(q_ptr, first, q_stride * 8, stop, head, dim, QUERIES, DIM)
    grad = _read(grad_ptr, first, grad_stride * 8, stop, head, dim, QUERIES, DIM)
    out = _read(out_ptr, first, out_stride * 8, stop, head, dim, QUERIES, DIM)
    delta = tl.sum(grad.to(tl.float32) * out.to(tl.float32), 1)
    tl.store(delta_ptr + head * tokens + queries, delta, mask=queries < stop)
    lse = tl.load(lse_ptr + head * tokens + queries, mask=queries < stop, other=float("inf"))
    dq = tl.zeros([QUERIES, DIM], tl.float32)
    for now in range(start, stop, KEYS):
        keys = now + tl.arange(0, KEYS)
        k = _read(k_ptr, now, k_stride * 8, stop, head, dim, KEYS, DIM)
        v = _read(v_ptr, now, v_stride * 8, stop, head, dim, KEYS, DIM)
        bias = _bias(bias_ptr + head * tokens, keys, stop, has_bias, float("-inf"))
        shift = bias[None, :] - lse[:, None]
        weights, _, by_weights = _weights(
            q,
            k,
            grad,
            v,
            shift,
            seed_ptr,
            head,
            queries[:, None],
            keys[None, :],
            scale,
            dropout,
            PRECISION,
        )
        by_scores = (weights * (by_weights - delta[:, None])).to(k.dtype)
        dq = tl.dot(by_scores, k, dq, input_precision=PRECISION)
    _write(dq_ptr, dq * scale, first, dq_stride * 8, stop, head, dim, QUERIES, DIM)


@triton.jit(do_not_specialize=SIZES)
def stream_backward_keys(  # type: ignore[no-untyped-def]
    q_ptr, k_ptr, v_ptr, bias_ptr, seed_ptr, blocks_ptr, lse_ptr, grad_ptr, dk_ptr, dv_ptr, dbias_ptr, delta_ptr,
    q_stride, k_stride, v_stride, grad_stride, dk_stride, dv_stride, tokens, heads, dim8, has_bias, scale, dropout,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, DIM: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dk, dv and dbias of one block of keys of a long sequence, for one head; reads delta of the pass over queries."""
    dim = dim8 * 8
    head, first, start, stop = _block(blocks_ptr, heads)
    keys = first + tl.arange(0, KEYS)
    k = _read(k_ptr, first, k_stride * 8, stop, head, dim, KEYS, DIM)
    v = _read(v_ptr, first, v_stride * 8, stop, head, dim, KEYS, DIM)
    bias = _bias(bias_ptr + head * tokens, keys, stop, has_bias, 0.0)
    dk, dv = tl.zeros([KEYS, DIM], tl.float32), tl.zeros([KEYS, DIM], tl.float32)
    dbias = tl.zeros([KEYS], tl.float32)
    for now in range(start, stop, QUERIES):
        queries = now + tl.arange(0, QUERIES)
        q = _read(q_ptr, now, q_stride * 8, stop, head, dim, QUERIES, DIM)
        grad = _read(grad_ptr, now, grad_stride * 8, stop, head, dim, QUERIES, DIM)
        lse = tl.load(lse_ptr + head * tokens + queries, mask=queries < stop, other=float("inf"))
        delta = tl.load(delta_ptr + head * tokens + queries, mask=queries < stop, other=0.0)
        shift = bias[:, None] - lse[None, :]
        weights, left, by_weights = _weights(
            k,
            q,
            v,
            grad,
            shift,
            seed_ptr,
            head,
            queries[None, :],
            keys[:, None],
            scale,
            dropout,
            PRECISION,
        )
        dv = tl.dot(left.to(grad.dtype), grad, dv, input_precision=PRECISION)
        by_scores = weights * (by_weights - delta[None, :])
        dbias += tl.sum(by_scores, 1)
        dk = tl.dot(by_scores.to(q.dtype), q, dk, input_precision=PRECISION)
    _write(dk_ptr, dk * scale, first, dk_stride * 8, stop, head, dim, KEYS, DIM)
    _write(dv_ptr, dv, first, dv_stride * 8, stop, head, dim, KEYS, DIM)
    tl.store(dbias_ptr + head * tokens + keys, dbias, mask=keys < stop * has_bias)
