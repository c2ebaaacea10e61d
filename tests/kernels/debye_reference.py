"""Debye and Einstein thermodynamics at 60 digits, from one potential: phi(x) = F / (R T), x = theta / T, and its derivatives.

Nothing here is shared with the kernels: all quantities are derivatives of F, those of phi numeric.
"""

from collections.abc import Callable

import mpmath as mp

DIGITS = 60
Terms = Callable[[mp.mpf], list[mp.mpf]]
with mp.workdps(DIGITS):
    R = mp.mpf(831446261815324) / 10**14


def debye_function(x: mp.mpf) -> mp.mpf:
    """(3 / x³) ∫ t³ / (e^t - 1) from 0 to x, to the working precision, by two series that meet at x = 1.5."""
    total, k = 1 - 3 * x / 8, 1
    if x < 1.5:
        while (
            abs(term := 3 * mp.bernoulli(2 * k) * x ** (2 * k) / ((2 * k + 3) * mp.factorial(2 * k)))
            > mp.eps**2
        ):
            total, k = total + term, k + 1
        return total
    total, q = mp.pi**4 / 15, mp.exp(-x)
    power = q
    while (term := power * (x**3 / k + 3 * x**2 / k**2 + 6 * x / k**3 + mp.mpf(6) / k**4)) > mp.eps:
        total, power, k = total - term, power * q, k + 1
    return 3 * total / x**3


def debye_terms(x: mp.mpf) -> list[mp.mpf]:
    """The three terms of F / (R T)."""
    return [9 * x / 8, 3 * mp.log(-mp.expm1(-x)), -debye_function(x)]


def einstein_terms(x: mp.mpf) -> list[mp.mpf]:
    """Zero-point and thermal part of F / (R T) of three oscillators."""
    return [3 * x / 2, 3 * mp.log(-mp.expm1(-x))]


def quantities(theta: float, temperature: float, terms: Terms = debye_terms) -> dict[str, mp.mpf]:
    """U, Cv, S, F, their derivatives ("Cv/theta", "Cv/T", ...) and "scale": the largest term of F; temperature > 0."""
    lost = min(theta / temperature, 800) / 2.3  # digits of e^-x lost next to the zero-point term
    with mp.workdps(DIGITS + int(lost if terms is einstein_terms else 0)):
        theta, t = mp.mpf(theta), mp.mpf(temperature)
        x = theta / t
        phi, d1, d2, d3 = (
            mp.diff(lambda x: mp.fsum(terms(x)), x, order, relative=True) for order in range(4)
        )
        entropy, heat_capacity = -R * (phi - x * d1), -R * x**2 * d2
        change = -R * (2 * x * d2 + x**2 * d3)
        return {
            "U": R * theta * d1,
            "Cv": heat_capacity,
            "S": entropy,
            "F": R * t * phi,
            "U/theta": R * (d1 + x * d2),
            "U/T": heat_capacity,
            "Cv/theta": change / t,
            "Cv/T": -change * x / t,
            "S/theta": R * x * d2 / t,
            "S/T": heat_capacity / t,
            "F/theta": R * d1,
            "F/T": -entropy,
            "scale": R * t * max(abs(term) for term in terms(x)),
        }
