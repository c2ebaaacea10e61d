"""Run by test_debye_triton.py under TRITON_INTERPRET=1: prints the worst error of the kernels per law, dtype and column.

The judge is the float64 torch path on the same inputs; each column is measured against its own size.
"""

import json

import torch
from torch import Tensor

from cloudkit.kernels import einstein_thermodynamics, thermodynamics

SHAPES = ((), (1,), (0,), (257,), (3, 1, 211))  # none of them a multiple of a block
DECADES = {torch.float64: 8.0, torch.float32: 8.0, torch.float16: 3.5}  # float16 ends at 65504


LAWS = {"debye": thermodynamics, "einstein": einstein_thermodynamics}


def columns(law: str, theta: Tensor, temperature: Tensor, impl: str) -> list[Tensor]:
    """Four outputs, the gradients of each, and those of a weighted sum of all."""
    inputs = theta.clone().requires_grad_(), temperature.clone().requires_grad_()
    outputs = LAWS[law](*inputs, n_atoms=3, impl=impl)
    weighted = 1.0 * outputs[0] - 2.0 * outputs[1] + 3.0 * outputs[2] + 0.5 * outputs[3]
    gradients = [torch.autograd.grad(v.sum(), inputs, retain_graph=True) for v in (*outputs, weighted)]
    return [*(value.detach() for value in outputs), *(gradient for pair in gradients for gradient in pair)]


def worst_error(law: str, dtype: torch.dtype, shape: tuple[int, ...]) -> float:
    """Over theta and T spread evenly in logarithm, every fifth T zero; relative, absolute where it underflows."""
    generator = torch.Generator().manual_seed(7)
    theta = (10 ** (DECADES[dtype] * torch.rand(shape, generator=generator) - 1)).to(dtype)
    temperature = (10 ** (DECADES[dtype] * torch.rand(shape, generator=generator) - 2)).to(dtype)
    temperature.view(-1)[::5] = 0.0
    found = columns(law, theta, temperature, "triton")
    expected = columns(law, theta.double(), temperature.double(), "torch")
    assert all(f.dtype == dtype and f.shape == e.shape for f, e in zip(found, expected, strict=True))
    floor = torch.finfo(dtype).smallest_normal
    errors = [(f.double() - e).abs() / (e.abs() + floor) for f, e in zip(found, expected, strict=True)]
    return max((float(error.max()) for error in errors if error.numel()), default=0.0)


def second_derivatives_agree(law: str) -> bool:
    theta = torch.tensor([30.0, 300.0, 900.0], dtype=torch.float64, requires_grad=True)
    hessians = []
    for impl in ("triton", "torch"):
        (slope,) = torch.autograd.grad(
            LAWS[law](theta, 150.0, impl=impl).entropy.sum(), theta, create_graph=True
        )
        hessians.append(torch.autograd.grad(slope.sum(), theta)[0])
    return bool(torch.allclose(*hessians, rtol=1e-12, atol=0))


if __name__ == "__main__":
    found = {}
    for law in LAWS:
        errors = {str(dtype): max(worst_error(law, dtype, shape) for shape in SHAPES) for dtype in DECADES}
        found[law] = {"errors": errors, "second": second_derivatives_agree(law)}
    print(json.dumps(found))
