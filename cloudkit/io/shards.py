"""A folder of Parquet shards and the manifest that says which are finished, what made them and what they hold.

    strings/manifest.json           version, spec of the encoding, the finished shards in the order of the input
    strings/<key>.parquet           the rows of one part of the input
    strings/<key>.failures.jsonl    what of that part failed, if anything did

A shard is named by the content of what it is made from (spec/decisions/0011-corpus-by-shards.md). The manifest is
written anew after each shard, so killing the writer costs the shards under way and nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cloudkit.errors import DataError
from cloudkit.io.atomic import DRAFT_SUFFIX, atomic_write, file_hash

MANIFEST: Final = "manifest.json"
VERSION: Final = 1
LEDGER: Final = ".failures.jsonl"


@dataclass(frozen=True, slots=True)
class Shard:
    """One finished shard of a folder.

    Attributes
    ----------
    key : str
        Hash of the input that it is made from; the stem of its file names.
    given, rows, failed : int
        Structures of the input, strings in the Parquet file, and failures in the ledger; given = rows + failed.
    sha256, failures_sha256 : str
        Of the Parquet file and of the ledger, "" where nothing failed.

    Examples
    --------
    >>> Shard("3f2a", given=100, rows=99, failed=1, sha256="…").ledger
    '3f2a.failures.jsonl'
    """

    key: str
    given: int
    rows: int
    failed: int
    sha256: str
    failures_sha256: str = ""

    @property
    def name(self) -> str:
        """Name of its Parquet file."""
        return f"{self.key}.parquet"

    @property
    def ledger(self) -> str:
        """Name of its file of failures, which is there only if something failed."""
        return self.key + LEDGER

    def is_whole(self, folder: Path) -> bool:
        """Whether its files are there, byte for byte."""
        files = {self.name: self.sha256} | ({self.ledger: self.failures_sha256} if self.failed else {})
        return all((folder / n).is_file() and file_hash(folder / n) == h for n, h in files.items())


@dataclass(slots=True)
class Manifest:
    """The file of a folder of shards that lists those that are finished.

    Attributes
    ----------
    folder : Path
        Where the shards are.
    spec : mapping
        What decides the content of a shard besides its input, such as dialect and symprec.
    shards : dict
        Finished shards by key, in the order of the input.

    Raises
    ------
    DataError
        By `load`, `check` and `resume`, for a folder that holds anything but shards of this version and spec.

    Examples
    --------
    >>> from pathlib import Path
    >>> manifest = Manifest(Path("strings"), {"dialect": "orbit"})
    >>> manifest.shards["3f2a"] = Shard("3f2a", given=100, rows=99, failed=1, sha256="…")
    >>> manifest.counts
    {'given': 100, 'rows': 99, 'failed': 1}
    """

    folder: Path
    spec: Mapping[str, Any]
    shards: dict[str, Shard] = field(default_factory=dict)

    @staticmethod
    def check(folder: Path) -> None:
        """Raise DataError where a folder is there and holds something else than shards."""
        if not folder.is_dir() or (folder / MANIFEST).exists():
            return
        strange = [
            path.name for path in folder.iterdir() if path.name not in (".lock", MANIFEST + DRAFT_SUFFIX)
        ]
        if strange:
            raise DataError(f"{folder}: holds {strange[0]} and no {MANIFEST}; name a new or an empty folder")

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read a folder's manifest; DataError where it is missing, damaged or of another version."""
        path = folder / MANIFEST
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            version = found["version"]
            if version == VERSION:
                shards = [Shard(**entry) for entry in found["shards"]]
                return cls(folder, found["spec"], {shard.key: shard for shard in shards})
        except FileNotFoundError:
            raise DataError(f"{folder}: not a folder of shards; it holds no {MANIFEST}") from None
        except (ValueError, RecursionError, TypeError, KeyError):
            raise DataError(f"{path}: not a manifest of shards; remove the folder and encode again") from None
        raise DataError(
            f"{path}: shards of schema version {version}, and this cloudkit knows version {VERSION}; "
            "encode again into another folder, or use the cloudkit that wrote it"
        )

    @classmethod
    def resume(cls, folder: Path, spec: Mapping[str, Any]) -> tuple["Manifest", list[str]]:
        """What is finished in a folder, checked byte for byte, and the names of shards that are damaged or gone.

        Raises DataError where the folder holds something else, or shards of another spec.
        """
        cls.check(folder)
        if not (folder / MANIFEST).exists():
            fresh = cls(folder, dict(spec))
            fresh.save()
            return fresh, []
        kept = cls.load(folder)
        changed = [key for key in {**kept.spec, **spec} if kept.spec.get(key) != spec.get(key)]
        if changed:
            first = changed[0]
            raise DataError(
                f"{folder}: its shards were made with {first} = {kept.spec.get(first)}, not {spec.get(first)}; "
                "name another folder, or encode with the same options"
            )
        damaged = [shard for shard in kept.shards.values() if not shard.is_whole(folder)]
        for shard in damaged:
            del kept.shards[shard.key]
        return kept, [shard.name for shard in damaged]

    def add(self, shard: Shard) -> None:
        """Count a shard as finished; its files must be in place."""
        self.shards[shard.key] = shard
        self.save()

    def arrange(self, keys: Sequence[str]) -> int:
        """Bring the shards into this order and remove the files of all others; how many finished ones went."""
        gone = self.shards.keys() - set(keys)
        self.shards = {key: self.shards[key] for key in keys}
        self.save()
        kept = {name for shard in self.shards.values() for name in (shard.name, shard.ledger)}
        for path in self.folder.iterdir():
            if path.name.endswith((".parquet", LEDGER, DRAFT_SUFFIX)) and path.name not in kept:
                path.unlink()
        return len(gone)

    def save(self) -> None:
        """Write the manifest; a reader sees the old one or the new one."""
        head = {"version": VERSION, "spec": dict(self.spec), **self.counts}
        head["shards"] = [asdict(shard) for shard in self.shards.values()]
        with atomic_write(self.folder / MANIFEST) as file:
            file.write(json.dumps(head, indent=1).encode())

    @property
    def counts(self) -> dict[str, int]:
        """Structures given, encoded and failed over all finished shards."""
        shards = self.shards.values()
        return {name: sum(getattr(shard, name) for shard in shards) for name in ("given", "rows", "failed")}

    @property
    def paths(self) -> list[Path]:
        """The Parquet files in the order of the input."""
        return [self.folder / shard.name for shard in self.shards.values()]
