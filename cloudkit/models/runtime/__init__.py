"""Inference in NumPy, without torch; same values within 1e-5.

folder -> Runtime: spec.yaml and model.safetensors as plain data
packed ids -> Layout -> Network (pooled states of each string) -> head (values, intervals, modes)
"""

from cloudkit.models.runtime.heads import (
    THERMAL,
    ClassificationHead,
    RegressionHead,
    ThermalHead,
)
from cloudkit.models.runtime.layers import read_safetensors
from cloudkit.models.runtime.runtime import Runtime, read_runtime, read_spec, reason_for_torch, shipped

__all__ = [
    "THERMAL",
    "ClassificationHead",
    "RegressionHead",
    "Runtime",
    "ThermalHead",
    "read_runtime",
    "read_safetensors",
    "read_spec",
    "reason_for_torch",
    "shipped",
]
