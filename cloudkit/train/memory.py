"""Running out of memory while training: said in words, with what was done kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cloudkit.errors import CloudkitError

SIGNS = ("out of memory", "can't allocate memory", "not enough memory")  # in messages of torch's allocators


class OutOfMemory(CloudkitError):
    """The device's memory did not suffice; the checkpoint is kept, since more memory goes on from it."""


@contextmanager
def explained(where: str, batch: int) -> Iterator[None]:
    """Turn what allocators raise into OutOfMemory that says where, and what helps."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(
            sign in str(error) for sign in SIGNS
        ):
            raise
        raise OutOfMemory(
            f"out of memory in {where}, with {batch} crystals at a time ({str(error).splitlines()[0] if str(error) else 'MemoryError'}); "
            "what was done is kept, and the same command goes on where there is more memory; a smaller `batch` or encoder "
            "begins anew"
        ) from None
