"""A trained model at work: structures or SCOPE strings in, a table of values with units out."""

from cloudkit.predict.inputs import Failure, Input
from cloudkit.predict.model import Model, load
from cloudkit.predict.temperatures import parse_temperatures

__all__ = ["Failure", "Input", "Model", "load", "parse_temperatures"]
