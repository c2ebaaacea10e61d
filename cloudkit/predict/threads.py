"""Threads that compute predictions: one, unless the model is wide and the batch large. The user's settings are restored.

Matrices of a narrow model are so small that threads wait for each other longer than they compute: on two busy cores a second
thread makes 32 strings 23 to 39 times slower in NumPy and in torch (0.98 s instead of 25 ms, thermal model, 2026-11-30).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from threadpoolctl import ThreadpoolController

WIDE: Final = 256  # encoder.width from which more threads pay off, as in training
LARGE: Final = 64  # strings


@contextmanager
def fast_threads(width: int, strings: int) -> Iterator[None]:
    """Limit BLAS and torch to one thread inside the block if the encoder is narrower than WIDE or the strings are few."""
    if width >= WIDE and strings >= LARGE:
        yield
        return
    torch: Any = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    with _pools().limit(limits=1, user_api="blas"):
        try:
            if torch:
                torch.set_num_threads(1)
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


@cache
def _pools() -> ThreadpoolController:
    """The BLAS libraries of the process; looking for them takes 20 ms."""
    return ThreadpoolController()
