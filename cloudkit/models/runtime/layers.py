"""Layers of a transformer in NumPy, float32: safetensors files, linear maps, norms, activations, attention within each string."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ModelError

Weights = dict[str, NDArray[Any]]

DTYPES: Final = {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "I64": "<i8",
    "I32": "<i4",
    "U8": "|u1",
    "BOOL": "|b1",
}
LONGEST_HEADER: Final = 100_000_000  # bytes, the limit of the format


def read_safetensors(path: Path) -> Weights:
    """Read a safetensors file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to ndarray
        float16 as float32, all other types as stored.

    Raises
    ------
    ModelError
        If the file is damaged or holds a value that is not finite.

    Examples
    --------
    >>> from cloudkit.models.runtime import shipped
    >>> read_safetensors(shipped()["elastic"] / "model.safetensors")["heads.elastic.center"].shape
    (2,)
    """
    try:
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or not 2 <= length <= min(LONGEST_HEADER, len(data) - 8):
            raise ValueError("no header")
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        return {name: _tensor(name, entry, data, 8 + length) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged ({error}); copy it again, or build it again") from None


def _tensor(name: str, entry: dict[str, Any], data: bytes, start: int) -> NDArray[Any]:
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"{name} has the type {entry['dtype']}")
    dtype = np.dtype(DTYPES[entry["dtype"]])
    first, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    if first < 0 or end - first != count * dtype.itemsize or start + end > len(data):
        raise ValueError(f"{name} lies outside of the file")
    values = np.frombuffer(data, dtype, count, start + first).reshape(shape)
    if dtype.kind != "f":
        return values
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are not finite numbers")
    return values.astype(np.float32) if dtype.itemsize == 2 else values


Array = NDArray[np.float32]
EPS: Final = {"layer": 1e-5, "rms": float(np.finfo(np.float32).eps)}  # defaults of torch
SQRT_2_OVER_PI: Final = np.float32((2 / np.pi) ** 0.5)


def silu(x: Array) -> Array:
    """x / (1 + e^-x)."""
    with np.errstate(over="ignore"):
        return x / (1 + np.exp(-x))


def gelu_tanh(x: Array) -> Array:
    """GELU, tanh approximation."""
    return np.float32(0.5) * x * (1 + np.tanh(SQRT_2_OVER_PI * (x + np.float32(0.044715) * x**3)))


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


ACTIVATIONS: Final[Mapping[str, Callable[[Array], Array]]] = {
    "silu": silu,
    "gelu_tanh": gelu_tanh,
    "relu": relu,
}


class Linear:
    """y = x Wᵀ + b."""

    def __init__(self, weights: Weights, name: str) -> None:
        self.matrix = np.ascontiguousarray(weights[f"{name}.weight"].T)
        self.bias = weights.get(f"{name}.bias")

    def __call__(self, x: Array) -> Array:
        """x (rows, inputs) -> (rows, outputs)."""
        y: Array = x @ self.matrix
        if self.bias is not None:
            y += self.bias
        return y


class Norm:
    """LayerNorm or RMSNorm."""

    def __init__(self, kind: str, weights: Weights, name: str) -> None:
        self.kind, self.eps = kind, np.float32(EPS[kind])
        self.scale, self.shift = weights[f"{name}.weight"], weights.get(f"{name}.bias")

    def __call__(self, x: Array) -> Array:
        """x (rows, width) -> (rows, width)."""
        if self.kind == "layer":
            x = x - x.mean(axis=1, keepdims=True)
        square = np.einsum("ij,ij->i", x, x) / np.float32(x.shape[1])
        y: Array = x * (1 / np.sqrt(square + self.eps))[:, None]
        y *= self.scale
        if self.shift is not None:
            y += self.shift
        return y


class Layer:
    """x + attention(norm x), then x + down(activation(gate) * up); without a gate x + down(activation(up))."""

    def __init__(self, encoder: Mapping[str, Any], weights: Weights, name: str) -> None:
        self.heads, self.gated = encoder["heads"], encoder["gated"]
        self.activation = ACTIVATIONS[encoder["activation"]]
        self.norm_attention = Norm(encoder["norm"], weights, f"{name}.norm_attention")
        self.norm_feedforward = Norm(encoder["norm"], weights, f"{name}.norm_feedforward")
        self.qkv, self.out, self.up, self.down = (
            Linear(weights, f"{name}.{part}") for part in ("qkv", "out", "up", "down")
        )

    def __call__(self, x: Array, offsets: NDArray[np.int64], bias: Array | None) -> Array:
        """x (rows, width) -> (rows, width); bias (rows,) is added to the attention scores of each key."""
        qkv = self.qkv(self.norm_attention(x))
        x = x + self.out(attention(qkv, self.heads, offsets, bias))
        projected = self.up(self.norm_feedforward(x))
        if not self.gated:
            return x + self.down(self.activation(projected))
        half = projected.shape[1] // 2
        return x + self.down(self.activation(projected[:, :half]) * projected[:, half:])


def attention(qkv: Array, heads: int, offsets: NDArray[np.int64], bias: Array | None) -> Array:
    """Compute attention (rows, width) from queries, keys and values (rows, 3 width), batching runs of equal length.

    offsets (strings + 1,): string i is rows offsets[i] … offsets[i + 1].
    """
    rows, width = len(qkv), qkv.shape[1] // 3
    out = np.empty((rows, width), dtype=np.float32)
    lengths = np.diff(offsets)
    runs = np.flatnonzero(np.diff(lengths)) + 1
    scale = np.float32((width // heads) ** -0.5)
    for first, end in zip([0, *runs.tolist()], [*runs.tolist(), len(lengths)], strict=True):
        length, count = int(lengths[first]), end - first
        part = slice(int(offsets[first]), int(offsets[end]))
        q, k, v = qkv[part].reshape(count, length, 3, heads, -1).transpose(2, 0, 3, 1, 4)
        scores = (q * scale) @ k.swapaxes(2, 3)
        if bias is not None:
            scores += bias[part].reshape(count, 1, 1, length)
        scores -= scores.max(axis=3, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=3, keepdims=True)
        out[part] = (scores @ v).swapaxes(1, 2).reshape(count * length, width)
    return out
