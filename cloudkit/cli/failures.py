"""Strings that could not be used: the first are shown on standard error, all are counted."""

from typing import Final

from cloudkit.cli.columns import Texts
from cloudkit.cli.terminal import say
from cloudkit.errors import ScopeError

MOST_SHOWN: Final = 20


class Failures:
    """Counts the failures among some strings and shows the first of them where they happen."""

    def __init__(self, all_shown_by: str) -> None:
        self.count = 0
        self._all_shown_by = all_shown_by

    def add(self, texts: Texts, row: int, error: ScopeError) -> None:
        """The string of `row` (from 0) of some texts failed: its first diagnostic with a caret, or the reason in words."""
        self.count += 1
        if self.count <= MOST_SHOWN:
            from cloudkit.scope import render

            text = texts.texts[row]
            reason = render(text, error.diagnostics[0]) if error.diagnostics else str(error)
            say(f"{texts.place(row)}: {reason}")

    def report(self) -> bool:
        """Say how many more there were than shown; whether there were any."""
        if self.count > MOST_SHOWN:
            say(f"... and {self.count - MOST_SHOWN:,} more; {self._all_shown_by} shows all")
        return self.count > 0
