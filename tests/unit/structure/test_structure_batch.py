"""Batches keep order and lose nothing, in one process or several, whatever happens to the workers."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path

import numpy as np
import pytest
from structure_examples import rock_salt_supercell

from cloudkit.errors import CloudkitError, StructureError
from cloudkit.io import Record, as_crystal
from cloudkit.io.pieces import Piece
from cloudkit.structure import ENGINES, Crystal, Symmetry, pool
from cloudkit.structure.batch import CHUNK, find_symmetry_batch
from cloudkit.structure.messages import (
    Task,
    read_answers,
    read_message,
    read_task,
    write_answers,
    write_message,
    write_task,
)
from cloudkit.structure.symmetry import Engine, Search, find_symmetries

SCRIPT = """
import cloudkit.structure as s
made = (s.as_crystal(([[4, 0, 0], [0, 4, 0], [0, 0, 5 + i / 10]], [[0, 0, 0], [.5, .5, .5]], [55, 17])) for i in range({n}))
groups = [found.space_group for record, found in s.find_symmetry_batch(made, jobs=2)]
print(len(groups), set(groups), flush=True)
"""


def _crystals(n: int) -> Iterator[Crystal]:
    """Tetragonal cells with one or two kinds of atom, so that neighbours in the list differ."""
    for i in range(n):
        numbers = [55, 17] if i % 2 else [55, 55]
        yield as_crystal((np.diag([4, 4, 5 + i / 100]), [[0, 0, 0], [0.5, 0.5, 0.5]], numbers))


def _mixed(n: int) -> Iterator[Record]:
    for i, crystal in enumerate(_crystals(n)):
        if i % 7 == 3:
            yield Record(f"r{i}", None, StructureError("S104", "nothing here"))
        elif i % 7 == 5:
            yield Record(f"r{i}", as_crystal((np.eye(3) * 4, [[0, 0, 0], [0, 0, 0]], ["H", "H"])))
        else:
            yield Record(f"r{i}", crystal)


def _summary(results: Iterator[tuple[Record, Symmetry | StructureError]]) -> list[tuple[str, object]]:
    return [(r.id, str(found) if isinstance(found, StructureError) else found) for r, found in results]


def test_workers_give_what_one_process_gives_in_the_same_order() -> None:
    n = 5 * CHUNK + 3
    alone = _summary(find_symmetry_batch(_mixed(n)))
    together = _summary(find_symmetry_batch(_mixed(n), jobs=2))
    assert together == alone
    assert [name for name, _ in alone] == [f"r{i}" for i in range(n)]
    assert {found.space_group for _, found in alone if isinstance(found, Symmetry)} == {123, 139}


def test_the_input_is_read_as_the_results_are_taken() -> None:
    taken = 0

    def counted() -> Iterator[Crystal]:
        nonlocal taken
        for crystal in _crystals(100 * CHUNK):
            taken += 1
            yield crystal

    results = find_symmetry_batch(counted(), jobs=2)
    next(results)
    assert taken <= 6 * CHUNK
    results.close()  # type: ignore[attr-defined]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[pool.Worker]:
    """The workers of the next batch."""
    started: list[pool.Worker] = []

    class Watched(pool.Worker):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(pool, "Worker", Watched)
    return started


def test_a_killed_worker_costs_nothing_but_time(workers: list[pool.Worker]) -> None:
    n = 12 * CHUNK
    results = find_symmetry_batch(_crystals(n), jobs=2)
    first = next(results)
    workers[0].process.kill()
    assert _summary(iter([first, *results])) == _summary(find_symmetry_batch(_crystals(n)))
    assert all(worker.process.poll() is not None for worker in workers)


def test_a_crystal_that_kills_its_worker_is_the_only_one_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine atoms stand for a crystal on which an engine crashes."""

    class Fragile(pool.Worker):
        def ask(self, task: Task, seconds: float) -> bytes:
            if any(len(crystal) == 9 for crystal in task.crystals):
                self.await_ready()
                self.process.send_signal(signal.SIGSEGV)
            return super().ask(task, seconds)

    monkeypatch.setattr(pool, "Worker", Fragile)
    crystals = list(_crystals(3 * CHUNK))
    deadly = as_crystal((np.eye(3) * 9, [[i / 9, 0, 0] for i in range(9)], [55] * 9))
    crystals[CHUNK + 5] = deadly
    answers = [found for _, found in find_symmetry_batch(crystals, jobs=2)]
    failed = {i: str(found) for i, found in enumerate(answers) if isinstance(found, StructureError)}
    assert list(failed) == [CHUNK + 5]
    assert "S305: the worker process was killed by SIGSEGV" in failed[CHUNK + 5]


