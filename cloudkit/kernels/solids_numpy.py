"""Debye and Einstein thermodynamics in NumPy, float64; the functions of `solids_torch` without torch.

Formulas and branches: solids_torch.py; derivation and error: spec/decisions/0002-debye-quadrature.md.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.kernels._debye_coefficients import BULGE, LI2, LI3, LI4, SPLIT
from cloudkit.units import GAS_CONSTANT as R

Array = NDArray[np.float64]

COLD: Final = 1e120  # theta / T at T = 0
TINY: Final = 2.3e-308  # smallest theta / T, so that its logarithm stays finite
FROZEN: Final = 1400.0  # theta / T above which an oscillator holds no heat in float64
TAIL: Final = math.pi**4 / 5  # the Debye function -> TAIL / x³


class Thermodynamics(NamedTuple):
    """U and F in J/mol, with the zero-point energy; Cv and S in J/mol/K; per mole of atoms."""

    internal_energy: Array
    heat_capacity: Array
    entropy: Array
    free_energy: Array


def debye(theta: Array, temperature: Array) -> Thermodynamics:
    """Compute U, Cv, S, F of solids with one Debye temperature.

    Parameters
    ----------
    theta, temperature
        In K, theta > 0 and temperature >= 0; they broadcast together.

    Returns
    -------
    Thermodynamics
        Of the broadcast shape.

    Examples
    --------
    >>> float(debye(np.array(428.0), np.array(300.0)).heat_capacity.round(2))
    22.58
    """
    x, n, log1p_n = _ratio(theta, temperature)
    near = np.minimum(x, SPLIT)
    debye_near = (near * _polynomial(BULGE, near * near) - 0.375) * near + 1
    r, q = 1 / np.maximum(x, SPLIT), n / (1 + n)
    li2 = _polynomial(LI2, q) + 2 * r * (_polynomial(LI3, q) + r * _polynomial(LI4, q))
    debye_far = r**3 * TAIL - 3 * log1p_n - 9 * q * r * li2
    function = np.where(x < SPLIT, debye_near, debye_far)
    zero_point = 1.125 * R * theta
    return Thermodynamics(
        zero_point + 3 * R * temperature * function,
        12 * R * function - 9 * R * x * n,
        4 * R * function + 3 * R * log1p_n,
        zero_point - R * temperature * (function + 3 * log1p_n),
    )


def einstein(theta: Array, temperature: Array) -> Thermodynamics:
    """Compute U, Cv, S, F of solids whose 3 modes per atom have one frequency, theta = h nu / k.

    Parameters
    ----------
    theta, temperature
        As in `debye`.

    Returns
    -------
    Thermodynamics
        Of the broadcast shape.

    Examples
    --------
    >>> float(einstein(np.array(300.0), np.array(300.0)).heat_capacity.round(2))
    22.96
    """
    x, n, log1p_n = _ratio(theta, temperature)
    half = np.minimum(x, FROZEN) * 0.5
    return Thermodynamics(
        3 * R * theta * (n + 0.5),
        3 * R * (half / np.sinh(half)) ** 2,
        3 * R * (log1p_n + x * n),
        1.5 * R * theta - 3 * R * temperature * log1p_n,
    )


def _ratio(theta: Array, temperature: Array) -> tuple[Array, Array, Array]:
    """Return x = theta / T, n = 1 / (e^x - 1) and ln(1 + n)."""
    with np.errstate(divide="ignore", over="ignore"):
        x = np.clip(theta / temperature, TINY, COLD)
        n = 1 / np.expm1(x)
    return x, n, np.log1p(n)


def _polynomial(coefficients: tuple[float, ...], y: Array) -> Array:
    """Evaluate a polynomial by Horner's rule, highest power first."""
    value = np.full_like(y, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * y + coefficient
    return value
