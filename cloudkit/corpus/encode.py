"""Any number of structures to a folder of shards. Scales to millions; resumable at any moment."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cloudkit.corpus.units import UNIT, Unit, find_units
from cloudkit.encoding import Encoded, EncodeOptions, encode_groups
from cloudkit.encoding.table_rows import find_kept_columns
from cloudkit.errors import CloudkitError, require
from cloudkit.io import Manifest, Shard, atomic_write, file_hash, locked, parquet_writer

if TYPE_CHECKING:
    from cloudkit.encoding import EncodeOptions

COLUMNS: Final = {"id": str, "scope": str, "space_group": int, "engine": str, "symprec": float}


class Report(NamedTuple):
    """counts: given, rows and failed of the whole folder; made: shards of this run; kept: those that were finished before.

    damaged: shards that were damaged and have been remade; gone: shards whose input is no longer there.
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
    size: int = UNIT,
    step: Callable[[int], object] = lambda structures: None,
    note: Callable[[Encoded], object] = lambda row: None,
) -> Report:
    """Encode all structures of the inputs into a folder of shards; finished shards are reused.

    jobs: threads of the native engine. pool: "local", or "ray" to make shards on the nodes of a Ray cluster that share the folder.
    size: structures of a shard, about. step: called with the number of structures that were done. note: called with each row
    that is made here, not on other nodes.
    Raises CloudkitError where the folder cannot be written; the shards that are finished stay.
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
            for shard in _make(todo(), folder, options, jobs, pool, note):
                manifest.add(shard)
                step(shard.given)
            gone = manifest.arrange(keys)
        except OSError as error:
            raise CloudkitError(
                f"{folder}: {error.strerror or error} {getattr(error, '__notes__', [''])[-1]}; {len(manifest.shards)} shards are finished; run the same command "
                "again to resume"
            ) from error
    made = len(set(keys) - finished)
    return Report(manifest.counts, made, len(keys) - made, damaged, gone)


def _make(
    units: Iterator[Unit],
    folder: Path,
    options: EncodeOptions,
    jobs: int,
    pool: str,
    note: Callable[[Encoded], object],
) -> Iterator[Shard]:
    if pool == "ray":
        return make_on_ray(list(units), folder, options, make_shard)
    return _make_here(units, folder, options, jobs, note)


def _make_here(
    units: Iterator[Unit], folder: Path, options: EncodeOptions, jobs: int, note: Callable[[Encoded], object]
) -> Iterator[Shard]:
    for unit in units:
        try:
            yield make_shard(unit, folder, options, jobs, note)
        except OSError as error:
            error.add_note(f"while {unit.label} was written")
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
    """The rows of one unit as Parquet and its failures as JSON lines, both whole or not at all."""
    rows = failed = 0
    path, ledger = folder / f"{unit.key}.parquet", folder / Shard(unit.key, 0, 0, 0, "").ledger
    digest = hashlib.sha256()
    kept: dict[str, tuple[str, type]] = {}
    if not unit.path:  # row groups of Parquet keep no other columns, and may be long
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
            entry = {
                "id": row.id,
                "code": row.error.code,
                "message": row.error.message,
                "hint": row.error.hint,
            }
            line = (json.dumps(entry, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
            faults.write(line)
            digest.update(line)
            failed += 1
    if unit.path and rows + failed != unit.rows:
        raise CloudkitError(f"{unit.label}: {unit.rows} structures given, {rows} encoded and {failed} failed")
    return Shard(unit.key, rows + failed, rows, failed, file_hash(path), digest.hexdigest() if failed else "")


def _cast(value: object, kind: type) -> object:
    """A value of a column whose values have several types, as one of its type."""
    return value if value is None or isinstance(value, kind) else kind(value)


def read_failures(folder: Path) -> Iterator[dict[str, Any]]:
    """All entries of the ledgers of a folder of shards, in the order of the input."""
    for shard in Manifest.load(folder).shards.values():
        if shard.failed:
            with (folder / shard.ledger).open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)


def make_on_ray(
    units: list[Unit],
    folder: Path,
    options: "EncodeOptions",
    make_shard: Callable[[Unit, Path, "EncodeOptions"], Shard],
) -> Iterator[Shard]:
    """Yield shards as they are finished, in any order. Joins the cluster of $RAY_ADDRESS, or starts one on this machine."""
    if not units:
        return
    ray = require("ray", "cluster")
    data = require("ray.data", "cluster")
    if not ray.is_initialized():
        ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, include_dashboard=False)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    place = folder.resolve()

    def make(row: dict[str, Any]) -> dict[str, Any]:
        return asdict(make_shard(units[row["item"]], place, options))

    numbers = data.from_items(list(range(len(units))), override_num_blocks=len(units))
    shards = numbers.map(make, num_cpus=1)
    for row in shards.iter_rows():
        yield Shard(**row)