def test_workers_that_die_on_everything_are_an_error_and_not_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(pool.Worker):
        def ask(self, task: Task, seconds: float) -> bytes:
            self.await_ready()
            self.process.kill()
            return super().ask(task, seconds)

    monkeypatch.setattr(pool, "Worker", Dying)
    monkeypatch.setattr(pool, "MOST_DEATHS", 4)
    with pytest.raises(CloudkitError, match="4 worker processes died one after another: S305"):
        list(find_symmetry_batch(_crystals(3 * CHUNK), jobs=2))


def test_a_crystal_past_the_time_limit_is_given_up_and_the_others_go_on() -> None:
    crystals = list(_crystals(2 * CHUNK))
    crystals[7] = as_crystal(rock_salt_supercell(14))  # 21,952 atoms: minutes
    started = time.monotonic()
    answers = [found for _, found in find_symmetry_batch(crystals, jobs=2, max_sites=10**6, max_seconds=3.0)]
    assert time.monotonic() - started < 40
    failed = {i: found for i, found in enumerate(answers) if isinstance(found, StructureError)}
    assert list(failed) == [7]
    assert failed[7].code == "S304"


def test_a_cell_past_the_limit_of_atoms_is_refused_in_its_row() -> None:
    crystals = [*_crystals(2), as_crystal(rock_salt_supercell(11))]  # 10,648 atoms
    for engine in ENGINES:
        answers = [found for _, found in find_symmetry_batch(crystals, engine=engine)]
        assert [isinstance(found, Symmetry) for found in answers] == [True, True, False]
        assert str(answers[2]).startswith("S207: the cell has 10648 atoms")


def test_workers_that_cannot_start_are_an_error_and_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CloudkitError, match="ended with exit code 1 before it was ready"):
        list(find_symmetry_batch(_crystals(3), jobs=2))


def test_threads_of_spglib_give_what_one_process_gives_and_start_no_worker(
    workers: list[pool.Worker],
) -> None:
    n = 3 * CHUNK + 3
    alone = _summary(find_symmetry_batch(_mixed(n), engine="spglib"))
    assert _summary(find_symmetry_batch(_mixed(n), engine="spglib", jobs=2)) == alone
    assert workers == []


def test_python_goes_on_while_spglib_searches() -> None:
    random = np.random.default_rng(0)
    big = as_crystal((np.eye(3) * 30, random.random((1500, 3)), [6] * 1500))
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.extend(find_symmetry_batch([big], engine="spglib")))
    thread.start()
    steps = 0
    while thread.is_alive():
        time.sleep(0.001)
        steps += 1
    assert len(done) == 1
    assert steps > 20  # with the GIL held there is one


def test_an_unknown_engine_or_no_jobs_fail_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="unknown engine"):
        find_symmetry_batch([], engine="magic")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="jobs"):
        find_symmetry_batch([], jobs=0)


