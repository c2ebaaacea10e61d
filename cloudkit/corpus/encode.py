"""Structures to a folder of shards. Scales to millions; resumable."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from cloudkit.corpus.units import UNIT_SIZE, Unit, find_units
from cloudkit.encoding import Encoded, EncodeOptions, encode_groups
from cloudkit.encoding.table_rows import find_kept_columns
from cloudkit.errors import CloudkitError, require
from cloudkit.io import Manifest, Shard, atomic_write, file_hash, locked, parquet_writer

COLUMNS: Final = {"id": str, "scope": str, "space_group": int, "engine": str, "symprec": float}


class CorpusResult(NamedTuple):
    """Result of `encode_corpus`.

    Attributes
    ----------
    counts : dict
        Numbers of structures given, encoded (rows) and failed, of the whole folder.
    made, kept : int
        Shards of this run, and shards that were finished before.
    damaged : list of str
        Shards that were damaged and have been made again.
    gone : int
        Shards that were removed because their input is gone.

    Examples
    --------
    >>> result = CorpusResult({"given": 2, "rows": 1, "failed": 1}, made=1, kept=0, damaged=[], gone=0)
    >>> result.counts["failed"]
    1
    """

    counts: dict[str, int]
    made: int
    kept: int
    damaged: list[str]
    gone: int


def encode_corpus(
    inputs: Iterable[str | Path],
    folder: Path,
    options: EncodeOptions,
    *,
    jobs: int = 1,
    pool: str = "local",
    size: int = UNIT_SIZE,
    step: Callable[[int], object] = lambda structures: None,
    note: Callable[[Encoded], object] = lambda row: None,
) -> CorpusResult:
    """Encode structures into a folder of shards; finished shards are reused.

    Parameters
    ----------
    inputs
        Files, folders and patterns.
    folder
        Folder of the shards, created if it is missing.
    options
        How to encode.
    jobs
        Threads of the native engine.
    pool
        "local", or "ray" to make shards on the nodes of a Ray cluster, which must share the folder.
    size
        Approximate number of structures per shard.
    step
        Called with the number of structures of each finished shard.
    note
        Called with each row that is encoded in this process.

    Returns
    -------
    CorpusResult
        What was made, and counts of the whole folder.

    Raises
    ------
    CloudkitError
        If the folder cannot be written; finished shards are kept, and the same call resumes.

    Examples
    --------
    >>> encode_corpus(["salt.vasp"], Path("shards"), EncodeOptions()).counts
    {'given': 1, 'rows': 1, 'failed': 0}
    """
    Manifest.check(folder)
    found = find_units(inputs, size)
    first = next(found, None)
    if first is None:
        raise CloudkitError("nothing to encode: the folders contain no files")
    with locked(folder):
        manifest, damaged = Manifest.resume(folder, options.spec | {"shard_size": size})
        finished = set(manifest.shards)
        keys: list[str] = []

        def todo() -> Iterator[Unit]:
            for unit in chain([first], found):
                keys.append(unit.key)
                if unit.key not in finished:
                    yield unit

        try:
            units = todo()
            shards = (
                _make_on_ray(list(units), folder, options)
                if pool == "ray"
                else _make_here(units, folder, options, jobs, note)
            )
            for shard in shards:
                manifest.add(shard)
                step(shard.given)
            gone = manifest.arrange(keys)
        except OSError as error:
            raise CloudkitError(
                f"{folder}: {error.strerror or error} {getattr(error, '__notes__', [''])[-1]}; {len(manifest.shards)} shards are finished; run the same command "
                "again to resume"
            ) from error
    made = len(set(keys) - finished)
    return CorpusResult(manifest.counts, made, len(keys) - made, damaged, gone)


def _make_here(
    units: Iterator[Unit], folder: Path, options: EncodeOptions, jobs: int, note: Callable[[Encoded], object]
) -> Iterator[Shard]:
    for unit in units:
        try:
            yield make_shard(unit, folder, options, jobs, note)
        except OSError as error:
            error.add_note(f"while writing {unit.label}")
            raise


def make_shard(
    unit: Unit,
    folder: Path,
    options: EncodeOptions,
    jobs: int = 1,
    note: Callable[[Encoded], object] = lambda row: None,
) -> Shard:
    """Encode one unit in this process."""

    def rows() -> Iterator[Encoded]:
        for row in encode_groups(unit.groups_of_structures(), options, jobs):
            note(row)
            yield row

    return write_shard(unit, rows(), folder)


def write_shard(unit: Unit, encoded: Iterable[Encoded], folder: Path) -> Shard:
    """Write the rows of one unit as Parquet and its failures as JSON lines, both atomically."""
    rows = failed = 0
    path, ledger = folder / f"{unit.key}.parquet", folder / Shard(unit.key, 0, 0, 0, "").ledger
    digest = hashlib.sha256()
    kept: dict[str, tuple[str, type]] = {}
    if not unit.path:  # other columns of Parquet inputs, which may be large, are not kept
        encoded, kept = find_kept_columns(encoded, COLUMNS)
    with ExitStack() as stack:
        file = stack.enter_context(atomic_write(path))
        write = stack.enter_context(parquet_writer(file, COLUMNS | dict(kept.values())))
        faults = None
        for row in encoded:
            if row.error is None:
                own = {name: getattr(row, name) for name in COLUMNS}
                write(own | {name: _cast(row.kept.get(key), kind) for key, (name, kind) in kept.items()})
                rows += 1
                continue
            faults = faults or stack.enter_context(atomic_write(ledger))
            entry = {"id": row.id} | {name: getattr(row.error, name) for name in ("code", "message", "hint")}
            line = (json.dumps(entry, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
            faults.write(line)
            digest.update(line)
            failed += 1
    if unit.path and rows + failed != unit.rows:
        raise CloudkitError(f"{unit.label}: {unit.rows} structures given, {rows} encoded and {failed} failed")
    return Shard(unit.key, rows + failed, rows, failed, file_hash(path), digest.hexdigest() if failed else "")


def _cast(value: object, kind: type) -> object:
    """Convert a value to the type of its column, whose values have several types."""
    return value if value is None or isinstance(value, kind) else kind(value)


def read_failures(folder: Path) -> Iterator[dict[str, Any]]:
    """Read the failures of a folder of shards.

    Parameters
    ----------
    folder
        Made by `encode_corpus`.

    Yields
    ------
    dict
        id, code, message and hint, in the order of the input.

    Examples
    --------
    >>> _ = Path("empty.cif").write_text("")
    >>> _ = encode_corpus(["empty.cif"], Path("failed"), EncodeOptions())
    >>> [failure["code"] for failure in read_failures(Path("failed"))]
    ['S101']
    """
    for shard in Manifest.load(folder).shards.values():
        if shard.failed:
            with (folder / shard.ledger).open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)


def _make_on_ray(units: list[Unit], folder: Path, options: EncodeOptions) -> Iterator[Shard]:
    """Yield shards as they finish, in any order, from the cluster of $RAY_ADDRESS or one that is started on this machine."""
    if not units:
        return
    ray = require("ray", "cluster")
    data = require("ray.data", "cluster")
    if not ray.is_initialized():
        ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, include_dashboard=False)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    target = folder.resolve()

    def make(row: dict[str, Any]) -> dict[str, Any]:
        return asdict(make_shard(units[row["item"]], target, options))

    numbers = data.from_items(list(range(len(units))), override_num_blocks=len(units))
    shards = numbers.map(make, num_cpus=1)
    for row in shards.iter_rows():
        yield Shard(**row)
