"""Fused kernels over torch tensors; each has a torch path for any device and a Triton path for GPUs."""

from cloudkit.errors import require

require("torch", "train")

from cloudkit.kernels.attention import Impl, packed_attention, packed_attention_qkv  # noqa: E402 - the hint comes first
from cloudkit.kernels.debye import Thermodynamics, thermodynamics  # noqa: E402

__all__ = ["Impl", "Thermodynamics", "packed_attention", "packed_attention_qkv", "thermodynamics"]
