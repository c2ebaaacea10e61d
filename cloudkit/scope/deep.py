"""What a closer look at a valid string finds: a crystal that it can stand for, and whether it is its canonical string."""

from cloudkit.scope.candidates import MAX_ATOMS, candidates
from cloudkit.scope.canonical import canonical_scope
from cloudkit.scope.diagnostics import Diagnostic
from cloudkit.scope.tree import Scope, parse


def check_deep(text: str) -> list[Diagnostic]:
    """Warnings about a valid string. Raises ScopeError for invalid text.

    W402 at the composition of a reduced string that no ordered crystal within the bound rounds to (a search that is cut
    short says nothing); W404 at the orbits of an orbit string that is not canonical.
    """
    scope = parse(text)
    if scope.dialect == "reduced":
        return _no_crystal(text, scope)
    return _not_canonical(text, scope) if scope.dialect == "orbit" else []


def _no_crystal(text: str, scope: Scope) -> list[Diagnostic]:
    found = candidates(scope)
    if found.texts or not found.complete:
        return []
    message = "no integer assignment exists within the bound"
    hint = f"no ordered crystal of up to {MAX_ATOMS} atoms in the conventional cell has these letters and fractions"
    return [_warning("W402", text, message, hint)]


def _not_canonical(text: str, scope: Scope) -> list[Diagnostic]:
    canonical = str(canonical_scope(scope))
    if canonical == text:
        return []
    body = canonical.partition(" | ")[2]
    return [
        _warning("W404", text, "this is not the canonical string of its crystal", f"that reads '… | {body}'")
    ]


def _warning(code: str, text: str, message: str, hint: str) -> Diagnostic:
    """At what stands behind the last bar."""
    offset = text.rindex("|") + 2
    return Diagnostic(code, offset, len(text) - offset, message, hint, "warning")
