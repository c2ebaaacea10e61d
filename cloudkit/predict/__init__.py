"""A trained model at work: structures or SCOPE strings in, a table of values with units out."""

from cloudkit.predict.inputs import Failure, parse_temperatures
from cloudkit.predict.materials import Materials, load
from cloudkit.predict.model import Model, Predictor
from cloudkit.predict.sheet import Sheet
from cloudkit.predict.tables import Columns, as_frame

__all__ = [
    "Columns",
    "Failure",
    "Materials",
    "Model",
    "Predictor",
    "Sheet",
    "as_frame",
    "load",
    "parse_temperatures",
]
