"""CIF text to data blocks: the syntax, which gemmi reads, and the repairs of what it would refuse. CIF 2.0 becomes CIF 1.1, in
which cell, symmetry and sites are written alike.
"""

import re
from bisect import bisect_right
from functools import cache
from typing import Any, Final

from cloudkit.errors import StructureError, import_uninterrupted

COORDINATES: Final = (
    ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"),
    ("_atom_site.fract_x", "_atom_site.fract_y", "_atom_site.fract_z"),
)
CARTESIAN: Final = (
    ("_atom_site_Cartn_x", "_atom_site_Cartn_y", "_atom_site_Cartn_z"),
    ("_atom_site.Cartn_x", "_atom_site.Cartn_y", "_atom_site.Cartn_z"),
)
NO_BREAK: Final = 0xA0
FOREIGN: Final = {NO_BREAK: " ", 0x202F: " ", 0x2009: " ", 0xFEFF: None, 0x1A: None, 0x2212: "-", 0x2013: "-"}
MAGIC: Final = "#\\#CIF_2"
# in the order of the alternatives: a text field, three quotes, one quote, a comment, the begin of a list or table
_TOKEN: Final = re.compile(
    r"(?P<field>^;.*?^;)|(?P<three>\'{3}.*?\'{3}|\"{3}.*?\"{3})|(?P<one>(?<!\S)(?:\'[^\'\n]*\'|\"[^\"\n]*\"))"
    r"|(?P<comment>(?<!\S)\#[^\n]*)|(?P<open>(?<!\S)[\[{])",
    re.DOTALL | re.MULTILINE,
)
# not CIF, but written by some programs
_QUOTE_OVER_LINES = re.compile(r"^_\S+[ \t]+'[^'\n]*\n[^'_]*'[ \t]*$", re.MULTILINE)


@cache
def import_gemmi() -> Any:
    """The module gemmi, imported on first use."""
    return import_uninterrupted("gemmi")


def parse_blocks(text: str) -> list[tuple[str, Any]]:
    """(name, gemmi block or the error of that block); a syntax error costs only its own block, and only if
    that has atoms.
    """
    gemmi = import_gemmi()
    if not text.isascii() or "\x1a" in text:
        text = _plain(text)
    try:
        return _named(gemmi.cif.read_string(text, 0))
    except (ValueError, RuntimeError) as error:
        for repair in (_as_cif1, _join_quotes, _as_ascii):
            repaired = repair(text)
            if repaired != text:
                return parse_blocks(repaired)
        parts = _split_blocks(text)
        if len(parts) <= 2:
            raise _syntax_error(error, 0, text) from error
    blocks: list[tuple[str, Any]] = []
    line = parts[0].count("\n")
    for part in parts[1:]:
        name = part.split(None, 1)[0][5:]
        try:
            blocks += _named(gemmi.cif.read_string(part, 0))
        except (ValueError, RuntimeError) as error:
            has_atoms = any(tag.lower() in part.lower() for tags in COORDINATES for tag in tags)
            blocks.append((name, _syntax_error(error, line, text) if has_atoms else None))
        line += part.count("\n")
    return blocks


def _plain(text: str) -> str:
    """The text with plain signs for those of typesetters; a no-break space separates words, or else belongs to one."""
    spaced = text.translate(FOREIGN)
    try:
        import_gemmi().cif.read_string(spaced, 0)
    except (ValueError, RuntimeError):
        return text.translate({**FOREIGN, NO_BREAK: "_"}) if chr(NO_BREAK) in text else spaced
    return spaced


def _split_blocks(text: str) -> list[str]:
    """The text before the first block, and each block; "data_" at the start of a line of a text field begins none."""
    lines = text.split("\n")
    ends = [number for number, line in enumerate(lines) if line.startswith(";")]
    starts, at = [0], 0
    while at < len(lines):
        if lines[at].startswith(";"):
            at = next((end for end in ends[bisect_right(ends, at) :]), at)  # a field that never ends is none
        elif lines[at][:5].lower() == "data_":
            starts.append(at)
        at += 1
    parts = zip(starts, [*starts[1:], len(lines)], strict=True)
    return ["".join(f"{line}\n" for line in lines[start:end]) for start, end in parts]


def _join_quotes(text: str) -> str:
    return _QUOTE_OVER_LINES.sub(_on_one_line, text)


def _as_ascii(text: str) -> str:
    """Characters outside ASCII, which CIF allows in quotes alone, as question marks."""
    return text if text.isascii() else text.encode("ascii", "replace").decode()


def _on_one_line(match: re.Match[str]) -> str:
    """A quoted text without its line ends, which follow it, so that lines keep their numbers."""
    return match.group().replace("\n", " ") + "\n" * match.group().count("\n")


def _named(document: Any) -> list[tuple[str, Any]]:
    return [(document[i].name, document[i]) for i in range(len(document))]


def _syntax_error(error: Exception, lines_before: int, text: str) -> StructureError:
    """gemmi's "string:12:3(200): reason" as a sentence."""
    match = re.match(r"^[^:]*:(\d+):\d+(?:\(\d+\))?:\s*(.*)$", str(error), re.DOTALL)
    kind = "CIF 2.0" if text.startswith(MAGIC) else "CIF"
    if not match:
        return StructureError("S103", f"not valid {kind}: {error}")
    return StructureError(
        "S103", f"not valid {kind} at line {int(match.group(1)) + lines_before}: {match.group(2)}"
    )


def _as_cif1(text: str) -> str:
    """The same data as CIF 1.1; any other text as it is. Lines keep their number only outside the strings that change."""
    if not text.startswith(MAGIC):
        return text
    parts: list[str] = []
    at = 0
    while match := _TOKEN.search(text, at):
        parts.append(text[at : match.start()])
        at = match.end()
        if match["three"]:
            parts.append(_text_field(match[0][3:-3]))
        elif match["open"]:
            at = _end_of_list(text, match.start())
            parts.append(_text_field(text[match.start() : at]))
        else:
            parts.append(match[0])
    return "".join(parts)[len(MAGIC) :].join(("#", text[at:]))


def _text_field(content: str) -> str:
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
