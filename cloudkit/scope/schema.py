"""Trees against the JSON Schema that other readers use: a second opinion on what a string means."""

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

LONGEST: Final = 160  # characters of one message


def check_tree(tree: object) -> list[str]:
    """What breaks schemas/scope.schema.json in a decoded string (`to_tree`), each as "path: message"; [] conforms."""
    from jsonschema.exceptions import best_match

    found = []
    for error in _validator().iter_errors(tree):
        deepest = best_match([error]) or error
        message = deepest.message
        shown = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
        found.append(f"{deepest.json_path}: {shown}")
    return found


@cache
def _validator() -> "Draft202012Validator":
    from jsonschema import Draft202012Validator

    text = resources.files("cloudkit.schemas").joinpath("scope.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))
