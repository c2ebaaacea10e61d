"""Rival: Lark on spec/scope.ebnf, the grammar as the standard prints it.

Earley with the dynamic lexer, the faster of the two settings that read this grammar: it is not LALR(1), since behind a
fraction a blank may go on with the mixture or end it.
"""

from collections.abc import Callable
from pathlib import Path

GRAMMAR = Path(__file__).resolve().parents[2] / "spec/scope.ebnf"


def load() -> Callable[[str], list[str]]:
    """Text -> the tokens of its tree; raises lark.exceptions.LarkError for text that the grammar refuses."""
    from lark import Lark, Token

    reader = Lark(GRAMMAR.read_text("utf-8"), parser="earley", lexer="dynamic", keep_all_tokens=True)
    return lambda text: list(reader.parse(text).scan_values(lambda value: isinstance(value, Token)))
