"""Writes cloudkit/kernels/_einstein_coefficients.py with mpmath: python -m tests.kernels.derive_einstein

Polynomials in y = x² on 0 <= x <= SERIES, made as in derive_debye.py. With B_k the Bernoulli numbers,
x / (e^x - 1) + x/2 = Σ B_2k x^2k / (2k)!, so that U / (3RT) is that sum and Cv / 3R = Σ (1 - 2k) B_2k x^2k / (2k)!, and

    CURVATURE  x dCv/dx / R = y curvature(y)        from Σ -6k (2k - 1) B_2k x^2k / (2k)!
    STIFFENING dU/dtheta / R = x stiffening(y)      from Σ 6k B_2k x^(2k-1) / (2k)!
"""

from collections.abc import Callable

import mpmath as mp

from . import derive_debye

TARGET = derive_debye.TARGET.with_name("_einstein_coefficients.py")
HEADER = derive_debye.HEADER.replace("derive_debye", "derive_einstein").replace(
    "; of q = e^-x in LI2, LI3, LI4", ""
)


def series(weight: Callable[[int], int]) -> Callable[[mp.mpf], mp.mpf]:
    """y -> Σ weight(k) B_2k y^(k-1) / (2k)!"""
    return lambda y: mp.fsum(
        weight(k) * mp.bernoulli(2 * k) / mp.factorial(2 * k) * y ** (k - 1) for k in range(1, 171)
    )


def derive() -> str:
    """The text of the coefficient module."""
    with mp.workdps(60):
        tables = {
            "CURVATURE": derive_debye.powers(
                series(lambda k: -6 * k * (2 * k - 1)), derive_debye.SERIES**2, 11
            ),
            "STIFFENING": derive_debye.powers(series(lambda k: 6 * k), derive_debye.SERIES**2, 11),
        }
    lines = [HEADER, f"SERIES: Final = {derive_debye.SERIES}.0  # end of both"]
    return "\n".join([*lines, *derive_debye.table_lines(tables)]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(derive(), encoding="utf-8")
