"""Packed token ids as tensors, with what the encoder needs to know about their layout. No padding anywhere.

Batches come sorted by length: attention on a CPU takes neighbouring strings of equal length together.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cloudkit.models.layout import lay_out


@dataclass(frozen=True, slots=True)
class Merged:
    """As cloudkit.models.layout.OrbitRows; offsets are on the CPU."""

    row: Tensor
    sequence: Tensor
    twins: Tensor
    first: Tensor
    offsets: Tensor

    def to(self, device: torch.device) -> "Merged":
        """The same on another device; offsets stay."""
        names = ("row", "sequence", "twins", "first")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True, slots=True)
class Inputs:
    """ids, sequence, place, segment (tokens,) int64, as cloudkit.models.layout.Layout has them.

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
    layout = lay_out(ids, offsets, kinds, dialect, merge)
    rows = layout.orbits
    merged = None
    if rows is not None:
        parts = (rows.row, rows.sequence, rows.twins, rows.first, rows.offsets)
        merged = Merged(*map(torch.from_numpy, parts))
    ids, sequence, place, segment, ends = map(
        torch.from_numpy, (layout.ids, layout.sequence, layout.place, layout.segment, layout.offsets)
    )
    return Inputs(ids, sequence, place, segment, ends, layout.count, merged)


def segment_sum(values: Tensor, index: Tensor, count: int) -> Tensor:
    """Sums (count, ...) of the rows of values (tokens, ...) that share an index (tokens,)."""
    return values.new_zeros(count, *values.shape[1:]).index_add_(0, index, values)
