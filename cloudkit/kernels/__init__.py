"""Fused kernels over torch tensors; each has a torch path for any device and a Triton path for GPUs."""

from cloudkit.errors import require

require("torch", "train")

from cloudkit.kernels.debye import Thermodynamics, thermodynamics  # noqa: E402 - the hint above comes first

__all__ = ["Thermodynamics", "thermodynamics"]
