"""What csrc/ does, in readable Python: the oracle of the compiled core, and its stand-in where no compiler was at hand."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Issue = tuple[int, int, int]  # code, offset in bytes, length in bytes

EMPTY, BLANKS, UNEXPECTED, UNFINISHED = 101, 102, 103, 104
UNKNOWN_GROUP, UNKNOWN_ELEMENT, UNKNOWN_WYCKOFF = 201, 202, 203
FRACTION_SUM, OCCUPANCY_SUM, FIXED_SITE_TWICE, REPEATED_WYCKOFF = 301, 302, 303, 304
REPEATED_ELEMENT, FULL_OCCUPANCY, ZERO_FRACTION = 305, 306, 401

KINDS = {
    "bar": re.compile(rb"\|"),
    "wyckoff": re.compile(rb"[1-9][0-9]{0,2}[a-zA]"),
    "element": re.compile(rb"[A-Z][a-z]?"),
    "fraction": re.compile(rb"0\.[0-9]|0\.[0-9][1-9]|1\.0"),
}
GENERATOR = re.compile(rb"[0-9A-Za-z]")

# The grammar. place -> {kind of token: next place}; places where a text may end are in ENDS.
GRAMMAR = {
    "body": {"element": "site", "wyckoff": "wyckoff"},
    "orbit": {"element": "site"},
    "site": {"wyckoff": "orbit", "fraction": "mixture"},
    "mixture": {"wyckoff": "orbit", "element": "occupancy"},
    "occupancy": {"fraction": "mixture"},
    "wyckoff": {"wyckoff": "wyckoff", "bar": "composition"},
    "composition": {"element": "fraction"},
    "fraction": {"fraction": "next element"},
    "next element": {"element": "fraction"},
}
ENDS = {"orbit", "next element"}


class Token(NamedTuple):
    kind: str
    text: str
    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


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
    for token in tokens:
        if token.kind == "element" and token.text not in ELEMENT:
            yield UNKNOWN_ELEMENT, token.offset, token.length
        if token.kind == "wyckoff" and symbols is not None and token.text not in symbols:
            yield UNKNOWN_WYCKOFF, token.offset, token.length


def hundredths(token: Token) -> int:
    return round(100 * float(token.text))


def check_parts(tokens: list[Token]) -> Iterator[Issue]:
    """Each mixture (an orbit's, or the whole composition): elements once, no zero, a sum that can be right."""
    reduced = tokens[0].kind == "wyckoff"
    part: list[Token] = []
    for index, token in enumerate(tokens):
        if token.kind in ("element", "fraction"):
            if token.kind == "element" and token.text in {
                other.text for other in part if other.kind == "element"
            }:
                yield REPEATED_ELEMENT, token.offset, token.length
            if token.kind == "fraction" and hundredths(token) == 0:
                yield ZERO_FRACTION, token.offset, token.length
            part.append(token)
        last = index == len(tokens) - 1
        if part and (last or token.kind == "wyckoff"):
            yield from check_sum(part, reduced)
            part = []


def check_sum(part: list[Token], reduced: bool) -> Iterator[Issue]:
    fractions = [hundredths(token) for token in part if token.kind == "fraction"]
    elements = len(part) - len(fractions)
    span = part[0].offset, part[-1].end - part[0].offset
    total = sum(fractions)
    if reduced:
        if 2 * abs(total - 100) > elements:
            yield FRACTION_SUM, *span
    elif elements == 1 and total == 100:
        yield FULL_OCCUPANCY, *span
    elif 2 * (total - 100) > elements:
        yield OCCUPANCY_SUM, *span


def check_sites(group: int, tokens: list[Token]) -> Iterator[Issue]:
    from cloudkit.tables import SPACE_GROUPS

    reduced = tokens[0].kind == "wyckoff"
    seen: set[str] = set()
    for token in tokens:
        if token.kind != "wyckoff":
            continue
        if token.text in seen and reduced:
            yield REPEATED_WYCKOFF, token.offset, token.length
        elif token.text in seen and SPACE_GROUPS[group - 1].position(token.text[-1]).degrees_of_freedom == 0:
            yield FIXED_SITE_TWICE, token.offset, token.length
        seen.add(token.text)


def check(text: str | bytes) -> tuple[int, list[Issue]]:
    """(space group or 0, [(code, offset, length), ...]) of str or bytes; offsets in bytes of UTF-8."""
    from cloudkit.tables import SPACE_GROUP_BY_GENERATORS

    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    generators, start, tokens, issues = read_grammar(data)
    known = SPACE_GROUP_BY_GENERATORS.get(generators.decode("ascii", "replace"))
    group = known.number if known else 0
    if not issues:
        issues = list(check_tables(group, generators, start, tokens))
    if not issues:
        issues = [*check_parts(tokens), *check_sites(group, tokens)]
    return group, sorted(issues, key=lambda issue: (issue[1], issue[0]))


# ---- ids ------------------------------------------------------------------------------------------------------------

CLS, PAD, SEP, UNK, MASK = range(5)
SPECIALS = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")
BAR = 5


@cache
def token_ids(name: str) -> dict[str, int]:
    """Token -> id of "cloud" or "compact", from spec/vocab."""
    lines = resources.files("cloudkit.vocab").joinpath(f"{name}.txt").read_text("ascii").splitlines()
    return {token: index for index, token in enumerate(lines)}


def encode_compact(text: str) -> list[int] | None:
    group, issues = check(text)
    if any(code < 400 for code, _, _ in issues):
        return None
    ids = token_ids("compact")
    words = text.partition(" | ")[2].replace("| ", "").split(" ")
    return [CLS, ids[f"sg:{group}"], *(ids[word] for word in words), SEP]


def is_removed(char: str) -> bool:
    return char not in "\t\n\r" and (char in "\0\ufffd" or unicodedata.category(char).startswith("C"))


def is_punctuation(char: str) -> bool:
    ascii_symbol = "!" <= char <= "/" or ":" <= char <= "@" or "[" <= char <= "`" or "{" <= char <= "~"
    return ascii_symbol or unicodedata.category(char).startswith("P")


CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))  # fmt: skip


