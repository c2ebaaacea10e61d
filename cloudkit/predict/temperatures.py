"""Temperatures as users write them: ``300``, ``75,300`` or ``0:600:10`` (start:stop:step, end included)."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cloudkit.errors import CloudkitError

MAX_TEMPERATURES = 1_000_000  # a longer range is almost certainly a typo


def check_temperatures(values: Any) -> npt.NDArray[np.float64]:
    """Return temperatures in K as a float64 array (n,); raises CloudkitError naming a negative, NaN or infinite one.

    Examples
    --------
    >>> check_temperatures([100, 300])
    array([100., 300.])
    """
    try:
        array = np.array(values, dtype=np.float64).ravel()  # a copy: columns of pandas cannot be written to
    except (TypeError, ValueError):
        raise CloudkitError(
            f"temperatures must be numbers in K, such as [100, 298.15] or range(0, 601, 10); found {values!r}"
        ) from None
    if array.size == 0:
        raise CloudkitError("no temperature given; give at least one, in K, for example 300")
    wrong = array[~np.isfinite(array) | (array < 0)]
    if wrong.size:
        raise CloudkitError(f"temperature {wrong[0]:g} K: temperatures are finite and 0 K or above")
    return array


def parse_temperatures(text: str) -> npt.NDArray[np.float64]:
    """Parse ``300``, ``75,300``, ``0:600:10`` or a mix such as ``0:100:5,300`` into temperatures (n,) in K, in the order written.

    A range includes its start and its end, even if the last step is shorter.
    Raises CloudkitError naming the part that is wrong.

    Examples
    --------
    >>> parse_temperatures("0:20:10,300")
    array([  0.,  10.,  20., 300.])
    """
    pieces = [_parse_part(piece.strip()) for piece in text.split(",")]
    return check_temperatures(np.concatenate(pieces))


def _parse_part(piece: str) -> npt.NDArray[np.float64]:
    try:
        numbers = [float(number) for number in piece.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return np.array(numbers)
    if len(numbers) != 3:
        raise CloudkitError(f"temperatures '{piece}': write a number, or start:stop:step such as 0:600:10")
    return _range(piece, *numbers)


def _range(piece: str, start: float, stop: float, step: float) -> npt.NDArray[np.float64]:
    check_temperatures([start, stop])
    if not (math.isfinite(step) and step > 0 and stop >= start):
        raise CloudkitError(f"temperatures '{piece}': start:stop:step needs stop >= start and a step above 0")
    if (stop - start) / step >= MAX_TEMPERATURES:
        raise CloudkitError(
            f"temperatures '{piece}' are more than {MAX_TEMPERATURES:,} values; take a larger step"
        )
    count = math.floor((stop - start) / step + 1e-9)
    grid = start + step * np.arange(count + 1, dtype=np.float64)
    if stop - grid[-1] > 1e-9 * step:
        return np.append(grid, np.float64(stop))
    grid[-1] = stop
    return grid
