"""Which tokens of a packed batch make which orbit: the rows that an encoder with `merge: true` works on.

The first row of each string gathers all that is not an orbit (start, space group, end); then comes one row for each
distinct segment, with the number of its twins: ``O 8c O 8c`` is one row of count 2. Strings are laid out by their number
of rows, so that attention on a CPU takes neighbouring strings of equal length together.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Merged:
    """row (tokens,): the row of each token. sequence, twins (rows,): its string; how many equal segments it stands for.

    first (strings,): the row of each string's space group. offsets (strings + 1,): rows of the strings, on the CPU, in an
    order of their own.
    """

    row: Tensor
    sequence: Tensor
    twins: Tensor
    first: Tensor
    offsets: Tensor

    def to(self, device: torch.device) -> "Merged":
        """The same on another device; offsets stay."""
        names = ("row", "sequence", "twins", "first")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def merge_orbits(
    ids: NDArray[np.int64],
    sequence: NDArray[np.int64],
    segment: NDArray[np.int64],
    outside: NDArray[np.bool_],
    count: int,
) -> Merged:
    """Rows of packed ids (tokens,) of `count` strings; outside (tokens,): what is no part of an orbit."""
    content = _content(ids, segment)
    content[outside] = 0
    order = np.lexsort((content, sequence))
    new = np.ones(len(ids), dtype=bool)
    new[1:] = (np.diff(sequence[order]) != 0) | (content[order][1:] != content[order][:-1])
    row = np.empty(len(ids), dtype=np.int64)
    row[order] = np.cumsum(new) - 1
    owner = sequence[order][new]
    lengths = np.bincount(owner, minlength=count)
    by_length = np.argsort(lengths, kind="stable")
    starts = np.empty(count, dtype=np.int64)
    starts[by_length] = np.cumsum(lengths[by_length]) - lengths[by_length]
    before = np.cumsum(lengths) - lengths
    place = np.arange(len(owner)) - before[owner] + starts[owner]
    laid = np.empty(len(owner), dtype=np.int64)
    laid[place] = owner
    row = place[row]
    heads = np.concatenate([[True], segment[1:] != segment[:-1]])
    twins = np.bincount(row[heads & ~outside], minlength=len(owner)).clip(1)
    offsets = np.concatenate([[0], np.cumsum(lengths[by_length])])
    parts = (row, laid, twins, starts, offsets)
    return Merged(*(torch.from_numpy(np.ascontiguousarray(part, dtype=np.int64)) for part in parts))


def _content(ids: NDArray[np.int64], segment: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number per token that is the same for segments of the same tokens, never 0 in practice (64-bit hash)."""
    starts = np.flatnonzero(np.concatenate([[True], segment[1:] != segment[:-1]]))
    place = np.arange(len(ids)) - starts[segment - segment[0]] if len(ids) else ids
    with np.errstate(over="ignore"):
        mixed = (ids.astype(np.uint64) + np.uint64(1)) * (
            FACTOR ^ (place.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F))
        )
        mixed ^= mixed >> np.uint64(29)
        mixed *= FACTOR
        sums = np.add.reduceat(mixed, starts) if len(ids) else mixed
    return sums[np.cumsum(np.isin(np.arange(len(ids)), starts)) - 1]
