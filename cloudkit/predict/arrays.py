"""Arrays of a model folder, read from files that may be damaged or malicious."""

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ModelError

MAX_BYTES: Final = 1 << 30  # of the arrays of one file


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of an .npz file by name; pickles are refused. Raises ModelError if it is missing, damaged or too large."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size <= MAX_BYTES:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ModelError(f"cannot read {path} ({error}); copy the model folder again") from None
    raise ModelError(f"{path} holds {size / 1e9:.1f} GB of arrays; at most {MAX_BYTES / 1e9:.1f} GB are read")
