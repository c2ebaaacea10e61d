"""Twin of the batch calls of core.pyx: many rows at once, here one after the other."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cloudkit._native.twin.check import check
from cloudkit._native.twin.ids import decode_text, encode_text


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
