"""A folder of shards. The state of a fetch is in the shards themselves, so a shard and its state are one rename.

The shards of a URL are NAME-00000.parquet, NAME-00001.parquet, … without gaps. The Parquet metadata of each has the link to
the page after it.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import FetchError, StructureError
from cloudkit.io import atomic_path, structure_ids, structure_metadata, take_lock, write_structures

SCHEMA: Final = 1
KEY: Final = "cloudkit.fetch"


@dataclass(frozen=True)
class State:
    """Progress of a fetch after a shard.

    next: link to the next page, None at the end; page: number of pages read; stated: number of structures according to the
    provider; repeated: duplicate entries, which are left out; short: the provider announces more pages without a link.
    """

    url: str
    filter: str
    next: str | None
    provider: str = ""
    page: int = 0
    received: int = 0
    failed: int = 0
    repeated: int = 0
    stated: int | None = None
    short: bool = False


class Shards:
    """The shards of one URL in a folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.name = re.sub(r"[^A-Za-z0-9.]+", "-", url.partition("://")[2]).strip("-.")
        self.paths: list[Path] = []
        self.ids = IdSet()

    def resume(self, start: State) -> tuple[State, str]:
        """Return the state to resume from (`start` without shards), and which shard was damaged ("" if none).

        Raises FetchError if the shards belong to another request or one is missing.
        """
        for draft in self.folder.glob(f".{self.name}-*.part"):
            draft.unlink()
        found = sorted(self.folder.glob(f"{self.name}-[0-9][0-9][0-9][0-9][0-9].parquet"))
        state, repaired = start, ""
        for number, path in enumerate(found):
            if path != self._path(number):
                raise FetchError(
                    f"{self._path(number)} is missing, but {path.name} exists; move {path.name} away"
                )
            try:
                state = _read_state(path, start)
                self.ids.add(structure_ids(path))
            except StructureError as error:
                if path != found[-1]:
                    raise FetchError(f"{error.message}; delete it and the shards after it") from error
                repaired = f"{path.name} was damaged and is fetched again"
                break
            self.paths.append(path)
        return state, repaired

    def write(self, rows: Sequence[dict[str, Any]], state: State) -> None:
        """Write one more shard atomically; raise FetchError if the disk is full."""
        path = self._path(len(self.paths))
        try:
            with atomic_path(path, path.with_name(f".{path.stem}.part")) as draft, draft.open("wb") as file:
                write_structures(file, rows, {KEY: json.dumps({"schema": SCHEMA, **asdict(state)})})
        except OSError as error:
            raise FetchError(
                f"{path} cannot be written: {error.strerror}; finished shards are kept; run the command again to resume"
            ) from error
        self.paths.append(path)

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.name}-{number:05}.parquet"


def _read_state(path: Path, start: State) -> State:
    text = structure_metadata(path).get(KEY)
    if text is None:
        raise FetchError(f"{path} was not written by `cloudkit fetch`; move it away or choose another folder")
    kept = json.loads(text)
    schema = kept.pop("schema", None)
    if schema != SCHEMA:
        raise FetchError(
            f"{path} has schema {schema}, but this version writes {SCHEMA}; choose another folder"
        )
    state = State(**kept)
    if (state.url, state.filter) != (start.url, start.filter):
        raise FetchError(
            f"{path} was fetched from {state.url} with the filter '{state.filter}'; choose another folder, or repeat that request"
        )
    return state


class IdSet:
    """Set of ids as hashes of 8 bytes: a sorted array, and the newest in a Python set."""

    def __init__(self) -> None:
        self._old: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._new: set[int] = set()

    def add(self, ids: Sequence[str]) -> list[bool]:
        """Add ids; return whether each is new."""
        digests = [int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest(), "big") for id in ids]
        asked = np.array(digests, np.uint64)
        at = np.searchsorted(self._old, asked)
        known = at < len(self._old)
        known[known] = self._old[at[known]] == asked[known]
        fresh = []
        for digest, old in zip(digests, known.tolist(), strict=True):
            fresh.append(not old and digest not in self._new)
            self._new.add(digest)
        if len(self._new) > 100_000:
            merged = np.union1d(self._old, np.array(list(self._new), np.uint64))
            self._old, self._new = merged.astype(np.uint64), set()
        return fresh


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create a folder if it is missing, and lock it; raise FetchError if another fetch has it."""
    fresh = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise FetchError(f"{folder} cannot be used as a folder: {error.strerror}") from error
    try:
        if not take_lock(handle):
            raise FetchError(f"another fetch is writing to {folder}; wait for it or stop it")
        yield
    finally:
        os.close(handle)
        if fresh and not any(folder.iterdir()):
            folder.rmdir()
