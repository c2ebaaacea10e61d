"""Numbers with units: features, baselines, metrics, a trained model's predictions and their figures.

structure or SCOPE text -> Model.predict -> table with units;   labels + baselines -> evaluate -> metrics, parity plot
"""

from cloudkit.property.baselines import BASELINES, fit_predict
from cloudkit.property.curves import CurvePlot, read_points
from cloudkit.property.evaluate import Evaluation, Scores, compare, evaluate
from cloudkit.property.inputs import Failure, Input
from cloudkit.property.plots import curve_plot, parity_plot, save_plot
from cloudkit.property.predictor import Model, load
from cloudkit.property.temperatures import parse_temperatures

__all__ = [
    "BASELINES", "CurvePlot", "Evaluation", "Failure", "Input", "Model", "Scores",
    "compare", "curve_plot", "evaluate", "fit_predict", "load", "parity_plot", "parse_temperatures", "read_points", "save_plot",
]  # fmt: skip
