"""spec/scope.ebnf as one regular expression: the grammar has no recursion, so a reader of a few lines can expand it."""

import re
from pathlib import Path

GRAMMAR = Path(__file__).resolve().parents[2] / "spec/scope.ebnf"
RULE = re.compile(r"^(\w+): (.*)$", re.MULTILINE)
PIECE = re.compile(r'"([^"]*)"|(\w+)|([()|*])| +')


def as_regex(grammar: str, start: str = "start") -> re.Pattern[str]:
    """The language of `start`. A rule in slashes is a pattern; other rules are names, "texts", groups, | and *."""
    rules = dict(RULE.findall(grammar))

    def expand(name: str) -> str:
        body = rules[name]
        if body.startswith("/"):
            return f"(?:{body[1:-1]})"
        parts = (
            re.escape(text) if text else expand(rule) if rule else mark
            for text, rule, mark in PIECE.findall(body)
        )
        return f"(?:{''.join('(?:' if part == '(' else part for part in parts)})"

    return re.compile(expand(start))
