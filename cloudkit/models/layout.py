"""Layout of packed token ids, shared by the torch network and the NumPy runtime.

A *segment* is an element with its site or fraction: ``Na 4a`` in orbit strings, ``Na 0.5`` in reduced ones. With `merge` equal
segments of a string become one row: ``O 8c O 8c`` is one row of count 2.
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
    """Rows of merged orbits; the first row of each string holds all tokens that are not part of an orbit.

    row (tokens,): row of each token. sequence, repeats (rows,): string of a row, and number of its equal segments. first
    (strings,): first row of each string. offsets (strings + 1,): strings are sorted by number of rows, since attention on a CPU
    processes neighbouring strings of equal length together.
    """

    row: Indices
    sequence: Indices
    repeats: Indices
    first: Indices
    offsets: Indices


@dataclass(frozen=True, slots=True)
class Layout:
    """sequence, position, segment (tokens,): string of each token, position in it, and segment, numbered over all strings.

    offsets (strings + 1,): string i is tokens offsets[i] … offsets[i + 1]. orbits: None without `merge`.
    """

    ids: Indices
    sequence: Indices
    position: Indices
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
    """Lay out packed ids (tokens,) with offsets (strings + 1,); kinds (vocabulary,), None for the cloud vocabulary."""
    ids, offsets = np.ascontiguousarray(ids, dtype=np.int64), np.ascontiguousarray(offsets, dtype=np.int64)
    lengths = np.diff(offsets)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(ids)) - np.repeat(offsets[:-1], lengths)
    if kinds is None:
        return Layout(ids, sequence, position, np.arange(len(ids)), offsets)
    kind = kinds[ids]
    inside = (kind == WYCKOFF) | (kind == ELEMENT_KIND) | (kind == FRACTION)
    ends = ~inside | (kind == WYCKOFF) | ((kind == FRACTION) & (dialect == "reduced"))
    starts = (position == 0) | ~inside
    starts[1:] |= ends[:-1]
    segment = np.cumsum(starts) - 1
    orbits = _merge(ids, sequence, segment, np.flatnonzero(starts), ~inside, len(lengths)) if merge else None
    return Layout(ids, sequence, position, segment, offsets, orbits)


def _merge(
    ids: Indices, sequence: Indices, segment: Indices, starts: Indices, outside: NDArray[np.bool_], count: int
) -> OrbitRows:
    """Merge equal segments to rows; starts (segments,): their first tokens; outside (tokens,): tokens outside of orbits."""
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
    position = np.arange(len(of_row)) - before[of_row] + first[of_row]
    row_sequence = np.empty(len(of_row), dtype=np.int64)
    row_sequence[position] = of_row
    row = position[row]
    repeats = np.bincount(row[~outside[starts]], minlength=len(of_row)).clip(1)
    offsets = np.concatenate([[0], np.cumsum(lengths[by_length])])
    return OrbitRows(row[segment], row_sequence, repeats, first, offsets)


def _content(ids: Indices, segment: Indices, starts: Indices) -> NDArray[np.uint64]:
    """Hash the tokens of each segment to 64 bits, never 0 in practice."""
    if not len(ids):
        return np.zeros(0, dtype=np.uint64)
    position = np.arange(len(ids)) - starts[segment]
    with np.errstate(over="ignore"):
        mixed = (ids.astype(np.uint64) + np.uint64(1)) * (FACTOR ^ (position.astype(np.uint64) * MIXER))
        mixed ^= mixed >> np.uint64(29)
        mixed *= FACTOR
        return np.add.reduceat(mixed, starts)
