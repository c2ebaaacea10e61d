"""Evaluation of trained models: metrics, baselines trained on the same rows, and leakage.

The names here need torch or scikit-learn and are imported on first use, so that pages of predictions do without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudkit.evaluate.baselines import BASELINES, fit_predict
    from cloudkit.evaluate.evaluation import Evaluation, Scores, compare, evaluate

__all__ = ["BASELINES", "Evaluation", "Scores", "compare", "evaluate", "fit_predict"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'cloudkit.evaluate' has no attribute '{name}'")
    home = "baselines" if name in ("BASELINES", "fit_predict") else "evaluation"
    return getattr(import_module(f"cloudkit.evaluate.{home}"), name)
