"""Slower checks of a valid string: whether some crystal fits it, and whether it is canonical."""

from cloudkit.scope.candidates import MAX_ATOMS, candidates
from cloudkit.scope.canonical import canonical_scope
from cloudkit.scope.diagnostics import Diagnostic
from cloudkit.scope.tree import Scope, parse


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
