"""Trees checked against the JSON Schema that other readers use."""

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

MAX_MESSAGE: Final = 160  # characters


def check_tree(tree: object) -> list[str]:
    """Errors of a decoded string under schemas/scope.schema.json.

    Parameters
    ----------
    tree
        As `to_tree` returns it, or read from JSON.

    Returns
    -------
    list of str
        One "path: message" for each error; [] if the tree conforms.

    Examples
    --------
    >>> from cloudkit.scope import check_tree, parse, to_tree
    >>> check_tree(to_tree(parse("0 0 0 | H 1a")))
    []
    """
    from jsonschema.exceptions import best_match

    found = []
    for error in _validator().iter_errors(tree):
        deepest = best_match([error]) or error
        message = deepest.message
        shown = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
        found.append(f"{deepest.json_path}: {shown}")
    return found


@cache
def _validator() -> "Draft202012Validator":
    from jsonschema import Draft202012Validator

    text = resources.files("cloudkit.schemas").joinpath("scope.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))
