"""Slower checks: whether some crystal fits a valid string, whether it is canonical, and whether a tree fits the JSON Schema."""

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from cloudkit.scope.candidates import MAX_ATOMS, candidates
from cloudkit.scope.canonical import canonical_scope
from cloudkit.scope.diagnostics import Diagnostic
from cloudkit.scope.tree import Scope, parse

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


def check_deep(text: str) -> list[Diagnostic]:
    """Warnings about a valid string that take a search.

    W402 marks the composition of a reduced string that fits no ordered crystal of up to 80 atoms in the conventional cell
    (no warning if the search was cut short); W404 marks the orbits of an orbit string that is not canonical.

    Parameters
    ----------
    text
        A valid string.

    Returns
    -------
    list of Diagnostic
        At most one warning.

    Raises
    ------
    ScopeError
        If `text` is not valid.

    Examples
    --------
    >>> from cloudkit.scope import check_deep
    >>> [warning] = check_deep("1 0 0 | Na 1b Cl 1a")
    >>> warning.code, warning.hint
    ('W404', "the canonical string is '… | Na 1a Cl 1b'")
    """
    scope = parse(text)
    if scope.dialect == "reduced":
        return _no_crystal(text, scope)
    return _not_canonical(text, scope) if scope.dialect == "orbit" else []


def _no_crystal(text: str, scope: Scope) -> list[Diagnostic]:
    found = candidates(scope)
    if found.texts or not found.complete:
        return []
    message = "no ordered crystal fits these letters and fractions"
    hint = f"conventional cells of up to {MAX_ATOMS} atoms were searched"
    return [_warning("W402", text, message, hint)]


def _not_canonical(text: str, scope: Scope) -> list[Diagnostic]:
    canonical = str(canonical_scope(scope))
    if canonical == text:
        return []
    body = canonical.partition(" | ")[2]
    return [
        _warning(
            "W404", text, "not the canonical string of its crystal", f"the canonical string is '… | {body}'"
        )
    ]


def _warning(code: str, text: str, message: str, hint: str) -> Diagnostic:
    """A warning that marks the text after the last bar."""
    offset = text.rindex("|") + 2
    return Diagnostic(code, offset, len(text) - offset, message, hint, "warning")


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
