"""Packed token ids and batches of them: no padding, strings of equal length side by side.

Which crystals form which batch depends on (seed, epoch) alone, so that an interrupted run resumes with the same batches.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.crystals import Crystals
from cloudkit.errors import CloudkitError, DataError
from cloudkit.io.atomic import atomic_write

Value = TypeVar("Value", bound=np.generic)


class Encodes(Protocol):
    """What is needed of a tokenizer."""

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Ids and offsets of strings, as `Tokens` holds them."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Packed ids: string i is ``ids[offsets[i]:offsets[i + 1]]``; ids (tokens,) uint16, offsets (strings + 1,) int64."""

    ids: NDArray[np.uint16]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per string, (strings,)."""
        return np.diff(self.offsets)

    def save(self, path: Path) -> None:
        """Write ids to `path` (x.npy) and its offsets (x.offsets.npy)."""
        with token_writer(path) as write:
            write(self.ids, self.offsets)

    @classmethod
    def load(cls, path: Path) -> "Tokens":
        """Read what `save` and `cloudkit tokenize -o` write, memory-mapped; DataError where the two files do not fit."""
        arrays = (np.load(one, mmap_mode="r", allow_pickle=False) for one in (path, offsets_path(path)))
        tokens = cls(*arrays)
        if tokens.ids.dtype != np.uint16 or len(tokens.ids) != tokens.offsets[-1]:
            raise DataError(
                f"{path}: {len(tokens.ids)} ids of {tokens.ids.dtype}, and offsets that end at {tokens.offsets[-1]}; tokenize again"
            )
        return tokens


@dataclass(frozen=True, slots=True)
class Batch:
    """Some crystals and all their observations, ready for a model.

    crystals (sequences,): which crystals, shortest string first. ids (tokens,) int64, offsets (sequences + 1,) int64.
    sequence, quantity, temperature, value, source, weight (observations,): place in this batch, then as in Crystals.
    """

    crystals: NDArray[np.int64]
    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sequence: NDArray[np.int64]
    quantity: NDArray[np.int64]
    temperature: NDArray[np.float64]
    value: NDArray[np.float64]
    source: NDArray[np.int64]
    weight: NDArray[np.float64]


def tokenize(
    texts: Sequence[str],
    tokenizer: Encodes,
    max_length: int,
    name: str = "data",
    ids: Sequence[str] | None = None,
) -> Tokens:
    """Ids of all texts, packed.

    Raises DataError that shows the first text longer than `max_length` tokens; name: of the data, ids: of the texts
    (their row numbers unless given).
    """
    tokens = Tokens(*tokenizer.encode_batch(texts))
    long = np.flatnonzero(tokens.lengths > max_length)
    if len(long):
        first, longest = int(long[0]), int(tokens.lengths.max())
        more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
        where = f"row {first + 1}" if ids is None else f"row or id {ids[first]}"
        raise DataError(
            f"{name}: the string of {where} has {tokens.lengths[first]} tokens{more}, more than "
            f"tokens.max_length = {max_length}; raise it to {longest} or leave the row out: {texts[first]}"
        )
    return tokens


def make_batch(tokens: Tokens, chosen: NDArray[np.int64], crystals: Crystals | None = None) -> Batch:
    """Pack the chosen strings, sorted by length, with the observations of their crystals (none without `crystals`)."""
    lengths = tokens.offsets[chosen + 1] - tokens.offsets[chosen]  # not those of all: there may be millions
    order = np.argsort(lengths, kind="stable")
    chosen, lengths = chosen[order], lengths[order]
    ids, offsets = _gather(tokens.ids, tokens.offsets[chosen], lengths)
    if crystals is None:
        none = np.empty(0, np.int64)
        return Batch(
            chosen, ids.astype(np.int64), offsets, none, none, np.empty(0), np.empty(0), none, np.empty(0)
        )
    start, stop = (np.searchsorted(crystals.crystal, chosen, side) for side in ("left", "right"))
    rows, bounds = _gather(np.arange(len(crystals.crystal)), start, stop - start)
    sequence = np.repeat(np.arange(len(chosen)), np.diff(bounds))
    return Batch(
        chosen, ids.astype(np.int64), offsets, sequence, crystals.quantity[rows], crystals.temperature[rows],
        crystals.value[rows], crystals.source_of()[rows], crystals.weight_of()[rows],
    )  # fmt: skip


def epoch_batches(
    chosen: NDArray[np.int64],
    size: int,
    seed: int,
    epoch: int,
    lengths: NDArray[np.int64] | None = None,
    group: int = 1,
) -> list[NDArray[np.int64]]:
    """The chosen crystals in the order of one epoch, cut into batches of at most `size`.

    group: so many batches are drawn together and sorted by `lengths` (crystals,) among themselves, so that strings of equal
    length meet; then the batches are shuffled. Fewer runs of equal length are fewer calls of attention on a CPU.
    """
    draw = np.random.default_rng([seed, epoch])
    order = draw.permutation(chosen)
    if lengths is None or group == 1:
        return [order[start : start + size] for start in range(0, len(order), size)]
    pools = [order[start : start + size * group] for start in range(0, len(order), size * group)]
    order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return [batches[place] for place in draw.permutation(len(batches)).tolist()]


def split_crystals(
    count: int, fraction: float, seed: int, part: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split crystals 0 … count - 1 into training and validation; both sorted, neither empty unless it must be.

    part: which of the parts that one after the other would be held out, beginning anew after the last.
    """
    held_out = min(round(count * fraction) or (fraction > 0), count - 1)
    order = np.roll(np.random.default_rng([seed, count]).permutation(count), -part * held_out)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _gather(
    values: NDArray[Value], start: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[Value], NDArray[np.int64]]:
    """Join the slices ``values[start : start + length]``; the joined array and its offsets (slices + 1,)."""
    offsets = np.concatenate([[0], np.cumsum(length)])
    index = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], length)
    return values[index], offsets


Write = Callable[[NDArray[np.uint16], NDArray[np.int64]], None]
HEADER: Final = 128  # bytes of the header of a .npy file with one axis


def offsets_path(path: Path) -> Path:
    """The file of offsets that goes with a file of ids."""
    return path.with_suffix(".offsets.npy")


@contextmanager
def token_writer(path: Path) -> Iterator[Write]:
    """Yield a function that appends packed ids (tokens,) and their offsets (n + 1,), which begin with 0.

    Both files are there, whole, when the block ends well.
    """
    tokens = rows = 0
    with atomic_write(offsets_path(path)) as offsets, atomic_write(path) as ids:
        for file in (ids, offsets):
            file.write(bytes(HEADER))
        offsets.write(np.zeros(1, np.int64).tobytes())

        def write(new: NDArray[np.uint16], ends: NDArray[np.int64]) -> None:
            nonlocal tokens, rows
            ids.write(np.ascontiguousarray(new, np.uint16).tobytes())
            offsets.write((np.asarray(ends[1:], np.int64) + tokens).tobytes())
            tokens += len(new)
            rows += len(ends) - 1

        yield write
        _write_header(ids, np.uint16, tokens)
        _write_header(offsets, np.int64, rows + 1)


def _write_header(file: IO[bytes], kind: Any, length: int) -> None:
    """The header that NumPy would have written first; it leaves room for any length."""
    file.seek(0)
    head = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, head)
    if file.tell() != HEADER:
        raise CloudkitError(f"NumPy wrote a header of {file.tell()} bytes where {HEADER} were expected")
