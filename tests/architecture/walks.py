"""The files that a command walks through, in the order in which it first enters them.

    python -m tests.architecture.walks encode crystal.cif

Counts calls of functions in cloudkit; what runs when a module is imported is left out.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import cloudkit

PACKAGE = Path(cloudkit.__file__).parent
OPTIMIZED = 1  # of co_flags: a function, and not the body of a module or class


def files_entered(command: Callable[[], object]) -> list[str]:
    """Paths below cloudkit/ of the files whose functions a command calls."""
    found: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_flags & OPTIMIZED and code.co_filename.startswith(str(PACKAGE)):
            found.setdefault(Path(code.co_filename).relative_to(PACKAGE).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        command()
    except SystemExit:
        pass
    finally:
        sys.setprofile(before)
    return list(found)


if __name__ == "__main__":
    from cloudkit.cli.app import main

    entered = files_entered(lambda: main(sys.argv[1:]))
    print(*entered, f"{len(entered)} files", sep="\n", file=sys.stderr)
