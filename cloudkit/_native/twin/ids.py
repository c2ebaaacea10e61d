"""Twin of csrc/encode.c: text to ids of both vocabularies, and ids back to text."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cloudkit._native.twin.check import check, dialect_of, kind_of, read_grammar
from cloudkit.errors import check_text

CLS, SEP, UNK = 0, 2, 3
SPECIALS = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")
BAR = 5
NO_STRING = "these ids are not [CLS] space group, orbits or Wyckoff symbols and fractions [SEP]"


def not_a_token(index: int, place: int) -> str:
    return f"id {index} at place {place} is not in the vocabulary of 564 tokens"


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
    tokens = read_grammar(text.encode())[2]
    if dialect_of(tokens) != "full":
        return [CLS, ids[f"sg:{group}"], *(ids[token.text] for token in tokens if token.kind != "bar"), SEP]
    pieces = [piece for token in tokens for piece in token.pieces()]
    if any(token.charged for token in tokens) or any(piece.text not in ids for piece in pieces):
        return None
    out = [CLS, ids[f"sg:{group}"]]
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        out += [ids[piece.text] for piece in token.pieces()]
        out += [BAR] if token.kind == "part" and following else []
    return [*out, SEP]


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
    check_text(text)
    if vocabulary not in ("cloud", "compact"):
        raise ValueError(f"unknown vocabulary '{vocabulary}'; known: cloud, compact")
    ids = encode_cloud(text) if vocabulary == "cloud" else encode_compact(text)
    return None if ids is None else np.array(ids, np.uint16)


def decode_compact(ids: NDArray[np.uint16]) -> str:
    from cloudkit.tables import generator_text

    body = [int(i) for i in ids]
    body = body[1 if body[:1] == [CLS] else 0 : -1 if body[-1:] == [SEP] else None]
    names = list(token_ids("compact"))
    words = [names[i] if BAR <= i < len(names) else "" for i in body]
    kinds = [kind_of(word.encode()) for word in words]
    if len(words) < 2 or not words[0].startswith("sg:") or "other" in kinds[1:] or kinds[-1] == "bar":
        raise ValueError(NO_STRING)
    out = [generator_text(int(words[0][3:])), " |"]
    listed, full = kinds[1] == "wyckoff", False
    around = zip(words[1:], kinds[1:], ["bar", *kinds[1:]], [*kinds[2:], "end"], strict=False)
    for word, kind, before, after in around:
        if kind == "bar":
            if not (before == "fraction" if full else listed and before == "wyckoff"):
                raise ValueError(NO_STRING)
            out += [] if full else [" |"]
            full = True
        elif (listed and not full and kind == "element" and after != "fraction") or (
            full and (kind == "wyckoff" or (kind == "fraction" and before != "element"))
        ):  # in a composition each has its fraction
            raise ValueError(NO_STRING)
        elif full:
            out += [":", word] if kind == "fraction" else [", " if before == "fraction" else " ", word]
        else:
            out += [" |"] if listed and before == "wyckoff" and kind != "wyckoff" else []
            out += [" ", word]
    return "".join(out)


def decode_cloud(ids: NDArray[np.uint16]) -> str:
    tokens = list(token_ids("cloud"))
    text = ""
    for place, index in enumerate(ids):
        if index >= len(tokens):
            raise ValueError(not_a_token(index, place))
        token = tokens[index]
        if token in ("[CLS]", "[PAD]", "[SEP]"):
            continue
        text += token[2:] if text and token.startswith("##") else f" {token}" if text else token
    return text


def decode_text(ids: NDArray[np.uint16], vocabulary: str) -> str:
    """The text of ids (n,) uint16; raises ValueError for ids that have none."""
    if vocabulary not in ("cloud", "compact"):
        raise ValueError(f"unknown vocabulary '{vocabulary}'; known: cloud, compact")
    if ids.ndim != 1 or ids.dtype != np.uint16:
        raise ValueError(f"ids: expected shape (n,) and uint16, found {ids.shape} and {ids.dtype}")
    return decode_cloud(ids) if vocabulary == "cloud" else decode_compact(ids)


def check_rows(texts: Iterable[str], threads: int) -> list[str]:
    """The texts as a list; the twin needs no threads, but refuses what the core refuses."""
    rows = list(texts)
    for row, text in enumerate(rows):
        if not isinstance(text, str):
            raise TypeError(f"row {row}: expected str, found {type(text).__name__}")
    check_threads(threads)
    return rows


def check_threads(threads: int) -> None:
    if not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads: expected a whole number of 1 or more, found {threads!r}")


def check_batch(texts: Iterable[str], threads: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(starts (n + 1,) int64, issues (k, 3) int64) of many texts: row i has issues[starts[i]:starts[i + 1]].

    Columns: code, offset, length, as `check` gives them.
    """
    found = [check(text)[1] for text in check_rows(texts, threads)]
    starts = np.cumsum([0, *map(len, found)], dtype=np.int64)
    return starts, np.array([issue for issues in found for issue in issues], np.int64).reshape(-1, 3)


def encode_batch(
    texts: Iterable[str], vocabulary: str, threads: int = 1
) -> tuple[NDArray[np.uint16], NDArray[np.int64], list[int]]:
    """(ids (tokens,) uint16, offsets (n + 1,) int64, refused rows) of many texts; a refused row has no ids."""
    rows = [encode_text(text, vocabulary) for text in check_rows(texts, threads)]
    lengths = [0 if ids is None else len(ids) for ids in rows]
    kept = [ids for ids in rows if ids is not None]
    packed = np.concatenate(kept) if kept else np.empty(0, np.uint16)
    return (
        packed,
        np.cumsum([0, *lengths], dtype=np.int64),
        [row for row, ids in enumerate(rows) if ids is None],
    )


def decode_batch(ids: NDArray[np.uint16], offsets: NDArray[np.int64], vocabulary: str) -> list[str]:
    """Texts of packed ids (tokens,) uint16: row i is ids[offsets[i]:offsets[i + 1]]; raises ValueError, with the row."""
    if offsets.ndim != 1 or len(offsets) == 0:
        raise ValueError(f"offsets: expected shape (n + 1,), found {offsets.shape}")
    bounds = offsets.tolist()
    for row, (before, start) in enumerate(zip([0, *bounds], bounds, strict=False)):
        if not before <= start <= len(ids):
            raise ValueError(
                f"offsets[{row}] = {start}: expected offsets that rise within 0 to {len(ids)}, the number of ids"
            )
    texts = []
    for row, (start, end) in enumerate(pairwise(bounds)):
        try:
            texts.append(decode_text(ids[start:end], vocabulary))
        except ValueError as error:
            raise ValueError(f"row {row}: {error}") from None
    return texts


def decode_packed(
    ids: NDArray[np.uint16], offsets: NDArray[np.int64], vocabulary: str, threads: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(text (bytes,) uint8, offsets (n + 1,) int64): the texts of `decode_batch` end to end, ASCII."""
    check_threads(threads)
    texts = decode_batch(ids, offsets, vocabulary)
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return np.frombuffer("".join(texts).encode("ascii"), np.uint8), ends
