"""The safetensors format: eight bytes of length, a JSON header, then the tensors end to end."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import ModelError

Weights = dict[str, NDArray[Any]]

DTYPES: Final = {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "I64": "<i8",
    "I32": "<i4",
    "U8": "|u1",
    "BOOL": "|b1",
}
LONGEST_HEADER: Final = 100_000_000  # bytes, the limit of the format


def read_safetensors(path: Path) -> Weights:
    """Named arrays of a file, floating numbers as float32 or wider.

    Raises ModelError for a file that is damaged or holds a number that is not finite.
    """
    try:
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or not 2 <= length <= min(LONGEST_HEADER, len(data) - 8):
            raise ValueError("it has no header")
        header = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
        return {name: _tensor(name, entry, data, 8 + length) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged ({error}); copy it again, or build it again") from None


def _tensor(name: str, entry: dict[str, Any], data: bytes, start: int) -> NDArray[Any]:
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"{name} has the type {entry['dtype']}")
    dtype = np.dtype(DTYPES[entry["dtype"]])
    first, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    if first < 0 or end - first != count * dtype.itemsize or start + end > len(data):
        raise ValueError(f"{name} lies outside of it")
    values = np.frombuffer(data, dtype, count, start + first).reshape(shape)
    if dtype.kind != "f":
        return values
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are not finite numbers")
    return values.astype(np.float32) if dtype.itemsize == 2 else values
