"""A worker process: `python -m cloudkit.structure.worker` reads crystals from standard input and writes
their symmetry.
"""

import os
import signal

from cloudkit.structure.messages import read_message, read_tasks, write_answers, write_message
from cloudkit.structure.symmetry import find_symmetries


def serve() -> None:
    """Answer messages until the parent closes the pipe or is gone.

    Ctrl-C is the parent's to handle. Whatever an engine prints goes to standard error:
    standard output carries answers only.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers_to = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(0, "rb", closefd=False) as source, os.fdopen(answers_to, "wb") as sink:
        while True:
            try:
                message = read_message(source)
            except EOFError:
                return
            task, crystals = read_tasks(message)
            try:
                write_message(sink, write_answers(find_symmetries(crystals, task)))
            except BrokenPipeError:
                os._exit(1)


if __name__ == "__main__":
    serve()
