"""Packed token ids as arrays, with what an encoder needs to know about their layout; the torch network and the NumPy
runtime share it.

A *segment* is what belongs together in a string: ``Na 4a`` in orbit strings, ``Na 0.5`` in reduced ones. With `merge`
equal segments of a string become one row: ``O 8c O 8c`` is one row of count 2.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.models.features import ELEMENT_KIND, FRACTION, WYCKOFF

Indices = NDArray[np.int64]
FACTOR = np.uint64(0x9E3779B97F4A7C15)
MIXER = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, slots=True)
class OrbitRows:
    """Which tokens make which orbit. The first row of each string gathers all that is not an orbit.

    row (tokens,): the row of each token. sequence, twins (rows,): its string; how many equal segments it holds.
    first (strings,): the first row of each string. offsets (strings + 1,): rows of the strings, which are laid out by
    their number of rows, so that attention on a CPU takes neighbouring strings of equal length together.
    """

    row: Indices
    sequence: Indices
    twins: Indices
    first: Indices
    offsets: Indices


@dataclass(frozen=True, slots=True)
class Layout:
    """sequence, place, segment (tokens,): the string of each token, its position there, its segment (all strings).

    offsets (strings + 1,): string i is tokens offsets[i] … offsets[i + 1]. orbits: None without `merge`.
    """

    ids: Indices
    sequence: Indices
    place: Indices
    segment: Indices
    offsets: Indices
    orbits: OrbitRows | None = None

    @property
    def count(self) -> int:
        """Number of strings."""
        return len(self.offsets) - 1


def lay_out(
    ids: NDArray[Any],
    offsets: NDArray[Any],
    kinds: NDArray[np.uint8] | None,
    dialect: str,
    merge: bool = False,
) -> Layout:
    """The layout of packed ids (tokens,), offsets (strings + 1,); kinds (vocabulary,) is None for the cloud vocabulary."""
    ids, offsets = np.ascontiguousarray(ids, dtype=np.int64), np.ascontiguousarray(offsets, dtype=np.int64)
    lengths = np.diff(offsets)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(ids)) - np.repeat(offsets[:-1], lengths)
    if kinds is None:
        return Layout(ids, sequence, place, np.arange(len(ids)), offsets)
    kind = kinds[ids]
    inside = (kind == WYCKOFF) | (kind == ELEMENT_KIND) | (kind == FRACTION)
    ends = ~inside | (kind == WYCKOFF) | ((kind == FRACTION) & (dialect == "reduced"))
    starts = (place == 0) | ~inside
    starts[1:] |= ends[:-1]
    segment = np.cumsum(starts) - 1
    orbits = _merge(ids, sequence, segment, np.flatnonzero(starts), ~inside, len(lengths)) if merge else None
    return Layout(ids, sequence, place, segment, offsets, orbits)


def _merge(
    ids: Indices, sequence: Indices, segment: Indices, starts: Indices, outside: NDArray[np.bool_], count: int
) -> OrbitRows:
    """Rows of packed ids (tokens,); starts (segments,): their first tokens; outside (tokens,): what is not in an orbit."""
    content = _content(ids, segment, starts)
    content[outside[starts]] = 0
    owner = sequence[starts]
    order = np.lexsort((content, owner))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(owner[order]) != 0) | (content[order][1:] != content[order][:-1])
    row = np.empty(len(order), dtype=np.int64)  # of each segment, as sorted
    row[order] = np.cumsum(new) - 1
    of_row = owner[order][new]
    lengths = np.bincount(of_row, minlength=count)
    by_length = np.argsort(lengths, kind="stable")
    first = np.empty(count, dtype=np.int64)
    first[by_length] = np.cumsum(lengths[by_length]) - lengths[by_length]
    before = np.cumsum(lengths) - lengths
    place = np.arange(len(of_row)) - before[of_row] + first[of_row]
    laid = np.empty(len(of_row), dtype=np.int64)
    laid[place] = of_row
    row = place[row]
    twins = np.bincount(row[~outside[starts]], minlength=len(of_row)).clip(1)
    offsets = np.concatenate([[0], np.cumsum(lengths[by_length])])
    return OrbitRows(row[segment], laid, twins, first, offsets)


def _content(ids: Indices, segment: Indices, starts: Indices) -> NDArray[np.uint64]:
    """A 64-bit hash per segment: the same for segments of the same tokens, never 0 in practice."""
    if not len(ids):
        return np.zeros(0, dtype=np.uint64)
    place = np.arange(len(ids)) - starts[segment]
    with np.errstate(over="ignore"):
        mixed = (ids.astype(np.uint64) + np.uint64(1)) * (FACTOR ^ (place.astype(np.uint64) * MIXER))
        mixed ^= mixed >> np.uint64(29)
        mixed *= FACTOR
        return np.add.reduceat(mixed, starts)
