"""Fused kernels over torch tensors; each has a torch path for any device and a Triton path for GPUs."""

from cloudkit.errors import require

require("torch", "train")

from cloudkit.kernels.arguments import Thermodynamics  # noqa: E402 - the hint above comes first
from cloudkit.kernels.debye import einstein_thermodynamics, thermodynamics  # noqa: E402
from cloudkit.kernels.spectrum import spectrum_thermodynamics  # noqa: E402

__all__ = ["Thermodynamics", "einstein_thermodynamics", "spectrum_thermodynamics", "thermodynamics"]
