"""Worst error of the Debye and Einstein functions and their first derivatives against mpmath: PYTHONPATH=benchmarks python benchmarks/studies/debye_accuracy.py

500 points per law, theta / T from 1e-6 to 1e6 and T from 1e-6 to 1e9 K, even in logarithm, inputs exact in float32; half of Einstein's
below theta / T = 740, where e^-x does not underflow. F counts relative to its largest term; results below the smallest normal
number count absolutely, those above the largest number of the dtype not at all.
"""

import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[2] / "tests" / "kernels"))
from debye_reference import quantities
from test_debye import LAWS, pair, with_derivatives


def worst(law: str, dtype: torch.dtype, points: list[tuple[float, float, dict[str, mp.mpf]]]) -> str:
    """The largest error, of what and where."""
    info, worst = torch.finfo(dtype), (0.0, "", 0.0)
    theta, temperature = pair([p[0] for p in points], [p[1] for p in points], dtype)
    for name, column in with_derivatives(theta, temperature, law).items():
        for value, (a, b, reference) in zip(column.tolist(), points, strict=True):
            size = reference["scale"] if name == "F" else abs(reference[name])
            if size <= info.max:
                error = float(abs(mp.mpf(value) - reference[name]) / (size + info.smallest_normal))
                worst = max(worst, (error, name, a / b))
    return f"{worst[0]:.1e} ({worst[1]} at theta/T = {worst[2]:.3g})"


def main() -> None:
    draw = np.random.default_rng(0)
    for law in LAWS:
        ratio, kelvin = 10 ** draw.uniform(-6, 6, 500), 10 ** draw.uniform(-6, 9, 500)
        if law == "einstein":
            ratio[:250] = 10 ** draw.uniform(-6, np.log10(740), 250)
        inputs = [
            (float(np.float32(x * t)), float(np.float32(t))) for x, t in zip(ratio, kelvin, strict=True)
        ]
        points = [(a, b, quantities(a, b, LAWS[law][1])) for a, b in inputs]
        for dtype in (torch.float32, torch.float64):
            print(f"{law:9} {str(dtype).removeprefix('torch.')}: {worst(law, dtype, points)}")


if __name__ == "__main__":
    main()
