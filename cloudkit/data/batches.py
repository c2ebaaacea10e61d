"""Packed token ids and batches of them: no padding, sorted by length.

Batches depend on (seed, epoch) only, so that an interrupted run resumes with the same batches.
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


class BatchEncoder(Protocol):
    """The part of a tokenizer that `tokenize` needs."""

    def encode_batch(self, texts: Sequence[str]) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Encode strings to ids (tokens,) and offsets (strings + 1,)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Packed ids: string i is ``ids[offsets[i]:offsets[i + 1]]``.

    Attributes
    ----------
    ids : ndarray of uint16
        (tokens,).
    offsets : ndarray of int64
        (strings + 1,).

    Examples
    --------
    >>> Tokens(np.array([2, 7, 3, 2, 3], np.uint16), np.array([0, 3, 5])).lengths
    array([3, 2])
    """

    ids: NDArray[np.uint16]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per string, (strings,)."""
        return np.diff(self.offsets)

    def save(self, path: Path) -> None:
        """Write ids to `path` (x.npy) and offsets to x.offsets.npy."""
        with token_writer(path) as write:
            write(self.ids, self.offsets)

    @classmethod
    def load(cls, path: Path) -> "Tokens":
        """Memory-map what `save` and `cloudkit tokenize -o` write. Raises DataError if the two files do not fit together."""
        arrays = (np.load(file, mmap_mode="r", allow_pickle=False) for file in (path, offsets_path(path)))
        tokens = cls(*arrays)
        if tokens.ids.dtype != np.uint16 or len(tokens.ids) != tokens.offsets[-1]:
            raise DataError(
                f"{path}: {len(tokens.ids)} ids of {tokens.ids.dtype}, and offsets that end at {tokens.offsets[-1]}; tokenize again"
            )
        return tokens


@dataclass(frozen=True, slots=True)
class Batch:
    """Strings of some crystals with all their observations.

    Attributes
    ----------
    crystals : ndarray of int64
        (strings,), indices of the crystals, shortest string first.
    ids, offsets : ndarray of int64
        (tokens,) and (strings + 1,), packed ids.
    sequence : ndarray of int64
        (observations,), index of the string in the batch.
    quantity, temperature, value, source, weight : ndarray
        (observations,), as in `Crystals`.

    Examples
    --------
    >>> tokens = Tokens(np.array([2, 7, 3, 2, 3], np.uint16), np.array([0, 3, 5]))
    >>> make_batch(tokens, np.array([0, 1])).crystals
    array([1, 0])
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
    tokenizer: BatchEncoder,
    max_length: int,
    name: str = "data",
    ids: Sequence[str] | None = None,
) -> Tokens:
    """Tokenize strings.

    Parameters
    ----------
    texts : sequence of str
        Valid for the tokenizer.
    tokenizer : BatchEncoder
        A `Tokenizer`.
    max_length : int
        Tokens of the longest string that is allowed.
    name, ids
        Name of the data and ids of the strings, for messages; default row numbers.

    Returns
    -------
    Tokens
        Packed ids.

    Raises
    ------
    DataError
        If a string is longer than `max_length`; the message shows the first.

    Examples
    --------
    >>> from cloudkit.tokens import Tokenizer
    >>> tokenize(["0 0 0 | Si 1a", "0 0 0 | C 1a"], Tokenizer("compact"), 64).lengths
    array([5, 5])
    """
    tokens = Tokens(*tokenizer.encode_batch(texts))
    too_long = np.flatnonzero(tokens.lengths > max_length)
    if len(too_long):
        first, longest = int(too_long[0]), int(tokens.lengths.max())
        more = f" (and {len(too_long) - 1} more)" if len(too_long) > 1 else ""
        where = f"row {first + 1}" if ids is None else f"row or id {ids[first]}"
        raise DataError(
            f"{name}: the string of {where} has {tokens.lengths[first]} tokens{more}, more than "
            f"tokens.max_length = {max_length}; raise it to {longest} or leave the row out: {texts[first]}"
        )
    return tokens


