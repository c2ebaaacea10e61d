"""Trained models at work without torch: NumPy alone, the same numbers within 1e-5.

folder -> Runtime: spec.yaml and model.safetensors as plain data
packed ids -> Layout -> Network (pooled states of each string) -> head (values, intervals, modes)
"""

from cloudkit.models.runtime.folder import read_runtime, read_spec, shipped
from cloudkit.models.runtime.heads import RegressionHead, ThermalHead
from cloudkit.models.runtime.modes import Modes
from cloudkit.models.runtime.runtime import Runtime, reason_for_torch
from cloudkit.models.runtime.weights import read_safetensors

__all__ = [
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
