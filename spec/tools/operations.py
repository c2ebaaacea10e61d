"""What the table builders share: the operations of a space group, and coordinates such as `x,2x,1/4+y` as numbers."""

import re
from fractions import Fraction

import moyopy
import numpy as np


def operations(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3) and translations (n, 3) of the standard setting, centring included."""
    ops = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
    return np.array(ops.rotations, int), np.array(ops.translations, float)


def read_coordinates(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Linear part (3, 3) and constants (3,) of three coordinates."""
    parts = [_read_one(part) for part in text.split(",")]
    return np.array([coefficients for coefficients, _ in parts]), np.array([c for _, c in parts])


def _read_one(text: str) -> tuple[list[int], float]:
    coefficients, constant = [0, 0, 0], Fraction(0)
    for sign, factor, symbol, value in re.findall(
        r"([+-]?)(\d*)([xyz])|([+-]?\d+(?:/\d+)?)", text.replace(" ", "")
    ):
        if symbol:
            coefficients["xyz".index(symbol)] += int(f"{sign}{factor or 1}")
        else:
            constant += Fraction(value)
    return coefficients, float(constant)
