"""Constants of heads of values; the torch heads and the NumPy runtime share them."""

from typing import Final

MAX_STATISTIC: Final = (
    4.0  # statistics count as no farther than this many spreads from the mean of the training crystals
)

# Thermal heads
TYPICAL_THETA: Final = (
    450.0  # K, about the median Debye temperature of crystals: where an untrained head starts
)
# cumulated shares of the modes at the grid points of a spectrum; below the first the density is quadratic
SHARES: Final = (0.004, 0.015, 0.04, 0.09, 0.17, 0.27, 0.38, 0.5, 0.62, 0.74, 0.85, 0.94, 1.0)
POINTS: Final = 3  # Gauss-Legendre points between two grid points
NODES: Final = (0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5)  # where they lie, 0 to 1
WEIGHTS: Final = (5 / 18, 8 / 18, 5 / 18)
OSCILLATORS: Final = 2  # Einstein frequencies of debye_einstein; einstein has one more
MAX_LOG_SCALE: Final = 8.0  # logarithms of scales stay within ±8 of their start
PARAMETERS: Final = {"debye": 1, "einstein": 6, "debye_einstein": 6, "spectrum": len(SHARES)}
# where the frequencies of an untrained head lie, in TYPICAL_THETA
STARTS: Final = {"einstein": (0.45, 0.75, 1.0), "debye_einstein": (0.75, 0.8, 1.1)}
