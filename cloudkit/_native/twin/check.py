"""Twin of csrc/check.c: what is wrong with a string, in readable Python."""

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

Issue = tuple[int, int, int]  # code, offset in bytes, length in bytes

EMPTY, BLANKS, UNEXPECTED, UNFINISHED = 101, 102, 103, 104
UNKNOWN_GROUP, UNKNOWN_ELEMENT, UNKNOWN_WYCKOFF = 201, 202, 203
FRACTION_SUM, OCCUPANCY_SUM, FIXED_SITE_TWICE, REPEATED_WYCKOFF = 301, 302, 303, 304
REPEATED_ELEMENT, FULL_OCCUPANCY, SITE_COUNT, BROKEN_ORBIT = 305, 306, 307, 308
ZERO_FRACTION, SIGNS = 401, 403

ELEMENT = rb"[A-Z][a-z]?"
CHARGE = rb"(?:(?:[2-9]|[1-9][0-9]|[0-9]\.[0-9]{0,3}[1-9])?[+-]|0\+)"
PART = ELEMENT + CHARGE + rb"?:(?:0\.[0-9]{1,5}[1-9]|0\.[0-9]|1\.0)"
KINDS = {
    "bar": re.compile(rb"\|"),
    "wyckoff": re.compile(rb"[1-9][0-9]{0,2}[a-zA]"),
    "element": re.compile(ELEMENT),
    "fraction": re.compile(rb"0\.[0-9]|0\.[0-9][1-9]|1\.0"),
    "ion": re.compile(ELEMENT + CHARGE),
    "part": re.compile(PART),
    "part,": re.compile(PART + b","),
}
GENERATOR = re.compile(rb"[0-9A-Za-z]")

# The grammar. place -> {kind of token: next place}; places where a text may end are in ENDS.
SITE = {"element": "next site", "ion": "next site", "part": "next site", "part,": "next part"}
GRAMMAR = {
    "body": {"element": "site", "wyckoff": "wyckoff"},
    "orbit": {"element": "site"},
    "site": {"wyckoff": "orbit", "fraction": "mixture"},
    "mixture": {"wyckoff": "orbit", "element": "occupancy"},
    "occupancy": {"fraction": "mixture"},
    "wyckoff": {"wyckoff": "wyckoff", "bar": "composition"},
    "composition": SITE | {"element": "first"},
    "first": SITE | {"fraction": "next element"},
    "fraction": {"fraction": "next element"},
    "next element": {"element": "fraction"},
    "next site": SITE,
    "next part": {"part": "next site", "part,": "next part"},
}
ENDS = {"orbit", "first", "next element", "next site"}


class Token(NamedTuple):
    kind: str
    text: str
    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length

    @property
    def charged(self) -> bool:
        return "+" in self.text or "-" in self.text

    def pieces(self) -> "list[Token]":
        """The element and the fraction in a species of `full`; any other token alone."""
        if self.kind not in ("ion", "part", "part,"):
            return [self]
        name, _, share = self.text.rstrip(",").partition(":")
        symbol = name.rstrip("+-.0123456789")
        element = Token("element", symbol, self.offset, len(symbol))
        return [element, Token("fraction", share, self.offset + len(name) + 1, len(share))][
            : 2 if share else 1
        ]


def kind_of(word: bytes) -> str:
    return next((kind for kind, pattern in KINDS.items() if pattern.fullmatch(word)), "other")


def read_grammar(data: bytes) -> tuple[bytes, int, list[Token], list[Issue]]:
    """(generator part, its offset, tokens of the rest, grammar issues); unexpected tokens are passed over."""
    if not data:
        return b"", 0, [], [(EMPTY, 0, 0)]
    issues: list[Issue] = []
    tokens: list[Token] = []
    generators: list[tuple[int, int]] = []
    place = "generators"
    for match in re.finditer(rb" +|[^ ]+", data):
        word, offset = match.group(), match.start()
        if word.startswith(b" "):
            allowed = offset > 0 and match.end() < len(data)
            if len(word) > allowed:
                issues.append((BLANKS, offset + allowed, len(word) - allowed))
            continue
        kind = kind_of(word)
        if place == "generators" and kind == "bar" and generators:
            place = "body"
        elif place == "generators" and GENERATOR.fullmatch(word):
            generators.append((offset, match.end()))
        elif place != "generators" and kind in GRAMMAR[place]:
            place = GRAMMAR[place][kind]
            tokens.append(Token(kind, word.decode("ascii"), offset, len(word)))
        else:
            issues.append((UNEXPECTED, offset, len(word)))
    if place not in ENDS:
        issues.append((UNFINISHED, len(data), 0))
    if place == "generators":
        return b"", 0, tokens, issues
    start, end = generators[0][0], generators[-1][1]
    return data[start:end], start, tokens, issues


def check_tables(group: int, generators: bytes, start: int, tokens: list[Token]) -> Iterator[Issue]:
    from cloudkit.tables import ELEMENT, SPACE_GROUPS

    if group == 0:
        yield UNKNOWN_GROUP, start, len(generators)
    symbols = {position.symbol for position in SPACE_GROUPS[group - 1].wyckoff} if group else None
    for token in (piece for whole in tokens for piece in whole.pieces()):
        if token.kind == "element" and token.text not in ELEMENT:
            yield UNKNOWN_ELEMENT, token.offset, token.length
        if token.kind == "wyckoff" and symbols is not None and token.text not in symbols:
            yield UNKNOWN_WYCKOFF, token.offset, token.length


