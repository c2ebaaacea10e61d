"""Fused kernels over torch tensors; each has a torch path for any device and a Triton path for GPUs.

The names here need torch and are imported on first use; `cloudkit.kernels.solids_numpy` needs NumPy only.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cloudkit.errors import require

if TYPE_CHECKING:
    from cloudkit.kernels.arguments import Impl, Thermodynamics
    from cloudkit.kernels.attention import packed_attention, packed_attention_qkv
    from cloudkit.kernels.solids import einstein_thermodynamics, spectrum_thermodynamics, thermodynamics

__all__ = [
    "Impl", "Thermodynamics", "einstein_thermodynamics", "packed_attention", "packed_attention_qkv",
    "spectrum_thermodynamics", "thermodynamics",
]  # fmt: skip

_HOME = dict.fromkeys(("Impl", "Thermodynamics"), "arguments")
_HOME |= dict.fromkeys(("packed_attention", "packed_attention_qkv"), "attention")
_HOME |= dict.fromkeys(("einstein_thermodynamics", "spectrum_thermodynamics", "thermodynamics"), "solids")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cloudkit.kernels' has no attribute '{name}'")
    require("torch", "train")
    return getattr(import_module(f"cloudkit.kernels.{_HOME[name]}"), name)
