"""Types of contacts.pyx."""

import numpy as np
from numpy.typing import NDArray

def is_sound(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    labels: NDArray[np.int32],
    kinds: int,
    longest: float,
    farthest: float,
    smallest_volume: float,
    thinnest: float,
    cutoff: float,
) -> bool: ...
def has_contact(lattice: NDArray[np.float64], positions: NDArray[np.float64], cutoff: float) -> bool: ...
