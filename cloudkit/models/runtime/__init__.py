"""Trained models at work without torch: NumPy alone, the same numbers within 1e-5.

folder -> Runtime: spec.yaml and model.safetensors as plain data
packed ids -> Layout -> Network (pooled states of each string) -> head (values, intervals, modes)
"""

from cloudkit.models.runtime.heads import ClassificationHead, Modes, RegressionHead, ThermalHead
from cloudkit.models.runtime.layers import read_safetensors
from cloudkit.models.runtime.runtime import Runtime, read_runtime, read_spec, reason_for_torch, shipped

__all__ = [
    "ClassificationHead",
    "Modes",
    "RegressionHead",
    "Runtime",
    "ThermalHead",
    "read_runtime",
    "read_safetensors",
    "read_spec",
    "reason_for_torch",
    "shipped",
]
