"""Many structures: symmetry in order and in bounded memory, in this process, on threads or in worker processes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final
from weakref import finalize

from cloudkit.errors import OptionError
from cloudkit.io.formats import find_pieces
from cloudkit.io.pieces import Piece
from cloudkit.io.read import read_pieces
from cloudkit.io.record import Record
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.messages import Entry
from cloudkit.structure.pool import Pool, answer_of
from cloudkit.structure.symmetry import Answer, Engine, Search, find_symmetries

# structures taken at once, which runs each step while its code is cached; with 32, the parent of two workers wakes
# twice as often and two jobs take 10 % longer, 128 and 256 are as fast as 64
CHUNK: Final = 64
CHUNK_SITES: Final = 5_000  # atoms after which a chunk is full
# atoms of one cell; moyo takes 2 s for so many, spglib 5 s, and the time grows with the square
MAX_SITES: Final = 5_000
MAX_SECONDS: Final = 60.0

Result = tuple[Record, Answer]
Chunk = list[Record | Piece]
Reply = SimpleQueue[list[Entry] | BaseException]
Todo = SimpleQueue[tuple[Chunk, Reply] | None]


def find_symmetry_batch(
    records: Iterable[Record | Crystal],
    *,
    engine: Engine | None = None,
    symprec: float = 1e-2,
    angle_tolerance: float | None = None,
    by_written: bool = False,
    jobs: int = 1,
    max_sites: int = MAX_SITES,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[Result]:
    """(record, Symmetry or the reason why there is none) per record, in order. A bare Crystal's id is its
    number from 0.

    jobs: threads for spglib, which run without the GIL; worker processes for moyo. The input is read as the results
    are taken. A cell of more than max_sites atoms is S207. A worker that needs more than max_seconds for one crystal
    is replaced, and the crystal is S304; one that dies costs the crystal it was on (S305).
    Other options as in find_symmetry.
    """
    search = Search(engine, symprec, angle_tolerance, by_written, max_sites)
    _check(search, jobs, max_seconds)
    named = (item if isinstance(item, Record) else Record(str(i), item) for i, item in enumerate(records))
    if jobs == 1:
        return _in_this_process(named, search)
    if engine == "spglib" and _frees_the_gil():
        return _spread(_chunks(named), lambda chunk: _answer(chunk, search), jobs)
    return _in_workers(named, search, jobs, max_seconds, with_crystals=False)


def find_symmetry_in_files(
    inputs: Iterable[str | Path],
    *,
    engine: Engine | None = None,
    symprec: float = 1e-2,
    angle_tolerance: float | None = None,
    by_written: bool = False,
    jobs: int = 1,
    max_sites: int = MAX_SITES,
    max_seconds: float = MAX_SECONDS,
    with_crystals: bool = True,
) -> Iterator[Result]:
    """The same for the structures in files, as read_structures finds them; with several jobs the workers read them.

    with_crystals: False leaves `crystal` of the records empty where that saves time.
    """
    search = Search(engine, symprec, angle_tolerance, by_written, max_sites)
    _check(search, jobs, max_seconds)
    pieces = find_pieces(inputs)
    if jobs == 1:
        return _in_this_process((record for records in read_pieces(pieces) for record in records), search)
    return _in_workers(pieces, search, jobs, max_seconds, with_crystals)


def answer_records(records: Iterable[Record], search: Search) -> Iterator[Answer]:
    """One answer per record: a record without a crystal keeps its error."""
    given = list(records)
    found = iter(find_symmetries([r.crystal for r in given if r.crystal is not None], search))
    for record in given:
        yield answer_of(record, found)


def _check(search: Search, jobs: int, max_seconds: float) -> None:
    search.check()
    if jobs < 1:
        raise OptionError(f"jobs must be at least 1, not {jobs}")
    if not max_seconds > 0:
        raise OptionError(f"max_seconds must be more than 0, not {max_seconds}")


def _frees_the_gil() -> bool:
    from cloudkit.structure.engine_spglib import find_library

    return find_library() is not None


def _chunks(items: Iterable[Record | Piece]) -> Iterator[Chunk]:
    """Items in groups of about CHUNK structures or CHUNK_SITES atoms."""
    chunk: Chunk = []
    structures = sites = 0
    for item in items:
        chunk.append(item)
        structures += item.structures if isinstance(item, Piece) else 1
        sites += _weigh(item)
        if structures >= CHUNK or sites >= CHUNK_SITES:
            yield chunk
            chunk, structures, sites = [], 0, 0
    if chunk:
        yield chunk


def _weigh(item: Record | Piece) -> int:
    """About how many atoms there are: a text has some 60 characters for each."""
    if isinstance(item, Piece):
        return len(item.text) // 60
    return len(item.crystal) if item.crystal is not None else 0


def _answer(chunk: Chunk, search: Search) -> list[Entry]:
    records = [item for item in chunk if isinstance(item, Record)]
    return list(map(Entry, records, answer_records(records, search)))


def _in_this_process(records: Iterable[Record], search: Search) -> Iterator[Result]:
    for chunk in _chunks(records):
        yield from map(_result, _answer(chunk, search))


def _in_workers(
    items: Iterable[Record | Piece], search: Search, jobs: int, seconds: float, with_crystals: bool
) -> Iterator[Result]:
    pool = Pool(jobs, search, seconds, with_crystals)
    yield from _spread(_chunks(items), pool.ask, jobs, pool.stop)


def _spread(
    chunks: Iterator[Chunk],
    work: Callable[[Chunk], list[Entry]],
    jobs: int,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Chunks on `jobs` threads, results in order; no more than a few chunks are ahead of what is taken. stop: ends what
    the threads work with, called once and however this ends.

    All that passes between threads are SimpleQueues. The locks of futures and executors are taken in Python, where Ctrl-C can
    strike between a lock and what would release it: everybody then waits for ever.
    """
    todo: Todo = SimpleQueue()
    waiting: deque[Reply] = deque()
    threads = [Thread(target=_serve, args=(todo, work), daemon=True) for _ in range(jobs)]
    # runs as the interpreter ends, too, if nobody ends this iterator
    end = finalize(waiting, _end, todo, threads, stop)
    try:
        for thread in threads:
            thread.start()
        for chunk in chunks:
            reply: Reply = SimpleQueue()
            waiting.append(reply)
            todo.put((chunk, reply))
            if len(waiting) > 2 * jobs:
                yield from map(_result, _taken(waiting.popleft()))
        while waiting:
            yield from map(_result, _taken(waiting.popleft()))
    finally:
        end()


def _serve(todo: Todo, work: Callable[[Chunk], list[Entry]]) -> None:
    """What a thread does: one chunk after another, until there is none."""
    while (given := todo.get()) is not None:
        chunk, reply = given
        try:
            reply.put(work(chunk))
        except BaseException as error:  # for the thread that asked
            reply.put(error)


def _taken(reply: Reply) -> list[Entry]:
    found = reply.get()
    if isinstance(found, BaseException):
        raise found
    return found


def _end(todo: Todo, threads: list[Thread], stop: Callable[[], None]) -> None:
    """Give up what is begun, leave what is not, and wait for the threads."""
    stop()
    with suppress(Empty):
        while True:
            todo.get_nowait()
    for _ in threads:
        todo.put(None)
    for thread in threads:
        if thread.is_alive():
            thread.join()


def _result(entry: Entry) -> Result:
    record, answer = entry
    return record, answer if answer is not None else record.reason