def dialect_of(tokens: list[Token]) -> str:
    if tokens[0].kind != "wyckoff":
        return "orbit"
    return "reduced" if any(token.kind == "fraction" for token in tokens) else "full"


def split_items(tokens: list[Token], dialect: str) -> list[list[Token]]:
    """The species of each orbit, those of the composition, or those of each site."""
    if dialect == "reduced":
        return [[token for token in tokens if token.kind in ("element", "fraction")]]
    items: list[list[Token]] = [[]]
    for token in tokens if dialect == "orbit" else tokens[listed_symbols(tokens) + 1 :]:
        if token.kind != "wyckoff":
            items[-1].append(token)
        if token.kind == "wyckoff" or (dialect == "full" and token.kind != "part,"):
            items.append([])
    return items[:-1]


def listed_symbols(tokens: list[Token]) -> int:
    return [token.kind for token in tokens].index("bar")


def millionths(token: Token) -> int:
    return round(1_000_000 * float(token.text))


def check_item(item: list[Token], dialect: str) -> Iterator[Issue]:
    """Elements once, no zero, a sum that can be right: each fraction may be off by half a hundredth."""
    seen: set[str] = set()
    total = elements = 0
    for token in item:
        for piece in token.pieces():
            if piece.kind == "fraction":
                total += millionths(piece)
                if millionths(piece) == 0:
                    yield ZERO_FRACTION, piece.offset, piece.length
            else:
                elements += 1
                if piece.text in seen and not token.charged:
                    yield REPEATED_ELEMENT, piece.offset, piece.length
                seen |= set() if token.charged else {piece.text}
    span = item[0].offset, item[-1].end - item[0].offset
    slack = 5_000 * elements
    if dialect == "reduced":
        if abs(total - 1_000_000) > slack:
            yield FRACTION_SUM, *span
    elif dialect == "orbit" and elements == 1 and total == 1_000_000:
        yield FULL_OCCUPANCY, *span
    elif total > 1_000_000 + slack:
        yield OCCUPANCY_SUM, *span
    if any(token.kind in ("ion", "part", "part,") for token in item):
        yield SIGNS, *span


def check_positions(group: int, tokens: list[Token], dialect: str) -> Iterator[Issue]:
    """No position without free parameters for two orbits; in `reduced` no symbol twice."""
    from cloudkit.tables import SPACE_GROUPS

    seen: set[str] = set()
    for token in tokens:
        if token.kind == "wyckoff":
            if token.text in seen and dialect == "reduced":
                yield REPEATED_WYCKOFF, token.offset, token.length
            elif (
                token.text in seen and not SPACE_GROUPS[group - 1].position(token.text[-1]).degrees_of_freedom
            ):
                yield FIXED_SITE_TWICE, token.offset, token.length
            seen.add(token.text)


def check_listing(group: int, tokens: list[Token], sites: list[list[Token]]) -> Iterator[Issue]:
    """`full`: a species for each symbol, one kind on a position without free parameters, whole orbits."""
    from cloudkit.tables import SPACE_GROUPS

    symbols = tokens[: listed_symbols(tokens)]
    count = Counter(symbol.text for symbol in symbols)
    first = {symbol.text: symbol for symbol in reversed(symbols)}
    fixed = [
        s for s in dict.fromkeys(count) if not SPACE_GROUPS[group - 1].position(s[-1]).degrees_of_freedom
    ]
    if len(sites) != len(symbols):
        yield SITE_COUNT, sites[0][0].offset, sites[-1][-1].end - sites[0][0].offset
    else:
        held: dict[str, list[str]] = {}
        for symbol, site in zip(symbols, sites, strict=True):
            species = [token.text for token in site]
            if symbol.text in fixed and held.setdefault(symbol.text, species) != species:
                yield FIXED_SITE_TWICE, symbol.offset, symbol.length
    if fixed:
        cells = Fraction(count[fixed[0]], int(fixed[0][:-1]))
        for text, n in count.items():
            orbits = Fraction(n, int(text[:-1])) / cells
            if orbits.denominator != 1 or (text in fixed and orbits != 1):
                yield BROKEN_ORBIT, first[text].offset, first[text].length


def check_meaning(group: int, tokens: list[Token]) -> Iterator[Issue]:
    dialect = dialect_of(tokens)
    items = split_items(tokens, dialect)
    for item in items:
        yield from check_item(item, dialect)
    if dialect == "full":
        yield from check_listing(group, tokens, items)
    else:
        yield from check_positions(group, tokens, dialect)


def check(text: str | bytes) -> tuple[int, list[Issue]]:
    """(space group or 0, [(code, offset, length), ...]) of str or bytes; offsets in bytes of UTF-8."""
    from cloudkit.tables import SPACE_GROUP_BY_GENERATORS

    if not isinstance(text, str | bytes):
        raise TypeError(f"expected str, found {type(text).__name__}")
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    generators, start, tokens, issues = read_grammar(data)
    known = SPACE_GROUP_BY_GENERATORS.get(generators.decode("ascii", "replace"))
    group = known.number if known else 0
    if not issues:
        issues = list(check_tables(group, generators, start, tokens))
    if not issues:
        issues = list(check_meaning(group, tokens))
    return group, sorted(issues, key=lambda issue: (issue[1], issue[0]))
