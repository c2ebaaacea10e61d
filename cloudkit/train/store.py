"""The folder of finished stages: made once, whole or not at all, by one build at a time.

A finished stage is a folder ``<kind>-<key>``; an unfinished one ends in ``.part`` and is gone on with if it holds a
checkpoint.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudkit.data import take_lock
from cloudkit.errors import CloudkitError
from cloudkit.train.checkpoint import BEST, CHECKPOINT
from cloudkit.train.stages import Stage, StageResult


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
            if not take_lock(file.fileno()):
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


def _seconds(folder: Path) -> float:
    return float(json.loads((folder / "stage.json").read_text(encoding="utf-8"))["seconds"])
