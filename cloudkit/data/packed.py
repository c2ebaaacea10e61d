"""Packed ids on disk: x.npy (uint16) and x.offsets.npy (int64), written batch by batch, read memory-mapped.

Both are plain .npy files, so `np.load(path, mmap_mode="r")` reads them anywhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import CloudkitError
from cloudkit.io.atomic import atomic_write

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
