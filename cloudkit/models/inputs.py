"""Packed token ids as tensors, with what the encoder needs to know about their layout. No padding anywhere.

Batches come sorted by length: attention on a CPU takes neighbouring strings of equal length together.
A *segment* is what belongs together in a string: ``Na 4a`` in orbit strings, ``Na 0.5`` in reduced ones.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cloudkit.models.features import ELEMENT_KIND, FRACTION, WYCKOFF
from cloudkit.models.merging import Merged, merge_orbits


@dataclass(frozen=True, slots=True)
class Inputs:
    """ids, sequence, place, segment (tokens,) int64: token id, its string, its position there, its segment (all strings).

    offsets (strings + 1,) int64: string i is tokens offsets[i] … offsets[i + 1]; on the CPU, where launches are planned.
    count: strings. Lengths are at least 1. merged: how tokens gather into orbits, where the encoder asks for it.
    """

    ids: Tensor
    sequence: Tensor
    place: Tensor
    segment: Tensor
    offsets: Tensor
    count: int
    merged: Merged | None = None

    @property
    def units(self) -> Tensor:
        """What belongs together (tokens,): the segment of each token, with its twins where they are merged."""
        return self.segment if self.merged is None else self.merged.row

    def to(self, device: torch.device) -> "Inputs":
        """The same on another device; offsets stay."""
        tensors = {name: getattr(self, name).to(device) for name in ("ids", "sequence", "place", "segment")}
        merged = self.merged and self.merged.to(device)
        return replace(self, merged=merged, **tensors)

    def with_ids(self, ids: Tensor) -> "Inputs":
        """Other ids in the same layout: what masking needs, as a hidden token still has its place."""
        return replace(self, ids=ids)


def make_inputs(
    ids: NDArray[Any],
    offsets: NDArray[np.int64],
    kinds: NDArray[np.uint8] | None,
    dialect: str,
    merge: bool = False,
) -> Inputs:
    """Lay out packed ids (tokens,), offsets (strings + 1,); kinds (vocabulary,) is None for the cloud vocabulary.

    merge: also say which tokens make which orbit.
    """
    lengths = np.diff(offsets)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(ids)) - np.repeat(offsets[:-1], lengths)
    starts = place == 0
    if kinds is not None:
        kind = kinds[ids]
        inside = (WYCKOFF, ELEMENT_KIND, FRACTION)
        ends = ~np.isin(kind, inside) | (kind == WYCKOFF) | ((kind == FRACTION) & (dialect == "reduced"))
        starts = starts | np.concatenate([[True], ends[:-1]]) | ~np.isin(kind, inside)
    segment = np.cumsum(starts) - 1 if kinds is not None else np.arange(len(ids))
    merged = None
    if merge and kinds is not None:
        outside = ~np.isin(kinds[ids], (WYCKOFF, ELEMENT_KIND, FRACTION))
        merged = merge_orbits(np.asarray(ids), sequence, segment, outside, len(lengths))
    return Inputs(
        _tensor(ids),
        _tensor(sequence),
        _tensor(place),
        _tensor(segment),
        _tensor(offsets),
        len(lengths),
        merged,
    )


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64))


def segment_sum(values: Tensor, index: Tensor, count: int) -> Tensor:
    """Sums (count, ...) of the rows of values (tokens, ...) that share an index (tokens,)."""
    return values.new_zeros(count, *values.shape[1:]).index_add_(0, index, values)