def test_a_script_without_main_guard_and_one_on_standard_input_both_work(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(SCRIPT.format(n=100))
    as_file = subprocess.run(
        [sys.executable, "plain.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    as_input = subprocess.run(
        [sys.executable], input=SCRIPT.format(n=100), capture_output=True, text=True, timeout=60
    )
    for done in (as_file, as_input):
        assert (done.returncode, done.stdout, done.stderr) == (0, "100 {123}\n", "")


def _children(process: int) -> set[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="worker processes are found in /proc")
@pytest.mark.parametrize("wait", [0.0, 2.0])  # while the workers start, and at work
def test_an_interrupt_ends_the_script_and_its_workers(wait: float) -> None:
    script = SCRIPT.format(n=10**7).replace("groups =", "print('go', flush=True)\ngroups =")
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    while len(workers := _children(process.pid)) < 2:
        time.sleep(0.01)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    patience = time.monotonic() + 20  # one that had just been forked ends when it finds its input closed
    while running := [worker for worker in workers if _runs(worker)]:
        assert time.monotonic() < patience, running
        time.sleep(0.05)


@pytest.mark.parametrize("engine", ["moyo", "spglib"])
def test_who_takes_results_holds_no_lock_that_an_interrupt_could_leave_taken(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    crystal = as_crystal(([[4, 0, 0], [0, 4, 0], [0, 0, 5]], [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17]))
    found = find_symmetry_batch(repeat(crystal), engine=engine, jobs=2)
    next(found)  # the threads run
    taken, enter = [], threading.Condition.__enter__

    def watched(condition: threading.Condition) -> bool:
        taken.append(threading.get_ident())
        return enter(condition)

    monkeypatch.setattr(threading.Condition, "__enter__", watched)
    assert sum(1 for _ in islice(found, 1000)) == 1000
    assert threading.get_ident() not in taken
    monkeypatch.undo()
    found.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if "_serve" in thread.name]


def test_an_iterator_that_nobody_ends_does_not_keep_the_interpreter() -> None:
    made, _, _ = SCRIPT.format(n=10**7).partition("groups")
    script = made + "kept = s.find_symmetry_batch(made, jobs=2)\nnext(kept)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_messages_carry_tasks_and_answers_unchanged() -> None:
    crystals = [
        *_crystals(3),
        as_crystal((np.eye(3), [], [])),
        as_crystal((np.eye(3), [[0, 0, 0]], [{"Fe2+": 0.5, "Ni": 0.5}])),
    ]
    task = Task(Search("spglib", 0.02, 5.0, True, 77), [Piece("a.cif", "/b/a.cif", "cif")], crystals, True)
    got = read_task(write_task(task))
    assert (got.search, got.pieces, got.with_crystals) == (task.search, task.pieces, True)
    for a, b in zip(got.crystals, crystals, strict=True):
        assert (a.species, a.written) == (b.species, b.written)
        for name in ("lattice", "positions", "labels"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    answers = find_symmetries(crystals, Search("spglib"))
    assert list(map(repr, read_answers(write_answers(answers)))) == list(map(repr, answers))


def test_numbers_of_numpy_reach_the_worker_as_numbers() -> None:
    species = ((("Fe", np.float64(0.5)), ("Ni", np.float64(0.5))),)
    crystal = Crystal(np.eye(3) * 3, np.zeros((1, 3)), np.zeros(1, np.int32), species)
    search = Search("moyo", np.float64(0.02), np.float64(5), np.bool_(True), np.int64(9))  # type: ignore[arg-type]
    got = read_task(write_task(Task(search, crystals=[crystal])))
    assert (got.search, got.crystals[0].species) == (search, species)
    assert got.search is not None
    (answer,) = find_symmetries(got.crystals, got.search)
    assert read_answers(write_answers([answer])) == [answer]


def test_a_message_cut_short_is_the_end_of_the_conversation() -> None:
    pipe = io.BytesIO()
    write_message(pipe, b"hello")
    assert read_message(io.BytesIO(pipe.getvalue())) == b"hello"
    for length in (0, 3, 9):
        with pytest.raises(EOFError):
            read_message(io.BytesIO(pipe.getvalue()[:length]))
