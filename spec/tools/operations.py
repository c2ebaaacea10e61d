"""Shared by the builders of tables: the operations of a space group, and coordinates such as `x,2x,1/4+y` as arrays."""

import loci
import moyopy
import numpy as np


def operations(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3) and translations (n, 3) of the standard setting, centring included."""
    ops = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
    return np.array(ops.rotations, int), np.array(ops.translations, float)


def read_coordinates(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Linear part (3, 3) and constants (3,) of three coordinates."""
    linear, constants = loci.read_coordinates(text)
    return np.array(linear), np.array([float(constant) for constant in constants])
