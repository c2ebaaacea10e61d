"""What is wrong with a string, in words: code, byte offset, length, message and hint for each issue of the core."""

from difflib import get_close_matches
from functools import cache
from typing import Final, Literal, NamedTuple

from cloudkit import _native
from cloudkit.errors import check_text
from cloudkit.tables import ELEMENT, GENERATOR_TEXTS, SPACE_GROUPS

# What may stand in each part of a string.
EXPECTED: Final = {
    "generators": "generators are single characters with one blank between, then ' | '",
    "orbits": "expected orbits such as 'Na 4a' or 'Fe 0.5 Ni 0.5 4a', or Wyckoff symbols such as 4a",
    "symbols": "expected Wyckoff symbols such as 4a, then ' | ' and the composition",
    "composition": "expected pairs of element and fraction (0.0 to 1.0, two decimals, no trailing zero), or one species "
    "per site (Na, Na+, or Fe:0.5, Ni:0.5)",
}


class Diagnostic(NamedTuple):
    """One finding. offset and length count bytes of the UTF-8 text; severity "warning" leaves the string valid."""

    code: str
    offset: int
    length: int
    message: str
    hint: str
    severity: Literal["error", "warning"]

    def _repr_html_(self) -> str:
        from cloudkit.scope.notebook import diagnostic_html

        return diagnostic_html(self)


def validate(text: str) -> list[Diagnostic]:
    """All findings about a string, in order of offset; [] is valid, warnings leave it valid.

    Grammar comes first, then tables (groups, elements, Wyckoff symbols), then semantics (sums, repeats): a level is
    checked only where the one before it found no error. Raises TypeError for what is no str.
    """
    check_text(text)
    return describe(text, *_native.check(text))


def describe(text: str, group: int, issues: list[tuple[int, int, int]]) -> list[Diagnostic]:
    """The core's issues in words; work grows with the text and the number of issues, not with their product."""
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
            return "the string is empty", "a string reads 'generators | orbits', e.g. '… | Na 4a Cl 4b'"
        case 102:
            return "a blank too many", "exactly one blank stands between two tokens, none at the ends"
        case 103:
            return f"'{found}' cannot stand here", EXPECTED[part]
        case 104:
            return "the string ends too early", EXPECTED[part]
        case 201:
            near = get_close_matches(found, GENERATOR_TEXTS, n=1, cutoff=0.6)
            hint = f"nearest: '{near[0]}', space group {GENERATOR_TEXTS.index(near[0]) + 1}" if near else ""
            return f"'{found}' are the generators of no space group", hint
        case 202:
            return f"no element '{found}'", _near_elements(found)
        case 203:
            return _unknown_wyckoff(found, group)
        case 301:
            return (
                f"the fractions of '{found}' do not sum to 1 within rounding",
                "each may be off by half a hundredth",
            )
        case 302:
            return f"the occupancies of '{found}' sum to more than 1", "each may be off by half a hundredth"
        case 303:
            return (
                f"site '{found}' of space group {group} has no free parameter and is used for two orbits",
                "one orbit fits there, with the same species on all its sites",
            )
        case 304:
            return f"Wyckoff symbol '{found}' is listed twice", "the reduced dialect lists each symbol once"
        case 305:
            return f"element '{found}' is listed twice", ""
        case 306:
            return f"'{found}' is fully occupied by one element", "write the element without 1.0"
        case 307:
            return (
                "there are more or fewer species than Wyckoff symbols",
                "the full dialect gives each site both",
            )
        case 308:
            return (
                f"the sites of '{found}' do not make up whole orbits beside those of the other positions",
                "a cell holds each position its multiplicity times the orbits on it, divided by the centring points",
            )
        case 401:
            return "a fraction rounds to 0.0", "the element is there, in less than half a hundredth"
        case 403:
            return (
                f"'{found}' has signs that the published vocabulary reads as [UNK]",
                "canonical strings leave oxidation states out; the orbit dialect writes mixed sites in tokens",
            )
    raise ValueError(f"the core reported an unknown code {code}")


@cache
def _near_elements(found: str) -> str:
    near = get_close_matches(found, ELEMENT, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else "one of the 118 symbols"


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
    """A diagnostic for the terminal: message, the text around it, a caret under what is meant, and the hint."""
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
