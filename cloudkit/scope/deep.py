"""What a closer look at a valid string finds: is there a crystal that it can stand for?"""

from cloudkit.scope.candidates import MAX_ATOMS, candidates
from cloudkit.scope.diagnostics import Diagnostic
from cloudkit.scope.tree import parse


def check_deep(text: str) -> list[Diagnostic]:
    """W402 at the composition of a reduced string that no ordered crystal within the bound rounds to, else [].

    A search that is cut short says nothing. Raises ScopeError for invalid text.
    """
    scope = parse(text)
    if scope.dialect != "reduced":
        return []
    found = candidates(scope)
    if found.texts or not found.complete:
        return []
    offset = text.rindex("|") + 2
    message = "no integer assignment exists within the bound"
    hint = f"no ordered crystal of up to {MAX_ATOMS} atoms in the conventional cell has these letters and fractions"
    return [Diagnostic("W402", offset, len(text) - offset, message, hint, "warning")]