def words_of(text: str) -> list[str]:
    """BERT's basic tokenizer without lower-casing: clean, set CJK apart, compose (NFC), split at white space and punctuation."""
    clean = (char for char in text if not is_removed(char))
    apart = (
        f" {char} " if any(first <= ord(char) <= last for first, last in CJK) else char for char in clean
    )
    composed = unicodedata.normalize("NFC", "".join(apart))
    return "".join(f" {char} " if is_punctuation(char) else char for char in composed).split()


def pieces_of(word: str, ids: dict[str, int]) -> list[int]:
    """WordPiece: greedy longest match; a word that cannot be pieced together is [UNK]."""
    pieces: list[int] = []
    start = 0
    while start < len(word) <= 100:
        mark = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if mark + word[start:end] in ids), start)
        if end == start:
            return [UNK]
        pieces.append(ids[mark + word[start:end]])
        start = end
    return pieces or [UNK]


WHOLE = re.compile("|".join(re.escape(token) for token in SPECIALS) + r"|0\.[0-9][1-9]|0\.[0-9]|1\.0")


def encode_cloud(text: str) -> list[int]:
    ids = token_ids("cloud")
    pieces = {token: index for token, index in ids.items() if not WHOLE.fullmatch(token)}
    out, start = [CLS], 0
    for match in [*WHOLE.finditer(text), None]:
        for word in words_of(text[start : match.start() if match else len(text)]):
            out += pieces_of(word, pieces)
        if match:
            out.append(ids[match.group()])
            start = match.end()
    return [*out, SEP]


def encode_text(text: str, vocabulary: str) -> NDArray[np.uint16] | None:
    """Ids (n,) uint16 of one text, or None where the compact vocabulary refuses it."""
    if vocabulary not in ("cloud", "compact"):
        raise ValueError(f"unknown vocabulary '{vocabulary}'; known: cloud, compact")
    ids = encode_cloud(text) if vocabulary == "cloud" else encode_compact(text)
    return None if ids is None else np.array(ids, np.uint16)


def encode_batch(
    texts: list[str], vocabulary: str
) -> tuple[NDArray[np.uint16], NDArray[np.int64], list[int]]:
    """(ids (tokens,) uint16, offsets (n + 1,) int64, refused rows) of many texts; a refused row has no ids."""
    rows = [encode_text(text, vocabulary) for text in texts]
    lengths = [0 if ids is None else len(ids) for ids in rows]
    kept = [ids for ids in rows if ids is not None]
    packed = np.concatenate(kept) if kept else np.empty(0, np.uint16)
    return (
        packed,
        np.cumsum([0, *lengths], dtype=np.int64),
        [row for row, ids in enumerate(rows) if ids is None],
    )


def format_ids(ids: NDArray[np.uint16]) -> str:
    """The text of compact ids; raises ValueError for ids that are no string."""
    from cloudkit.tables import generator_text

    tokens = list(token_ids("compact"))
    body = [int(i) for i in ids]
    body = body[1 if body[:1] == [CLS] else 0 : -1 if body[-1:] == [SEP] else None]
    words = [tokens[i] if BAR < i < len(tokens) else "" for i in body]
    if (
        len(words) < 2
        or not words[0].startswith("sg:")
        or any(not w or w.startswith("sg:") for w in words[1:])
    ):
        raise ValueError("these ids are not [CLS] space group, orbits or Wyckoff symbols and fractions [SEP]")
    kinds = [kind_of(word.encode()) for word in words]
    reduced = kinds[1] == "wyckoff"
    out = [generator_text(int(words[0][3:])), "|", words[1]]
    for word, kind, before in zip(words[2:], kinds[2:], kinds[1:], strict=False):
        out += ["|", word] if reduced and before == "wyckoff" and kind != "wyckoff" else [word]
    return " ".join(out)


def canonical(space_group: int, letters: list[int], contents: list[int]) -> list[tuple[int, int]]:
    """[(place in the input, canonical letter), ...] of orbits given by letter index and content number, in any order."""
    from cloudkit.tables import LETTERS, letter_permutations

    if not 1 <= space_group <= 230 or max(letters, default=0) >= len(letter_permutations(space_group)[0]):
        raise ValueError(f"space group {space_group} has no Wyckoff letters {sorted(set(letters))}")
    best: list[tuple[int, int, int]] = []
    for renaming in letter_permutations(space_group):
        new = [LETTERS.index(renaming[letter]) for letter in letters]
        image = sorted(zip(new, contents, range(len(letters)), strict=True))
        if not best or [key[:2] for key in image] < [key[:2] for key in best]:
            best = image
    return [(place, letter) for letter, _, place in best]
