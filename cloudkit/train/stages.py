"""Stages of a build, named by the content of what they are made from.

The key of a stage is a hash of its part of the spec, the keys of the stages it reads, the content of its data files and
the code that makes it. A finished stage is a folder ``<kind>-<key>``; an unfinished one ends in ``.part`` and, if it
holds a checkpoint, is gone on with. A stage whose folder is there is never made again.
"""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import cloudkit
from cloudkit.errors import CloudkitError
from cloudkit.train.checkpoint import BEST, CHECKPOINT

Kind = Literal["encode", "tokenize", "pretrain", "finetune", "evaluate", "report"]
Status = Literal["done", "reused", "planned"]

_MODEL: Final = (
    "models",
    "kernels",
    "data/batches.py",
    "train/loop.py",
    "train/checkpoint.py",
    "train/objectives.py",
    "train/work.py",
)
CODE: Final[dict[Kind, tuple[str, ...]]] = {  # what a stage is made by, besides the stages that it reads
    "encode": ("data", "train/source.py", "scope", "_native", "tables", "units.py"),
    "tokenize": ("data", "tokens", "_native"),
    "pretrain": _MODEL,
    "finetune": _MODEL,
    "evaluate": ("property", "models/predict.py", "train/evaluate.py"),
    "report": ("train", "property"),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a build. label: for people; task: its part of the spec; reads: the stages that it is made from."""

    kind: Kind
    label: str
    key: str
    task: Any = None
    reads: Mapping[str, "Stage"] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.kind}-{self.key}"


@dataclass(frozen=True, slots=True)
class StageResult:
    """What became of a stage; seconds: how long making it took, also if it was made by an earlier build."""

    stage: Stage
    folder: Path
    status: Status
    seconds: float


def make_key(kind: Kind, parts: object, reads: Mapping[str, Stage]) -> str:
    """12 hexadecimal digits from the spec's part (JSON), the keys of what is read, and the code."""
    content = [kind, parts, {name: stage.name for name, stage in reads.items()}, code_hash(CODE[kind])]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_hash(paths: tuple[str, ...]) -> str:
    """SHA-256 over the sources and compiled modules under some paths of the package."""
    root = Path(cloudkit.__file__).parent
    files = [
        file
        for path in paths
        for file in ([root / path] if (root / path).is_file() else (root / path).rglob("*"))
    ]
    kept = sorted(file for file in files if file.suffix in (".py", ".so", ".pyd"))
    return hashlib.sha256(
        "\n".join(f"{f.relative_to(root)} {file_hash(f)}" for f in kept).encode()
    ).hexdigest()


class Store:
    """The folder ``stages`` of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, stage: Stage) -> Path:
        """Where a finished stage lies."""
        return self.folder / stage.name

    def is_done(self, stage: Stage) -> bool:
        """Whether a stage was finished, by this build or an earlier one."""
        return (self.path(stage) / "stage.json").is_file()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other builds out of this run while one works in it; the system lifts it when the process ends."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / ".lock").open("w")
        except OSError as error:
            raise CloudkitError(f"cannot write to {self.folder.parent}: {error.strerror}") from None
        with file:
            if not _take(file.fileno()):
                raise CloudkitError(
                    f"another build is at work in {self.folder.parent}; wait for it or choose --out"
                )
            yield

    def make(self, stage: Stage, work: Callable[[Stage, Path], None]) -> StageResult:
        """Run `work` into a folder beside the final one and rename it; or reuse what is there.

        An interruption leaves the folder with its checkpoint; an error leaves nothing.
        """
        final = self.path(stage)
        if self.is_done(stage):
            return StageResult(stage, final, "reused", _seconds(final))
        part = self.folder / f"{stage.name}.part"
        if not (part / CHECKPOINT).exists():
            shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        try:
            work(stage, part)
        except Exception:
            shutil.rmtree(part)
            raise
        seconds = round(time.perf_counter() - start, 3)
        record = {
            "kind": stage.kind,
            "label": stage.label,
            "seconds": seconds,
            "reads": {k: s.name for k, s in stage.reads.items()},
        }
        (part / "stage.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        for name in (CHECKPOINT, BEST):
            (part / name).unlink(missing_ok=True)
        part.rename(final)
        return StageResult(stage, final, "done", seconds)

    def clean(self, keep: set[str]) -> None:
        """Remove unfinished stages that this build does not need."""
        for part in self.folder.glob("*.part"):
            if part.name.removesuffix(".part") not in keep:
                shutil.rmtree(part)


def _take(descriptor: int) -> bool:
    """Lock an open file without waiting; False where another process holds it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _seconds(folder: Path) -> float:
    return float(json.loads((folder / "stage.json").read_text(encoding="utf-8"))["seconds"])
