"""The folder of finished stages: made once, whole or not at all, by one build at a time.

A finished stage is a folder ``<kind>-<key>``; an unfinished one ends in ``.part`` and is gone on with if it holds a
checkpoint. Of several processes the leader makes the stages; all take part in training.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lightning.fabric import Fabric

from cloudkit.io import locked
from cloudkit.train.checkpoint import BEST, CHECKPOINT
from cloudkit.train.memory import OutOfMemory
from cloudkit.train.stages import Stage, StageResult

TRAINED: Final = ("pretrain", "finetune")  # kinds of stages in which all processes take part


class Store:
    """The folder ``stages`` of a run, as one of the processes of a build sees it (by itself without `fabric`)."""

    def __init__(self, folder: Path, fabric: Fabric | None = None) -> None:
        self.folder, self.fabric = folder, fabric
        self.leads = fabric is None or bool(fabric.is_global_zero)

    def path(self, stage: Stage) -> Path:
        """Where a finished stage lies."""
        return self.folder / stage.name

    def is_done(self, stage: Stage) -> bool:
        """Whether a stage was finished, by this build or an earlier one."""
        return (self.path(stage) / "stage.json").is_file()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other builds out of this run while one works in it; the system lifts it when the process ends."""
        if not self.leads:
            yield
            return
        run = self.folder.parent
        with locked(self.folder, f"another build is at work in {run}; wait for it or choose --out"):
            yield

    def make(self, stage: Stage, work: Callable[[Stage, Path], None]) -> StageResult:
        """Run `work` into a folder beside the final one and rename it; or reuse what is there.

        An interruption leaves the folder with its checkpoint, and so does want of memory; another error leaves nothing.
        """
        final = self.path(stage)
        if self._told(self.is_done(stage)):
            return StageResult(stage, final, "reused", _seconds(final))
        if self.leads:
            self._make(stage, work)
        elif stage.kind in TRAINED:
            self._wait()  # until the leader has cleared the folder
            work(stage, self._part(stage))
        self._wait()
        return StageResult(stage, final, "done", _seconds(final))

    def _make(self, stage: Stage, work: Callable[[Stage, Path], None]) -> None:
        """The leader's share."""
        part = self._part(stage)
        if not (part / CHECKPOINT).exists():
            shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, exist_ok=True)
        if stage.kind in TRAINED:
            self._wait()
        start = time.perf_counter()
        try:
            work(stage, part)
        except OutOfMemory:
            raise
        except Exception:
            shutil.rmtree(part)
            raise
        record = {
            "kind": stage.kind,
            "label": stage.label,
            "seconds": round(time.perf_counter() - start, 3),
            "reads": {k: s.name for k, s in stage.reads.items()},
        }
        (part / "stage.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        final = part.rename(self.path(stage))
        for name in (CHECKPOINT, BEST):
            (final / name).unlink(missing_ok=True)
        for member in final.glob("member-*"):
            shutil.rmtree(member)

    def _part(self, stage: Stage) -> Path:
        return self.folder / f"{stage.name}.part"

    def _wait(self) -> None:
        if self.fabric is not None:
            self.fabric.barrier()

    def _told(self, value: bool) -> bool:
        """What the leader found."""
        return bool(self.fabric.broadcast(value)) if self.fabric is not None else value

    def clean(self, keep: set[str]) -> None:
        """Remove unfinished stages that this build does not need."""
        for part in self.folder.glob("*.part"):
            if part.name.removesuffix(".part") not in keep:
                shutil.rmtree(part)


def _seconds(folder: Path) -> float:
    return float(json.loads((folder / "stage.json").read_text(encoding="utf-8"))["seconds"])
