"""Fused kernels over torch tensors; each has a torch path for any device and a Triton path for GPUs."""

from cloudkit.errors import require

require("torch", "train")

from cloudkit.kernels.arguments import Impl, Thermodynamics  # noqa: E402 - the hint above comes first
from cloudkit.kernels.attention import packed_attention, packed_attention_qkv  # noqa: E402
from cloudkit.kernels.debye import einstein_thermodynamics, thermodynamics  # noqa: E402
from cloudkit.kernels.spectrum import spectrum_thermodynamics  # noqa: E402

__all__ = [
    "Impl", "Thermodynamics", "einstein_thermodynamics", "packed_attention", "packed_attention_qkv",
    "spectrum_thermodynamics", "thermodynamics",
]  # fmt: skip
