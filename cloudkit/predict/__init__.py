"""A trained model at work: structures or SCOPE strings in, a table of values with units out."""

from cloudkit.predict.inputs import Failure, Input
from cloudkit.predict.model import Columns, Model, as_frame, load
from cloudkit.predict.temperatures import parse_temperatures

__all__ = ["Columns", "Failure", "Input", "Model", "as_frame", "load", "parse_temperatures"]
