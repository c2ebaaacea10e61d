"""Rival: jsonschema on the tree of a string, which schemas/scope.schema.json describes."""

import json
from collections.abc import Callable
from importlib import resources


def load() -> Callable[[object], bool]:
    """Tree -> does the schema accept it? The validator is made once, as jsonschema recommends."""
    from jsonschema import Draft202012Validator

    schema = json.loads(resources.files("cloudkit.schemas").joinpath("scope.schema.json").read_text("utf-8"))
    return Draft202012Validator(schema).is_valid
