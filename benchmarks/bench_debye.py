"""Debye thermodynamics, values and gradients: cloudkit compared with the published 20-point rule, same dtype and threads.

    python -m pytest benchmarks/bench_debye.py --benchmark-only --benchmark-timer=time.process_time

Accuracy first: errors of both against 60 digits on a sample, kept as `worst_error` next to the times; ours must be less.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from baselines import published_debye
from torch import Tensor

from cloudkit.kernels import thermodynamics

sys.path.append(str(Path(__file__).parents[1] / "tests" / "kernels"))
from debye_reference import quantities

ROOM = 300.0
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
Function = Callable[[Tensor, Tensor], object]


def our_heat_capacity(theta: Tensor, temperature: Tensor) -> Tensor:
    return thermodynamics(theta, temperature).heat_capacity


ONE = {"cloudkit": our_heat_capacity, "published": published_debye.heat_capacity}
FOUR = {"cloudkit": thermodynamics, "published": published_debye.all_four}


def gradients(function: Function, theta: Tensor, temperature: Tensor) -> Tensor:
    """Value and gradient, as a training step asks for them."""
    theta.grad = temperature.grad = None
    found = function(theta, temperature)
    total = found.sum() if isinstance(found, Tensor) else sum(part.sum() for part in found)
    total.backward()
    return theta.grad


def worst_error(function: Function, dtype: torch.dtype) -> float:
    """Largest relative error of Cv and dCv/dtheta over theta / T from 0.2 to 20."""
    theta = torch.tensor(np.geomspace(60, 6000, 40), dtype=dtype, requires_grad=True)
    value = function(theta, torch.tensor(ROOM, dtype=dtype))
    (slope,) = torch.autograd.grad(value.sum(), theta)
    wanted = [quantities(one, ROOM) for one in theta.tolist()]
    pairs = zip(value.tolist(), slope.tolist(), wanted, strict=True)
    return max(max(abs(v / q["Cv"] - 1), abs(s / q["Cv/theta"] - 1)) for v, s, q in pairs)


@pytest.fixture(scope="module", autouse=True)
def threads() -> None:
    torch.set_num_threads(1)


@pytest.mark.benchmark(group="Cv and its gradient, 1,000,000 theta at one T")
@pytest.mark.parametrize("who", ONE)
@DTYPES
def test_one_temperature(benchmark, who: str, dtype: torch.dtype) -> None:
    errors = {name: float(worst_error(function, dtype)) for name, function in ONE.items()}
    assert errors["cloudkit"] < errors["published"]
    make = torch.Generator().manual_seed(1)

    def fresh() -> tuple[tuple[Function, Tensor, Tensor], dict[str, object]]:
        theta = (torch.rand(1_000_000, generator=make) * 1900 + 100).to(dtype).requires_grad_()
        return (ONE[who], theta, torch.tensor(ROOM, dtype=dtype)), {}

    benchmark.pedantic(gradients, setup=fresh, rounds=4, warmup_rounds=1)
    benchmark.extra_info.update(worst_error=errors[who], dtype=str(dtype), threads=torch.get_num_threads())


@pytest.mark.benchmark(group="U, Cv, S, F and their gradients, 1,000 theta x 100 T")
@pytest.mark.parametrize("who", FOUR)
@DTYPES
def test_a_grid(benchmark, who: str, dtype: torch.dtype) -> None:
    make = torch.Generator().manual_seed(2)

    def fresh() -> tuple[tuple[Function, Tensor, Tensor], dict[str, object]]:
        theta = (torch.rand(1000, 1, generator=make) * 1900 + 100).to(dtype).requires_grad_()
        temperature = torch.linspace(30, 1000, 100, dtype=dtype, requires_grad=True)
        return (FOUR[who], theta, temperature), {}

    benchmark.pedantic(gradients, setup=fresh, rounds=15, warmup_rounds=2)
    benchmark.extra_info.update(dtype=str(dtype), threads=torch.get_num_threads())
