"""How a packed batch is laid out: its offsets, checked, and the rows that each program of a kernel takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Run = tuple[int, int, int]  # first row, sequences, length
KEPT_BATCHES = 16


@dataclass(frozen=True, slots=True)
class Packing:
    """offsets (sequences + 1,), ascending from 0: sequence i is rows offsets[i] … offsets[i + 1], perhaps none.

    What the kernels read of it is made once per device, as int32 tensors.
    """

    offsets: NDArray[np.int64]
    _kept: dict[tuple[object, ...], Tensor] = field(default_factory=dict)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each sequence, (sequences,)."""
        return np.diff(self.offsets)

    def runs(self) -> list[Run]:
        """Stretches of neighbouring sequences of equal length; empty sequences are left out."""
        first = np.flatnonzero(np.diff(self.lengths, prepend=-1))
        counts, lengths = np.diff(first, append=len(self.lengths)), self.lengths[first]
        runs = zip(self.offsets[first].tolist(), counts.tolist(), lengths.tolist(), strict=True)
        return [run for run in runs if run[2]]

    def sequence(self, device: torch.device) -> Tensor:
        """The sequence of each row, (tokens,)."""
        return self._once(lambda: np.repeat(np.arange(len(self.lengths)), self.lengths), device, "sequence")

    def tiles(self, above: int, rows: int, device: torch.device) -> Tensor:
        """(tiles, 2) first row and end of tiles of at most `rows` rows: whole sequences of above < length <= rows."""
        return self._once(lambda: self._pack(above, rows), device, "tiles", above, rows)

    def blocks(self, above: int, rows: int, device: torch.device) -> Tensor:
        """(blocks, 3) first row, first row of the sequence, its end: sequences of above < length, cut into `rows` rows."""
        return self._once(lambda: self._cut(above, rows), device, "blocks", above, rows)

    def _once(self, make: Callable[[], NDArray[np.int64]], device: torch.device, *what: object) -> Tensor:
        key = (*what, device)
        if key not in self._kept:
            self._kept[key] = torch.from_numpy(make().astype(np.int32)).to(device)
        return self._kept[key]

    def _pack(self, above: int, rows: int) -> NDArray[np.int64]:
        chosen = (self.lengths > above) & (self.lengths <= rows)
        tiles: list[list[int]] = []
        starts, stops = self.offsets[:-1][chosen].tolist(), self.offsets[1:][chosen].tolist()
        for start, stop in zip(starts, stops, strict=True):
            if tiles and tiles[-1][1] == start and stop - tiles[-1][0] <= rows:
                tiles[-1][1] = stop
            else:
                tiles.append([start, stop])
        return np.array(tiles, np.int64).reshape(-1, 2)

    def _cut(self, above: int, rows: int) -> NDArray[np.int64]:
        long = self.lengths > above
        counts = -(-self.lengths[long] // rows)
        start, stop = np.repeat(self.offsets[:-1][long], counts), np.repeat(self.offsets[1:][long], counts)
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.stack([start + rows * place, start, stop], axis=1)


def read_offsets(offsets: Tensor, tokens: int) -> Packing:
    """The layout of a batch of `tokens` rows. Offsets on a GPU are waited for; on the CPU they cost nothing.

    Raises ValueError that names the rule which offsets break.
    """
    packing = _packing(offsets.detach().cpu().numpy().astype(np.int64).tobytes())
    values = packing.offsets
    if values[0] != 0:
        raise ValueError(f"offsets must start at 0, found {values[0]}")
    falls = np.flatnonzero(np.diff(values) < 0)
    if len(falls):
        at = int(falls[0]) + 1
        raise ValueError(f"offsets must ascend, found {values[at]} after {values[at - 1]} at index {at}")
    if values[-1] != tokens:
        raise ValueError(f"offsets must end at the number of tokens, {tokens}, found {values[-1]}")
    return packing


@lru_cache(maxsize=KEPT_BATCHES)
def _packing(content: bytes) -> Packing:
    """One Packing for all layers of a model, which see the same offsets one after the other."""
    return Packing(np.frombuffer(content, np.int64))
