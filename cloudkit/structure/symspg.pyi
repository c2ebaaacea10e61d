"""Types of symspg.pyx."""

import numpy as np
from numpy.typing import NDArray

NO_DATASET: int

class Library:
    def __init__(self, get_dataset: int, free_dataset: int, get_error: int) -> None: ...
    def search(
        self,
        lattices: NDArray[np.float64],
        positions: NDArray[np.float64],
        types: NDArray[np.int32],
        offsets: NDArray[np.int64],
        symprec: float,
        angle_tolerance: float,
    ) -> tuple[
        NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]
    ]: ...
