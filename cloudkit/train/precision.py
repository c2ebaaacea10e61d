"""Numbers of fewer or more bits, as Lightning knows them; what goes into a network stays as it is.

Ids and places are whole numbers in a frozen layout that Lightning cannot copy, and 298.15 K would be 298 in bfloat16.
"""

from typing import Any

from lightning.fabric.plugins import DoublePrecision, MixedPrecision, Precision
from torch.amp import GradScaler


class _Mixed(MixedPrecision):
    def convert_input(self, data: Any) -> Any:
        return data


class _Double(DoublePrecision):
    def convert_input(self, data: Any) -> Any:
        return data


def make_precision(name: str, device: str) -> Precision:
    """The plugin for `run.precision` on a kind of device, cpu or cuda."""
    if name == "16-mixed" or name == "bf16-mixed":
        return _Mixed(name, device)
    return _Double() if name == "64-true" else Precision()


def scales(precision: Precision) -> bool:
    """Whether losses are scaled, lest small gradients vanish (16-mixed)."""
    return isinstance(precision, MixedPrecision) and precision.scaler is not None


def restart(precision: Precision) -> None:
    """Begin with the first scale again, whatever was trained before in the same process."""
    if scales(precision):
        precision.load_state_dict(GradScaler(precision.device).state_dict())
