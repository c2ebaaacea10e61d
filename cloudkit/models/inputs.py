"""Packed token ids as tensors, with their layout and without padding.

Batches are sorted by length, since attention on a CPU processes neighbouring strings of equal length together.
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
    """cloudkit.models.layout.OrbitRows as tensors; offsets stay on the CPU."""

    row: Tensor
    sequence: Tensor
    repeats: Tensor
    first: Tensor
    offsets: Tensor

    def to(self, device: torch.device) -> "Merged":
        """Move to a device, except for offsets."""
        names = ("row", "sequence", "repeats", "first")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@dataclass(frozen=True, slots=True)
class Inputs:
    """A packed batch for the encoder.

    Attributes
    ----------
    ids, sequence, position, segment : Tensor
        (tokens,) int64: token id, index of the string, position in the string, segment (see cloudkit.models.layout).
    offsets : Tensor
        (strings + 1,) int64, on the CPU: string i is tokens offsets[i] … offsets[i + 1]; no string is empty.
    count : int
        Number of strings.
    merged : Merged or None
        Rows of merged orbits, for encoders with `merge`.

    Examples
    --------
    >>> inputs = make_inputs(np.array([2, 7, 3, 2, 3]), np.array([0, 3, 5]), None, "orbit")
    >>> inputs.count, inputs.sequence.tolist(), inputs.position.tolist()
    (2, [0, 0, 0, 1, 1], [0, 1, 2, 0, 1])
    """

    ids: Tensor
    sequence: Tensor
    position: Tensor
    segment: Tensor
    offsets: Tensor
    count: int
    merged: Merged | None = None

    @property
    def units(self) -> Tensor:
        """Unit that is masked together (tokens,): the segment of each token, or the row of its merged orbits."""
        return self.segment if self.merged is None else self.merged.row

    def to(self, device: torch.device) -> "Inputs":
        """Move to a device, except for offsets."""
        tensors = {
            name: getattr(self, name).to(device) for name in ("ids", "sequence", "position", "segment")
        }
        merged = self.merged and self.merged.to(device)
        return replace(self, merged=merged, **tensors)

    def with_ids(self, ids: Tensor) -> "Inputs":
        """Replace the ids and keep the layout, as masking does."""
        return replace(self, ids=ids)


def make_inputs(
    ids: NDArray[Any],
    offsets: NDArray[np.int64],
    kinds: NDArray[np.uint8] | None,
    dialect: str,
    merge: bool = False,
) -> Inputs:
    """Lay out packed ids for an encoder.

    Parameters
    ----------
    ids : ndarray of int
        (tokens,).
    offsets : ndarray of int64
        (strings + 1,).
    kinds : ndarray of uint8 or None
        (vocabulary,), `Tokenizer.kinds`; None for the cloud vocabulary.
    dialect : str
        Dialect of the strings.
    merge : bool
        Whether equal orbits are merged.

    Returns
    -------
    Inputs
        On the CPU.

    Examples
    --------
    >>> make_inputs(np.array([2, 7, 3]), np.array([0, 3]), None, "orbit").segment
    tensor([0, 1, 2])
    """
    layout = lay_out(ids, offsets, kinds, dialect, merge)
    rows = layout.orbits
    merged = None
    if rows is not None:
        parts = (rows.row, rows.sequence, rows.repeats, rows.first, rows.offsets)
        merged = Merged(*map(torch.from_numpy, parts))
    ids, sequence, position, segment, ends = map(
        torch.from_numpy, (layout.ids, layout.sequence, layout.position, layout.segment, layout.offsets)
    )
    return Inputs(ids, sequence, position, segment, ends, layout.count, merged)


def segment_sum(values: Tensor, index: Tensor, count: int) -> Tensor:
    """Sum the rows of values (tokens, ...) by index (tokens,), to (count, ...)."""
    return values.new_zeros(count, *values.shape[1:]).index_add_(0, index, values)
