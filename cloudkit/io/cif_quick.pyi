"""Types of cif_quick.pyx."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

def read_plain(
    block: Any,
    operation_tags: tuple[str, ...],
    centering_tags: tuple[str, ...],
    special_tags: tuple[str, ...],
    ranks: dict[str, int],
    group_tags: tuple[str, ...],
    p1: frozenset[str],
    formulas: dict[str, dict[str, float]],
    volume_share: float,
    smallest_room: float,
    largest_room: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], tuple[str, ...]] | None: ...
