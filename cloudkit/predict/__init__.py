"""A trained model at work: structures or SCOPE strings in, a table of values with units out."""

from cloudkit.predict.inputs import Failure, encode_named, parse_temperatures
from cloudkit.predict.materials import Materials, load
from cloudkit.predict.model import Columns, Model, Predictor, as_frame, load_model
from cloudkit.predict.sheet import Sheet

__all__ = [
    "Columns",
    "Failure",
    "Materials",
    "Model",
    "Predictor",
    "Sheet",
    "as_frame",
    "encode_named",
    "load",
    "load_model",
    "parse_temperatures",
]
