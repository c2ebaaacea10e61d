"""From probabilities of classes to the class that is predicted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decide(probability: NDArray[Any], positive: int, threshold: float) -> NDArray[np.int64]:
    """The predicted class (rows,): of two the positive one from a threshold upward, of more the most probable.

    probability (rows, classes); positive: the number of a class, from 0.

    Examples
    --------
    >>> decide(np.array([[0.7, 0.3], [0.5, 0.5]]), positive=1, threshold=0.4).tolist()
    [0, 1]
    """
    if probability.shape[1] > 2:
        return np.asarray(probability.argmax(axis=1), dtype=np.int64)
    return np.where(probability[:, positive] >= threshold, positive, 1 - positive).astype(np.int64)
