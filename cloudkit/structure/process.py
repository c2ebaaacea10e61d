"""One worker process: started, asked, and replaced when it dies or takes too long."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from cloudkit.errors import CloudkitError, StructureError
from cloudkit.structure.messages import Task, read_message, write_message, write_task


class Lost(Exception):
    """A worker ended without a reply; `error` is what the structure at fault is told."""

    def __init__(self, error: StructureError) -> None:
        super().__init__(str(error))
        self.error = error


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
            process_group=0
            if os.name == "posix"
            else None,  # Ctrl-C is for this process, which ends its workers
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
