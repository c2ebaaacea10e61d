"""Many crystals: symmetry in order, one after another or in worker processes, with bounded memory."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from cloudkit.errors import CloudkitError, StructureError
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.messages import read_answers, read_message, write_message, write_tasks
from cloudkit.structure.read import Record
from cloudkit.structure.symmetry import Answer, Engine, Search, Symmetry, find_symmetries, load_engine

CHUNK: Final = 32  # crystals per message: large enough to hide the pipe, small enough to spread

Result = tuple[Record, Symmetry | StructureError]


def find_symmetry_batch(
    records: Iterable[Record | Crystal],
    *,
    engine: Engine = "moyo",
    symprec: float = 1e-2,
    angle_tolerance: float | None = None,
    by_written: bool = False,
    jobs: int = 1,
) -> Iterator[Result]:
    """(record, Symmetry or the reason why there is none) per record, in order. A bare Crystal's id is its
    number from 0.

    jobs: worker processes; each holds a few dozen crystals at a time, and the input is read as they go.
    Options as in find_symmetry. Raises CloudkitError if a worker ends before its time.
    """
    load_engine(engine)
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    options = Search(engine, symprec, angle_tolerance, by_written)
    named = (item if isinstance(item, Record) else Record(str(i), item) for i, item in enumerate(records))
    if jobs == 1:
        return ((record, _find_one(record, options)) for record in named)
    return _find_parallel(named, options, jobs)


def _find_one(record: Record, task: Search) -> Symmetry | StructureError:
    if record.crystal is None:
        return record.error or StructureError("S104", "there is no structure")
    return find_symmetries((record.crystal,), task)[0]


def _find_parallel(records: Iterator[Record], task: Search, jobs: int) -> Iterator[Result]:
    idle: SimpleQueue[Worker] = SimpleQueue()
    workers = [Worker() for _ in range(jobs)]
    for worker in workers:
        idle.put(worker)
    waiting: deque[tuple[list[Record], Future[list[Answer]]]] = deque()
    threads = ThreadPoolExecutor(jobs, thread_name_prefix="cloudkit-symmetry")
    try:
        while chunk := list(islice(records, CHUNK)):
            crystals = [record.crystal for record in chunk if record.crystal is not None]
            waiting.append((chunk, threads.submit(_ask, idle, task, crystals)))
            if len(waiting) > 2 * jobs:
                yield from _collect(*waiting.popleft())
        while waiting:
            yield from _collect(*waiting.popleft())
    finally:
        for worker in workers:
            worker.stop()
        threads.shutdown(wait=True, cancel_futures=True)


def _ask(idle: "SimpleQueue[Worker]", task: Search, crystals: list[Crystal]) -> list[Answer]:
    worker = idle.get()
    try:
        return worker.ask(task, crystals)
    finally:
        idle.put(worker)


def _collect(chunk: list[Record], future: "Future[list[Answer]]") -> Iterator[Result]:
    answers = iter(future.result())
    for record in chunk:
        failed = record.error or StructureError("S104", "there is no structure")
        yield record, next(answers) if record.crystal is not None else failed


class Worker:
    """One process that finds symmetries; it is spoken to over its standard input and output."""

    def __init__(self) -> None:
        path = os.pathsep.join(
            entry or str(Path.cwd()) for entry in sys.path
        )  # it finds what this process finds
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudkit.structure.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )

    def ask(self, task: Search, crystals: list[Crystal]) -> list[Answer]:
        """One answer per crystal; blocks until the worker has them all."""
        source, sink = self.process.stdout, self.process.stdin
        assert source is not None and sink is not None  # both are pipes
        try:
            write_message(sink, write_tasks(task, crystals))
            return read_answers(read_message(source))
        except (EOFError, OSError) as error:
            raise CloudkitError(
                f"a worker process {_how_it_ended(self.process.wait())} before it had answered"
            ) from error

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # bytes meant for a process that is gone


def _how_it_ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