def make_batch(tokens: Tokens, chosen: NDArray[np.int64], crystals: Crystals | None = None) -> Batch:
    """Pack some strings, sorted by length, with the observations of their crystals.

    Parameters
    ----------
    tokens : Tokens
        All strings.
    chosen : ndarray of int64
        Indices of the strings.
    crystals : Crystals, optional
        Labels of all strings; default none.

    Returns
    -------
    Batch
        The strings `chosen`.

    Examples
    --------
    >>> tokens = Tokens(np.array([2, 7, 3, 2, 3], np.uint16), np.array([0, 3, 5]))
    >>> make_batch(tokens, np.array([1])).ids
    array([2, 3])
    """
    # of these only: there may be millions of strings
    lengths = tokens.offsets[chosen + 1] - tokens.offsets[chosen]
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
        crystals.value[rows], crystals.source_index()[rows], crystals.label_weight()[rows],
    )  # fmt: skip


def epoch_batches(
    chosen: NDArray[np.int64],
    size: int,
    seed: int,
    epoch: int,
    lengths: NDArray[np.int64] | None = None,
    group: int = 1,
) -> list[NDArray[np.int64]]:
    """Shuffle crystals for one epoch and cut them into batches.

    Parameters
    ----------
    chosen : ndarray of int64
        Indices of the crystals.
    size : int
        Crystals per batch.
    seed, epoch : int
        Determine the order.
    lengths : ndarray of int64, optional
        (crystals,), tokens of all strings.
    group : int
        Batches that are drawn together and sorted by length, and then shuffled: fewer distinct lengths per batch are fewer calls
        of attention on a CPU.

    Returns
    -------
    list of ndarray of int64
        Indices of each batch.

    Examples
    --------
    >>> [len(batch) for batch in epoch_batches(np.arange(5), size=2, seed=0, epoch=0)]
    [2, 2, 1]
    """
    draw = np.random.default_rng([seed, epoch])
    order = draw.permutation(chosen)
    if lengths is None or group == 1:
        return [order[start : start + size] for start in range(0, len(order), size)]
    pools = [order[start : start + size * group] for start in range(0, len(order), size * group)]
    order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return [batches[index] for index in draw.permutation(len(batches)).tolist()]


def split_crystals(
    count: int, fraction: float, seed: int, part: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split crystals 0 … count - 1 at random into training and validation.

    Parameters
    ----------
    count : int
        Number of crystals.
    fraction : float
        Fraction held out, at least one crystal if above 0.
    seed : int
        Determines the order.
    part : int
        Which of the consecutive parts of that order is held out, cyclic.

    Returns
    -------
    train, valid : ndarray of int64
        Sorted indices.

    Examples
    --------
    >>> train, valid = split_crystals(10, 0.2, seed=0)
    >>> len(train), len(valid)
    (8, 2)
    """
    held_out = min(round(count * fraction) or (fraction > 0), count - 1)
    order = np.roll(np.random.default_rng([seed, count]).permutation(count), -part * held_out)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _gather(
    values: NDArray[Value], start: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[Value], NDArray[np.int64]]:
    """Concatenate the slices ``values[start : start + length]``; return the array and its offsets (slices + 1,)."""
    offsets = np.concatenate([[0], np.cumsum(length)])
    index = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], length)
    return values[index], offsets


Write = Callable[[NDArray[np.uint16], NDArray[np.int64]], None]
HEADER: Final = 128  # bytes of the header of a .npy file with one axis


def offsets_path(path: Path) -> Path:
    """Return the file of offsets of a file of ids."""
    return path.with_suffix(".offsets.npy")


@contextmanager
def token_writer(path: Path) -> Iterator[Write]:
    """Write packed ids incrementally; both files appear, complete, when the block ends without an error.

    Parameters
    ----------
    path : Path
        File of the ids (x.npy); offsets go to x.offsets.npy.

    Yields
    ------
    callable
        Appends packed ids (tokens,) with offsets (n + 1,) that start at 0.

    Examples
    --------
    >>> with token_writer(Path("ids.npy")) as write:
    ...     write(np.array([2, 7, 3], np.uint16), np.array([0, 3]))
    ...     write(np.array([2, 3], np.uint16), np.array([0, 2]))
    >>> Tokens.load(Path("ids.npy")).lengths
    array([3, 2])
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
    """Write the header of a .npy file, padded to HEADER bytes."""
    file.seek(0)
    head = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, head)
    if file.tell() != HEADER:
        raise CloudkitError(f"NumPy wrote a header of {file.tell()} bytes where {HEADER} were expected")
