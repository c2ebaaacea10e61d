"""Worker processes for a batch: a structure on which one dies or takes too long is the only one that fails."""

from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import Final

from cloudkit.errors import CloudkitError
from cloudkit.io.pieces import Piece
from cloudkit.io.record import Record
from cloudkit.structure.messages import Entry, Task, read_answers, read_entries
from cloudkit.structure.process import Lost, Worker
from cloudkit.structure.symmetry import Answer, Search

MOST_DEATHS: Final = (
    20  # in a row; then it is not the structures, and starting a process for each would take days
)


class Pool:
    """`jobs` worker processes; `ask` may be called from as many threads.

    seconds: how long one task may take. A task that fails is tried again structure by structure.
    """

    def __init__(self, jobs: int, search: Search, seconds: float, with_crystals: bool) -> None:
        self.search, self.seconds, self.with_crystals = search, seconds, with_crystals
        self.deaths = 0  # one after another
        self.workers: list[Worker] = []
        self.idle: SimpleQueue[Worker] = SimpleQueue()
        try:
            for _ in range(jobs):
                self.workers.append(Worker())
                self.idle.put(self.workers[-1])
        except BaseException:
            self.stop()
            raise

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

    def _ask(self, worker: Worker, items: Sequence[Record | Piece]) -> list[Entry]:
        pieces = [item for item in items if isinstance(item, Piece)]
        if pieces:
            task = Task(self.search, pieces, with_crystals=self.with_crystals)
            return [entry for of_piece in read_entries(worker.ask(task, self.seconds)) for entry in of_piece]
        records = [item for item in items if isinstance(item, Record)]
        crystals = [record.crystal for record in records if record.crystal is not None]
        task = Task(self.search, crystals=crystals)
        answers = iter(read_answers(worker.ask(task, self.seconds)) if crystals else ())
        return [Entry(record, answer_of(record, answers)) for record in records]

    def _ask_again(self, worker: Worker, item: Record | Piece) -> Iterator[Entry]:
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
                self.deaths = 0
            except Lost as lost:
                self.deaths += lost.error.code == "S305"
                if self.deaths == MOST_DEATHS:
                    raise CloudkitError(
                        f"{MOST_DEATHS} worker processes died one after another: {lost}"
                    ) from lost
                yield Entry(record, lost.error)


def answer_of(record: Record, answers: Iterator[Answer]) -> Answer:
    """The next of the answers, which are those of the crystals alone; without a crystal, the reason why."""
    return record.reason if record.crystal is None else next(answers)
