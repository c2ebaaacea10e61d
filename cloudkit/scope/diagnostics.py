"""Diagnostics of a string: the code, byte offset and length that the core finds, with a message and a hint."""

from functools import cache
from typing import Final, Literal, NamedTuple

from cloudkit import _native
from cloudkit.errors import check_text, nearest
from cloudkit.tables import ELEMENT, GENERATOR_TEXTS, SPACE_GROUPS

# The tokens allowed in each part of a string.
EXPECTED: Final = {
    "generators": "expected generators, single characters separated by one space, then ' | '",
    "orbits": "expected orbits such as 'Na 4a' or 'Fe 0.5 Ni 0.5 4a', or Wyckoff symbols such as 4a",
    "symbols": "expected Wyckoff symbols such as 4a, then ' | ' and the composition",
    "composition": "expected pairs of element and fraction (0.0 to 1.0, at most two decimals, no trailing zero), or one "
    "species per site (Na, Na+, or Fe:0.5, Ni:0.5)",
}


class Diagnostic(NamedTuple):
    """One finding in a string; a string with warnings only is valid.

    Attributes
    ----------
    code : str
        Such as "E202" or "W301".
    offset, length : int
        Its place, in bytes of the UTF-8 text.
    message, hint : str
        What is wrong, and what to write instead.
    severity : "error" or "warning"
        Whether the string is invalid.

    Examples
    --------
    >>> from cloudkit.scope import validate
    >>> (found,) = validate("0 0 0 | Xx 1a")
    >>> found.code, found.offset, found.hint
    ('E202', 8, 'did you mean Xe?')
    """

    code: str
    offset: int
    length: int
    message: str
    hint: str
    severity: Literal["error", "warning"]

    def _repr_html_(self) -> str:
        from cloudkit.html import paragraph, titled

        where = f"{self.severity} {self.code} at byte {self.offset}"
        return titled(where, paragraph(self.message), paragraph(f"hint: {self.hint}") if self.hint else "")


def validate(text: str) -> list[Diagnostic]:
    """Check a string: grammar, then tables (groups, elements, Wyckoff symbols), then semantics (sums, repeats).

    Each level is checked only if the one before it found no error.

    Parameters
    ----------
    text
        A string of any dialect.

    Returns
    -------
    list of Diagnostic
        All findings by offset; [] for a valid string without warnings. Warnings (code W...) leave a string valid.

    Raises
    ------
    TypeError
        If `text` is not a str.

    Examples
    --------
    >>> from cloudkit import validate
    >>> [found] = validate("0 0 0 | H 1b")
    >>> found.code, found.offset, found.message
    ('E203', 10, "no Wyckoff symbol '1b' in space group 1")
    """
    check_text(text)
    return describe(text, *_native.check(text))


def describe(text: str, group: int, issues: list[tuple[int, int, int]]) -> list[Diagnostic]:
    """Diagnostics for the issues of the core, in time linear in the text and in their number."""
    data = text.encode("utf-8", "surrogatepass") if issues else b""
    body = data.find(b"|")
    composition = data.find(b"|", body + 1)
    listed = body >= 0 and data[body + 1 : body + 3].strip().isdigit()

    def part_of(offset: int) -> str:
        if not 0 <= body < offset:
            return "generators"
        return "composition" if 0 <= composition < offset else "symbols" if listed else "orbits"

    return [
        _diagnostic(data, group, part_of(offset), code, offset, length) for code, offset, length in issues
    ]


def _diagnostic(data: bytes, group: int, part: str, code: int, offset: int, length: int) -> Diagnostic:
    shown = data[offset : offset + min(length, 60)].decode("utf-8", "replace") + ("…" if length > 60 else "")
    found = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)
    message, hint = _explain(code, found, group, part)
    warning = code >= 400
    return Diagnostic(
        f"{'W' if warning else 'E'}{code}", offset, length, message, hint, "warning" if warning else "error"
    )


