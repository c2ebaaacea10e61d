"""CIF 2.0 in the words of CIF 1.1, which is what gemmi reads: strings in three quotes become text fields, lists and tables quoted text.

What crystals are made of (cell, symmetry, sites) is written alike in both.
"""

import re
from typing import Final

MAGIC: Final = "#\\#CIF_2"
# in the order of the alternatives: a text field, three quotes, one quote, a comment, the begin of a list or table
_TOKEN: Final = re.compile(
    r"(?P<field>^;.*?^;)|(?P<three>\'{3}.*?\'{3}|\"{3}.*?\"{3})|(?P<one>(?<!\S)(?:\'[^\'\n]*\'|\"[^\"\n]*\"))"
    r"|(?P<comment>(?<!\S)\#[^\n]*)|(?P<open>(?<!\S)[\[{])",
    re.DOTALL | re.MULTILINE,
)


def as_cif1(text: str) -> str:
    """The same data as CIF 1.1; any other text as it is. Lines keep their number only outside the strings that change."""
    if not text.startswith(MAGIC):
        return text
    parts: list[str] = []
    at = 0
    while match := _TOKEN.search(text, at):
        parts.append(text[at : match.start()])
        at = match.end()
        if match["three"]:
            parts.append(_field(match[0][3:-3]))
        elif match["open"]:
            at = _end_of_list(text, match.start())
            parts.append(_field(text[match.start() : at]))
        else:
            parts.append(match[0])
    return "".join(parts)[len(MAGIC) :].join(("#", text[at:]))


def _field(content: str) -> str:
    """Any text as a text field."""
    lines = content.replace("\n;", "\n ;")
    return f"\n;{lines}\n;\n"


def _end_of_list(text: str, start: int) -> int:
    """The place after the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "[{") - (text[place] in "]}")
        if depth == 0:
            return place + 1
    return len(text)
