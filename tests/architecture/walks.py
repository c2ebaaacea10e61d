"""The files that a command walks through, in the order in which it first enters them, and where it comes back to one of them.

    python -m tests.architecture.walks encode crystal.cif

A file is left when all of its functions that the command has called have ended and a function of another file is called: a caller
that waits, or a generator that has more to give, keeps its file open. The walk returns where another file later calls a function
of that file for the first time. What runs when a module is imported, what constructors and special methods do, and functions inside
another, which are read with it, do not count.
"""

import dis
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, GeneratorType
from typing import NamedTuple

import cloudkit

PACKAGE = Path(cloudkit.__file__).parent
OPTIMIZED, GENERATOR = 1, 32  # of co_flags: a function, not the body of a module or class; one that yields
YIELD = dis.opmap["YIELD_VALUE"]


class Return(NamedTuple):
    """A call of `function` in `file`, which had been left. caller: the file of the function that calls it."""

    file: str
    function: str
    caller: str


class Walk:
    """What a command calls. files: paths below cloudkit/ in the order of the first calls; helpers: the beginnings of those that
    are left out.
    """

    def __init__(self, helpers: tuple[str, ...] = ()) -> None:
        self.helpers = helpers
        self.files: list[str] = []
        self.returns: list[Return] = []
        self._open: Counter[str] = Counter()  # functions of each file that have not ended
        self._running: dict[int, FrameType] = {}
        self._handed_out: set[int] = set()  # generators among them that have not begun
        self._called: set[CodeType] = set()
        self._constructors = 0
        self._last = ""

    def note(self, frame: FrameType, event: str, value: object) -> None:
        """What `sys.setprofile` calls."""
        code = frame.f_code
        file = file_of(code)
        if file is None or file.startswith(self.helpers) or event not in ("call", "return"):
            return
        if code.co_name in ("__init__", "__new__", "__post_init__"):
            self._constructors += 1 if event == "call" else -1
        elif event == "call":
            if not self._constructors and (id(frame) not in self._running or id(frame) in self._handed_out):
                self._enter(frame, file)
        elif id(frame) in self._running and not is_suspended(frame):
            del self._running[id(frame)]
            self._open[file] -= 1
        if event == "return" and isinstance(value, GeneratorType) and value.gi_frame is not None:
            made = file_of(value.gi_code)
            if (
                made is not None
                and not made.startswith(self.helpers)
                and id(value.gi_frame) not in self._running
            ):
                self._running[id(value.gi_frame)] = value.gi_frame
                self._handed_out.add(id(value.gi_frame))
                self._open[made] += 1

    def _enter(self, frame: FrameType, file: str) -> None:
        code = frame.f_code
        name, is_new = code.co_qualname, code not in self._called
        self._called.add(code)
        begun = id(frame) in self._handed_out
        self._handed_out.discard(id(frame))
        if code.co_name.startswith(("__", "<")) or "<locals>" in name:
            return
        if file not in self.files:
            self.files.append(file)
        elif is_new and not self._open[file] and file not in (self._last, caller := caller_of(frame)):
            self.returns.append(Return(file, name, caller))
        if is_new:
            self._last = file
        if not begun:
            self._running[id(frame)] = frame
            self._open[file] += 1


def file_of(code: CodeType) -> str | None:
    """The path of a function below cloudkit/; None for what is not a function of cloudkit."""
    if not code.co_flags & OPTIMIZED or not code.co_filename.startswith(str(PACKAGE)):
        return None
    return Path(code.co_filename).relative_to(PACKAGE).as_posix()


def is_suspended(frame: FrameType) -> bool:
    """Whether a frame that hands back a value is a generator that may go on."""
    code = frame.f_code
    return bool(code.co_flags & GENERATOR) and code.co_code[frame.f_lasti] == YIELD


def caller_of(frame: FrameType) -> str:
    """The file of the next function of cloudkit up the stack."""
    back = frame.f_back
    while back is not None:
        found = file_of(back.f_code)
        if found is not None:
            return found
        back = back.f_back
    return ""


def follow(command: Callable[[], object], helpers: tuple[str, ...] = ()) -> Walk:
    """The walk of a command."""
    walk = Walk(helpers)
    before = sys.getprofile()
    sys.setprofile(walk.note)
    try:
        command()
    except SystemExit:
        pass
    finally:
        sys.setprofile(before)
    return walk


if __name__ == "__main__":
    from cloudkit.cli.app import main

    walk = follow(lambda: main(sys.argv[1:]))
    print(*walk.files, f"{len(walk.files)} files", sep="\n", file=sys.stderr)
    print(*(f"return to {file}: {function}, from {caller}" for file, function, caller in walk.returns), f"{len(walk.returns)} returns", sep="\n", file=sys.stderr)  # fmt: skip