def _explain(code: int, found: str, group: int, part: str) -> tuple[str, str]:
    match code:
        case 101:
            return "the string is empty", "a string looks like 'generators | orbits', e.g. '… | Na 4a Cl 4b'"
        case 102:
            return "extra space", "exactly one space separates two tokens; none at the start or end"
        case 103:
            return f"unexpected token '{found}'", EXPECTED[part]
        case 104:
            return "the string ends too early", EXPECTED[part]
        case 201:
            near = nearest(found, GENERATOR_TEXTS)
            hint = f"nearest: '{near[0]}', space group {GENERATOR_TEXTS.index(near[0]) + 1}" if near else ""
            return f"no space group has the generators '{found}'", hint
        case 202:
            return f"unknown element '{found}'", _near_elements(found)
        case 203:
            return _unknown_wyckoff(found, group)
        case 301:
            return (
                f"the fractions of '{found}' do not sum to 1 within rounding",
                "each may be off by 0.005",
            )
        case 302:
            return f"the occupancies of '{found}' sum to more than 1", "each may be off by 0.005"
        case 303:
            return (
                f"position '{found}' of space group {group} has no free parameter but is used for two orbits",
                "it holds one orbit, with the same species on all its sites",
            )
        case 304:
            return f"Wyckoff symbol '{found}' is listed twice", "the reduced dialect lists each symbol once"
        case 305:
            return f"element '{found}' is listed twice", ""
        case 306:
            return f"'{found}' is fully occupied by one element", "write the element without 1.0"
        case 307:
            return (
                "the numbers of species and of Wyckoff symbols differ",
                "the full dialect has one of each per site",
            )
        case 308:
            return (
                f"the sites on '{found}' do not form whole orbits, given those on the other positions",
                "a cell has as many sites of an orbit as its multiplicity times one ratio, the same for all orbits",
            )
        case 401:
            return "a fraction rounds to 0.0", "the element is present, with less than 0.005"
        case 403:
            return (
                f"'{found}' has signs that the published vocabulary reads as [UNK]",
                "canonical strings have no oxidation states; the orbit dialect writes mixed sites as separate tokens",
            )
    raise ValueError(f"the core reported an unknown code {code}")


@cache
def _near_elements(found: str) -> str:
    near = nearest(found, ELEMENT, count=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else "expected one of the 118 element symbols"


def _unknown_wyckoff(found: str, group: int) -> tuple[str, str]:
    positions = SPACE_GROUPS[group - 1].wyckoff
    multiplicity, letter = int(found[:-1]), found[-1]
    same_letter = [p for p in positions if p.letter == letter]
    because = f"; letter {letter} has multiplicity {same_letter[0].multiplicity}" if same_letter else ""
    same = [p.symbol for p in positions if p.multiplicity == multiplicity]
    hint = (
        f"multiplicity {multiplicity} in {group}: {', '.join(same)}"
        if same
        else f"its letters: a to {positions[-1].letter}"
    )
    return f"no Wyckoff symbol '{found}' in space group {group}{because}", hint


def render(text: str, diagnostic: Diagnostic, width: int = 72) -> str:
    """Show a finding on a terminal: message, the text around the place, carets under it, and the hint.

    Parameters
    ----------
    text : str
        The string that was checked.
    diagnostic : Diagnostic
        What was found in it.
    width : int
        Characters of the text that are shown.

    Returns
    -------
    str
        Several lines.

    Examples
    --------
    >>> from cloudkit.scope import render, validate
    >>> text = "0 0 0 | Xx 1a"
    >>> print(render(text, *validate(text)))
    ScopeError E202: unknown element 'Xx'   at offset 8
      0 0 0 | Xx 1a
              ^^
      hint: did you mean Xe?
    """
    data = text.encode("utf-8", "surrogatepass")
    at = len(data[: diagnostic.offset].decode("utf-8", "surrogatepass"))
    span = len(
        data[diagnostic.offset : diagnostic.offset + diagnostic.length].decode("utf-8", "surrogatepass")
    )
    start = max(0, at - width // 2)
    end = min(len(text), start + width)
    lead, tail = ("… " if start else ""), (" …" if end < len(text) else "")
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text[start:end])
    lines = [
        f"ScopeError {diagnostic.code}: {diagnostic.message}   at offset {diagnostic.offset}",
        f"  {lead}{shown}{tail}",
        "  " + " " * (len(lead) + at - start) + "^" * max(1, min(span, end - at)),
    ]
    return "\n".join([*lines, f"  hint: {diagnostic.hint}"] if diagnostic.hint else lines)
