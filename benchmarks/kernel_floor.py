"""What attention over a packed batch must do and move at the least, and what chips can do."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import read_builtin, read_crystals
from cloudkit.tokens import Tokenizer

Lengths = NDArray[np.int64]


class Chip(NamedTuple):
    """Bytes a second from memory, and two-byte multiply-adds on tensor cores as operations a second, dense."""

    name: str
    bandwidth: float
    operations: float


CHIPS: Final = (
    Chip("A100 80 GB SXM", 2.039e12, 312e12),  # NVIDIA A100 datasheet, 2021
    Chip("H100 SXM", 3.35e12, 989.4e12),  # NVIDIA H100 datasheet, 2023
    Chip("MI300X", 5.3e12, 1307.4e12),  # AMD Instinct MI300X datasheet, 2023
)


class Count(NamedTuple):
    """Bytes between memory and chip, floating-point operations of matrix products."""

    bytes: int
    operations: int


def lower_bounds(lengths: Lengths, heads: int, dim: int, size: int) -> tuple[Count, Count]:
    """What any exact forward and backward pass must do: read Q, K, V and offsets, write the result; four and ten n² d."""
    rows, pairs, offsets = (
        int(lengths.sum()) * heads * dim * size,
        int((lengths**2).sum()) * heads * dim,
        4 * (len(lengths) + 1),
    )
    return Count(4 * rows + offsets, 4 * pairs), Count(7 * rows + offsets, 10 * pairs)


def sample(vocabulary: str, dialect: str, count: int) -> Lengths:
    """Lengths of `count` built-in minerals, ascending as in a batch."""
    texts = read_crystals(read_builtin("minerals"), dialect=dialect).texts
    chosen = np.random.default_rng(0).choice(len(texts), count, replace=False)
    _, offsets = Tokenizer(vocabulary).encode_batch([texts[i] for i in chosen])
    return np.sort(np.diff(offsets))
