"""From the probabilities of classes to the predicted class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decide(probability: NDArray[Any], positive: int, threshold: float) -> NDArray[np.int64]:
    """Predict a class for each row: of two classes the positive one from a threshold upward, of more the most probable one.

    Parameters
    ----------
    probability : ndarray
        (rows, classes).
    positive : int
        Index of the positive class.
    threshold : float
        Probability of the positive class from which it is predicted; ignored for more than two classes.

    Returns
    -------
    ndarray of int64
        Indices of classes (rows,).

    Examples
    --------
    >>> decide(np.array([[0.7, 0.3], [0.5, 0.5]]), positive=1, threshold=0.4).tolist()
    [0, 1]
    """
    if probability.shape[1] > 2:
        return np.asarray(probability.argmax(axis=1), dtype=np.int64)
    return np.where(probability[:, positive] >= threshold, positive, 1 - positive).astype(np.int64)
