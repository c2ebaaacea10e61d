"""The small models of tests/unit/predict."""

from ..predict.conftest import one_thread, thermal_folder

__all__ = ["one_thread", "thermal_folder"]
