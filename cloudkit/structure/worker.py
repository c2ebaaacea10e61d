"""A worker process: `python -m cloudkit.structure.worker` reads tasks from standard input and writes replies.

Its first message is empty and says that it is ready.
"""

import os

from cloudkit.io.read import read_pieces
from cloudkit.structure.batch import answer_records
from cloudkit.structure.messages import (
    Entry,
    Task,
    read_message,
    read_task,
    write_answers,
    write_entries,
    write_message,
)
from cloudkit.structure.symmetry import find_symmetries


def serve() -> None:
    """Answer messages until the parent closes the pipe or is gone.

    Whatever an engine prints goes to standard error:
    standard output carries answers only.
    """
    replies_to = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(0, "rb", closefd=False) as source, os.fdopen(replies_to, "wb") as sink:
        reply = b""
        while True:
            try:
                write_message(sink, reply)
                task = read_task(read_message(source))
            except EOFError:
                return
            except BrokenPipeError:
                os._exit(1)
            reply = run(task)


def run(task: Task) -> bytes:
    """The reply to one task."""
    if task.search is not None and not task.pieces:
        return write_answers(find_symmetries(task.crystals, task.search))
    records = list(read_pieces(task.pieces))
    flat = [record for of_piece in records for record in of_piece]
    answers = iter(answer_records(flat, task.search) if task.search else [None] * len(flat))
    keep = task.with_crystals
    return write_entries(
        [
            [Entry(record if keep else record._replace(crystal=None), next(answers)) for record in of_piece]
            for of_piece in records
        ]
    )


if __name__ == "__main__":
    serve()
