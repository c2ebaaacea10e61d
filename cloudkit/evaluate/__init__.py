"""Evaluation of trained models: metrics, baselines trained on the same rows, and leakage."""

from cloudkit.evaluate.baselines import BASELINES, fit_predict
from cloudkit.evaluate.evaluation import Evaluation, Scores, compare, evaluate

__all__ = ["BASELINES", "Evaluation", "Scores", "compare", "evaluate", "fit_predict"]
