"""Layout of a packed batch: its offsets, checked, and the rows that each program of a kernel takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Run = tuple[int, int, int]  # first row, sequences, length
CACHED_BATCHES = 16


@dataclass(frozen=True, slots=True)
class Packing:
    """Offsets (sequences + 1,), ascending from 0: sequence i is rows offsets[i] to offsets[i + 1] - 1 and may be empty.

    The int32 tensors that kernels read are made once per device.
    """

    offsets: NDArray[np.int64]
    _cache: dict[tuple[object, ...], Tensor] = field(default_factory=dict)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of rows of each sequence, (sequences,)."""
        return np.diff(self.offsets)

    def runs(self) -> list[Run]:
        """Return the runs of neighbouring sequences of equal length, without empty ones."""
        first = np.flatnonzero(np.diff(self.lengths, prepend=-1))
        counts, lengths = np.diff(first, append=len(self.lengths)), self.lengths[first]
        runs = zip(self.offsets[first].tolist(), counts.tolist(), lengths.tolist(), strict=True)
        return [run for run in runs if run[2]]

    def sequence(self, device: torch.device) -> Tensor:
        """Return the sequence of each row, (tokens,)."""
        return self._cached(lambda: np.repeat(np.arange(len(self.lengths)), self.lengths), device, "sequence")

    def tiles(self, above: int, rows: int, device: torch.device) -> Tensor:
        """Return first row and end (tiles, 2) of tiles of at most `rows` rows: whole sequences of above < length <= rows."""
        return self._cached(lambda: self._make_tiles(above, rows), device, "tiles", above, rows)

    def blocks(self, above: int, rows: int, device: torch.device) -> Tensor:
        """Return first row, first row of the sequence and its end (blocks, 3) of blocks of `rows` rows, of longer sequences."""
        return self._cached(lambda: self._make_blocks(above, rows), device, "blocks", above, rows)

    def _cached(self, make: Callable[[], NDArray[np.int64]], device: torch.device, *what: object) -> Tensor:
        key = (*what, device)
        if key not in self._cache:
            self._cache[key] = torch.from_numpy(make().astype(np.int32)).to(device)
        return self._cache[key]

    def _make_tiles(self, above: int, rows: int) -> NDArray[np.int64]:
        chosen = (self.lengths > above) & (self.lengths <= rows)
        tiles: list[list[int]] = []
        starts, stops = self.offsets[:-1][chosen].tolist(), self.offsets[1:][chosen].tolist()
        for start, stop in zip(starts, stops, strict=True):
            if tiles and tiles[-1][1] == start and stop - tiles[-1][0] <= rows:
                tiles[-1][1] = stop
            else:
                tiles.append([start, stop])
        return np.array(tiles, np.int64).reshape(-1, 2)

    def _make_blocks(self, above: int, rows: int) -> NDArray[np.int64]:
        long = self.lengths > above
        counts = -(-self.lengths[long] // rows)
        start, stop = np.repeat(self.offsets[:-1][long], counts), np.repeat(self.offsets[1:][long], counts)
        index = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.stack([start + rows * index, start, stop], axis=1)


def read_offsets(offsets: Tensor, tokens: int) -> Packing:
    """Return the layout of a batch of `tokens` rows; offsets on a GPU make this wait for the device.

    Raises ValueError naming the rule that offsets break.
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


@lru_cache(maxsize=CACHED_BATCHES)
def _packing(content: bytes) -> Packing:
    """Return one Packing for all layers of a model, which get the same offsets one after the other."""
    return Packing(np.frombuffer(content, np.int64))
