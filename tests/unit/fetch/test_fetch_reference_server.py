"""Against the optimade package's own server, through a proxy that damages answers, with the process killed on the way."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudkit.fetch import Client, fetch_optimade
from cloudkit.io import read_structure_rows

from .providers import damaging, serving

pytest.importorskip("optimade.server.config", reason="the reference server needs optimade[server]")
COPIES = 20
CLOUDKIT = (sys.executable, "-c", "from cloudkit.cli import main; main()")
SERVER = Path(__file__).with_name("reference_server.py")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The base URL of the reference server with 340 structures."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(port), str(COPIES)], stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(lambda: _is_up(process, url), 120)
        yield url
    finally:
        process.kill()
        process.wait()


def _is_up(process: "subprocess.Popen[bytes]", url: str) -> bool:
    assert process.poll() is None, "the reference server ended"
    try:
        with urllib.request.urlopen(f"{url}/v1/info", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _await(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in read_structure_rows(path)]


def _all_ids(server: str) -> set[str]:
    with urllib.request.urlopen(f"{server}/v1/structures?page_limit=500") as answer:
        return {entry["id"] for entry in json.load(answer)["data"]}


def test_every_structure_comes_exactly_once_through_faults_and_three_kills(
    server: str, tmp_path: Path
) -> None:
    asked: list[int] = []
    damage = damaging(server)

    def counted(handler: Any, number: int) -> None:
        asked.append(number)
        damage(handler, number)

    folder = tmp_path / "shards"
    with serving(counted) as proxy:
        command = [*CLOUDKIT, "fetch", "optimade", proxy, "--json"]
        command += ["--page-limit", "5", "--shard-rows", "15", "-o", str(folder)]
        for kill in range(1, 4):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            enough = len(asked) + 10 * kill
            _await(lambda enough=enough: len(asked) >= enough, 120)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert 0 < len(_rows(folder)) < 17 * COPIES
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["received"], outcome["repeated"], outcome["complete"]) == (17 * COPIES, 0, True)
    ids = [row["id"] for row in _rows(folder)]
    assert len(ids) == 17 * COPIES
    assert set(ids) == _all_ids(server)

    unbroken = fetch_optimade(server, tmp_path / "unbroken", Client(), page_limit=500)
    assert unbroken.problems == ()
    assert _rows(folder) == _rows(tmp_path / "unbroken")


def test_a_filter_is_applied_and_encode_reads_the_folder(server: str, tmp_path: Path) -> None:
    outcome = fetch_optimade(server, tmp_path / "some", Client(), filter='elements HAS "Ag" AND nsites<4')
    assert outcome.complete
    assert 0 < outcome.received < 17 * COPIES
    done = subprocess.run(
        [*CLOUDKIT, "encode", str(tmp_path / "some"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == outcome.received
    assert all(line["id"].startswith("exmpl/mpf_") for line in lines)


def test_a_filter_that_the_provider_refuses_is_said_in_its_words(server: str, tmp_path: Path) -> None:
    outcome = fetch_optimade(server, tmp_path, Client(), filter="nonsense!")
    assert (outcome.received, outcome.complete) == (0, False)
    assert "answered 400" in outcome.problems[0]
