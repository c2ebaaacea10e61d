"""The arrays of a model folder, read from files that may be damaged or hostile."""

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ModelError

MOST: Final = 1 << 30  # bytes that the arrays of one file may hold


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file by name; no pickle is read. Raises ModelError for a file that is missing, damaged or too large."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size <= MOST:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ModelError(f"{path} cannot be read ({error}); copy the model folder again") from None
    raise ModelError(f"{path} holds {size / 1e9:.1f} GB of arrays; at most {MOST / 1e9:.1f} GB are read")
