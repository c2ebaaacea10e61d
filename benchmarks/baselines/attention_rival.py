"""What bench_kernels.py asks of a rival of packed attention."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Rival(NamedTuple):
    """inputs: leaves that want gradients (or do not, where the rival has none). unpack: an output to packed rows (tokens, heads, dim)."""

    name: str
    inputs: tuple[Tensor, ...]
    forward: Callable[..., Tensor]
    unpack: Callable[[Tensor], Tensor]
