"""Worker processes that are replaced when they die or take too long, which costs only the structure at fault."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue

from cloudkit.errors import CloudkitError, StructureError
from cloudkit.structure.messages import (
    Entry,
    Task,
    read_answers,
    read_entries,
    read_message,
    write_message,
    write_task,
)
from cloudkit.structure.read import Piece, Record
from cloudkit.structure.symmetry import Answer, Search


class Lost(Exception):
    """A worker ended without a reply; `error` is what the structure at fault is told."""

    def __init__(self, error: StructureError) -> None:
        super().__init__(str(error))
        self.error = error


class Pool:
    """`jobs` worker processes; `ask` may be called from as many threads.

    seconds: how long one task may take. A task that fails is tried again structure by structure.
    """

    def __init__(self, jobs: int, search: Search, seconds: float, with_crystals: bool) -> None:
        self.search, self.seconds, self.with_crystals = search, seconds, with_crystals
        self.workers = [Worker() for _ in range(jobs)]
        self.idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self.workers:
            self.idle.put(worker)

    def ask(self, items: Sequence[Record | Piece]) -> list[Entry]:
        """The structures of records or of pieces, in order, each with its symmetry or an error."""
        worker = self.idle.get()
        try:
            try:
                return self._ask(worker, items)
            except Lost:
                return [entry for item in items for entry in self._ask_again(worker, item)]
        finally:
            self.idle.put(worker)

    def stop(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self.workers:
            worker.stop()

    def _ask(self, worker: "Worker", items: Sequence[Record | Piece]) -> list[Entry]:
        pieces = [item for item in items if isinstance(item, Piece)]
        if pieces:
            task = Task(self.search, pieces, with_crystals=self.with_crystals)
            return [entry for of_piece in read_entries(worker.ask(task, self.seconds)) for entry in of_piece]
        records = [item for item in items if isinstance(item, Record)]
        crystals = [record.crystal for record in records if record.crystal is not None]
        task = Task(self.search, crystals=crystals)
        answers = iter(read_answers(worker.ask(task, self.seconds)) if crystals else ())
        return [Entry(record, _of(record, answers)) for record in records]

    def _ask_again(self, worker: "Worker", item: Record | Piece) -> Iterator[Entry]:
        """One after another, so that only the one at fault fails; a piece is read before its structures are asked."""
        if isinstance(item, Record):
            records = [item]
        else:
            try:
                reply = worker.ask(Task(None, [item], with_crystals=True), self.seconds)
            except Lost as lost:
                yield Entry(Record(item.name, None, lost.error), lost.error)
                return
            records = [entry.record for of_piece in read_entries(reply) for entry in of_piece]
        for record in records:
            try:
                yield from self._ask(worker, [record])
            except Lost as lost:
                yield Entry(record, lost.error)


def _of(record: Record, answers: Iterator[Answer]) -> Answer:
    if record.crystal is not None:
        return next(answers)
    return record.error or StructureError("S104", "there is no structure")


class Worker:
    """One process, spoken to over its standard input and output; a new one takes its place when it ends."""

    def __init__(self) -> None:
        self.stopped = False
        self._start()

    def ask(self, task: Task, seconds: float) -> bytes:
        """The reply; blocks. Raises Lost if the process dies or needs more than `seconds`, CloudkitError if it cannot start."""
        self.await_ready()
        late = threading.Event()

        def end() -> None:
            late.set()
            self.process.kill()

        killer = threading.Timer(seconds, end)
        killer.daemon = True
        killer.start()
        try:
            write_message(self._sink, write_task(task))
            return read_message(self._source)
        except (EOFError, OSError):
            ended = _how_it_ended(self.process.wait())
            self._close()
            if self.stopped:
                raise CloudkitError("the batch was stopped") from None
            self._start()
            raise Lost(_too_long(seconds) if late.is_set() else _died(ended)) from None
        finally:
            killer.cancel()

    def stop(self) -> None:
        """End the process for good."""
        self.stopped = True
        self.process.kill()
        self.process.wait()
        self._close()

    def _start(self) -> None:
        path = os.pathsep.join(
            entry or str(Path.cwd()) for entry in sys.path
        )  # it finds what this process finds
        self.ready = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudkit.structure.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self.process.stdin is not None and self.process.stdout is not None  # both are pipes
        self._sink, self._source = self.process.stdin, self.process.stdout

    def await_ready(self) -> None:
        """Block until the process can be asked; raises CloudkitError if it ends before that."""
        if self.ready:
            return
        try:
            read_message(self._source)
        except (EOFError, OSError) as error:
            ended = _how_it_ended(self.process.wait())
            raise CloudkitError(f"a worker process {ended} before it was ready") from error
        self.ready = True

    def _close(self) -> None:
        for pipe in (self._sink, self._source):
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # bytes meant for a process that is gone


def _too_long(seconds: float) -> StructureError:
    return StructureError(
        "S304",
        f"the search for symmetry took longer than {seconds:g} s",
        "allow more seconds, or a smaller cell",
    )


def _died(ended: str) -> StructureError:
    return StructureError(
        "S305",
        f"the worker process {ended} on this structure",
        "try the other engine, or a machine with more memory",
    )


def _how_it_ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
