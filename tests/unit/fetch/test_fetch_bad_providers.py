"""Providers that are down, busy, slow or lie: what is wrong is named, what was finished stays, the next run goes on."""

import errno
import socket
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloudkit.errors import FetchError
from cloudkit.fetch import Client, Outcome, fetch_optimade, folder
from cloudkit.io import read_structure_rows, read_structures

from .providers import Answer, entry, page, send, serving


def client(attempts: int = 3, seconds: float = 30.0) -> Client:
    return Client(attempts, seconds, pause=0.001)


def ids(shards: Path) -> list[str]:
    return [row["id"] for path in sorted(shards.glob("*.parquet")) for row in read_structure_rows(path)]


def pages(*contents: Any) -> Answer:
    """Answer /v1/structures?at=N with the N-th content: a page without links.next, which is added, or a function."""

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        at = int(handler.path.partition("at=")[2] or 0)
        content = contents[at]
        if callable(content):
            return content(handler, number)
        if at + 1 < len(contents) and content["links"]["next"] is None:
            content["links"]["next"] = f"/v1/structures?at={at + 1}"
        return send(handler, content)

    return answer


def fetched(answer: Answer, shards: Path, **options: Any) -> Outcome:
    with serving(answer) as url:
        return fetch_optimade(url, shards, options.pop("by", client()), **options)


def fail(status: int, **headers: str) -> Answer:
    return lambda handler, number: send(handler, {"errors": [{"detail": "no"}]}, status, **headers)


def test_pages_are_followed_to_the_end_and_rows_keep_their_origin(tmp_path: Path) -> None:
    answer = pages(page([entry("a"), entry("b")], returned=3), page([entry("c")], returned=3))
    outcome = fetched(answer, tmp_path)
    assert outcome[1:] == ("test", 3, 0, 0, 3, True, ())
    assert ids(tmp_path) == ["a", "b", "c"]
    records = list(read_structures([tmp_path]))
    assert [record.id for record in records] == ["test/a", "test/b", "test/c"]
    assert all(record.crystal is not None and len(record.crystal) == 2 for record in records)


@pytest.mark.parametrize("form", ["relative", "absolute", "object"])
def test_the_next_link_may_be_written_in_every_way_of_the_specification(tmp_path: Path, form: str) -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        link = "/v1/structures?at=1"
        link = link if form == "relative" else f"http://{handler.headers['Host']}{link}"
        following = {"href": link, "meta": {}} if form == "object" else link
        send(handler, page([entry(str(number))], following if number == 1 else None))

    assert fetched(answer, tmp_path).received == 2


def test_a_provider_that_is_down_is_named_and_the_next_run_goes_on(tmp_path: Path) -> None:
    calm = [page([entry("a")]), page([entry("b")]), page([entry("c")])]
    answers = pages(
        calm[0],
        calm[1],
        lambda handler, number: send(handler, calm[2]) if number > 6 else fail(503)(handler, number),
    )
    with serving(answers) as url:
        first = fetch_optimade(url, tmp_path, client())
        assert (first.received, first.complete) == (2, False)
        assert "answered 503; asked 3 times" in first.problems[0]
        second = fetch_optimade(url, tmp_path, client())
        third = fetch_optimade(url, tmp_path, client())
    assert ids(tmp_path) == ["a", "b", "c"]
    assert second.problems == third.problems == ()
    gone = fetch_optimade(url, tmp_path / "other", client())
    assert "no answer" in gone.problems[0]


def test_half_a_surrogate_pair_is_written_out_wherever_it_stands(tmp_path: Path) -> None:
    strange = page([entry("\ud800"), {"id": "b", "\ud800": 1}])
    strange["meta"]["provider"] = {"prefix": "\udfff"}
    assert fetched(pages(strange), tmp_path)[1:4] == (r"\udfff", 2, 1)
    assert ids(tmp_path) == [r"\ud800", "b"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_provider_is_given_the_time_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    calm, pauses = pages(page([entry("a")])), list[float]()
    monkeypatch.setattr(
        "cloudkit.fetch.http.time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic)
    )
    busy = fail(status, Retry_After="7")
    assert fetched(lambda h, n: busy(h, n) if n == 1 else calm(h, n), tmp_path).received == 1
    assert pauses == [7]


def test_an_unknown_host_is_given_up_after_the_second_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def unknown(host: str, *_: Any, **__: Any) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = fetch_optimade("http://optimade.nowhere", tmp_path / "out", client(attempts=8))
    assert asked == ["optimade.nowhere"] * 2
    assert "the host optimade.nowhere is unknown; check the address" in found.problems[0]


def test_a_provider_that_asks_for_an_hour_is_left_alone(tmp_path: Path) -> None:
    outcome = fetched(fail(503, Retry_After="3600"), tmp_path)
    assert "it asks to come back in 3,600 s" in outcome.problems[0]


def test_an_answer_that_drips_is_given_up_at_the_time_limit(tmp_path: Path) -> None:
    def drip(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" " * 20)
            time.sleep(0.05)

    outcome = fetched(drip, tmp_path, by=client(attempts=1, seconds=0.4))
    assert not outcome.complete
    assert "took longer than 0.4 s" in outcome.problems[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (fail(404), "answered 404: no"),
        (lambda handler, number: send(handler, b"<html>"), "not JSON"),
        (lambda handler, number: send(handler, [1]), "not an OPTIMADE provider"),
        (lambda handler, number: send(handler, {"data": {}, "meta": {}}), "lacks the list 'data'"),
        (pages(page([entry("a")], "file:///etc/passwd")), "not an address"),
        (pages(page([entry("a")], 7)), "not an address"),
        (pages(page([entry("a")], "http://[")), "not an address"),
        (pages(page([entry("a")], "http://\ud800/")), "not an address"),
        (pages(page([entry("a")], "/v1/structures?at=0"), page([])), "form a loop"),
        (pages(*(page([]) for _ in range(12))), "had nothing new"),
        (pages(page([entry("a")], returned=5)), "promised 5 structures and sent 1 different"),
        (pages(page([entry("a")], more_data_available=True)), "no link to the next page"),
    ],
)
def test_what_makes_no_sense_is_named_and_the_rest_is_kept(
    tmp_path: Path, answer: Answer, words: str
) -> None:
    outcome = fetched(answer, tmp_path)
    assert words in outcome.problems[-1] or words in outcome.problems[0]
    assert len(ids(tmp_path)) == outcome.received


def test_entries_that_come_twice_are_left_out_and_counted(tmp_path: Path) -> None:
    outcome = fetched(pages(page([entry("a"), entry("b")]), page([entry("b"), entry("c")])), tmp_path)
    assert (outcome.received, outcome.repeated) == (3, 1)
    assert ids(tmp_path) == ["a", "b", "c"]


def test_malformed_entries_are_rows_with_a_reason(tmp_path: Path) -> None:
    bad = [
        entry("x", lattice_vectors="cubic"),
        {"type": "structures"},
        "text",
        {"id": "y"},
        entry("z", nsites=[1]),
    ]
    outcome = fetched(pages(page([entry("a"), *bad, entry("b")])), tmp_path)
    assert (outcome.received, outcome.failed) == (7, 5)
    failed = {record.id: str(record.error) for record in read_structures([tmp_path]) if record.error}
    assert list(failed) == ["test/x", "test/entry 3 of page 1", "test/entry 4 of page 1", "test/y", "test/z"]
    assert "lattice_vectors is cubic" in failed["test/x"]
    assert "has no id" in failed["test/entry 3 of page 1"]
    assert "nsites is [1]" in failed["test/z"]


def test_a_full_disk_costs_only_the_shard_that_did_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = pages(page([entry("a")]), page([entry("b")]), page([entry("c")]))
    with serving(answer) as url:
        with monkeypatch.context() as patched:
            written: list[int] = []

            def fsync(handle: int) -> None:
                written.append(handle)
                if len(written) > 1:
                    raise OSError(errno.ENOSPC, "No space left on device")

            patched.setattr(folder.os, "fsync", fsync)
            first = fetch_optimade(url, tmp_path, client(), shard_rows=1)
        assert ids(tmp_path) == ["a"]
        assert (first.received, first.complete) == (1, False)
        assert "No space left" in first.problems[0]
        assert [path.name for path in tmp_path.iterdir() if path.suffix != ".parquet"] == []
        assert fetch_optimade(url, tmp_path, client(), shard_rows=1).problems == ()
    assert ids(tmp_path) == ["a", "b", "c"]


def test_a_damaged_last_shard_is_fetched_again_and_an_earlier_one_is_named(tmp_path: Path) -> None:
    answer = pages(page([entry("a")]), page([entry("b")]), page([entry("c")]))
    with serving(answer) as url:
        fetch_optimade(url, tmp_path, client(), shard_rows=1)
        first, *_, last = sorted(tmp_path.glob("*.parquet"))
        whole = last.read_bytes()
        last.write_bytes(whole[: len(whole) // 2])
        again = fetch_optimade(url, tmp_path, client(), shard_rows=1)
        assert "was damaged and is fetched again" in again.problems[0]
        assert ids(tmp_path) == ["a", "b", "c"]
        first.write_bytes(b"")
        with pytest.raises(FetchError, match="delete it and the shards after it"):
            fetch_optimade(url, tmp_path, client())
        first.unlink()
        with pytest.raises(FetchError, match="is missing"):
            fetch_optimade(url, tmp_path, client())


def test_a_folder_of_another_request_or_schema_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(pages(page([entry("a")]))) as url:
        fetch_optimade(url, tmp_path, client())
        with pytest.raises(FetchError, match="choose another folder"):
            fetch_optimade(url, tmp_path, client(), filter="nsites=1")
        monkeypatch.setattr(folder, "SCHEMA", 2)
        with pytest.raises(FetchError, match="has schema 1"):
            fetch_optimade(url, tmp_path, client())


def test_two_fetches_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    with (
        folder.locked(tmp_path),
        pytest.raises(FetchError, match="another fetch"),
        serving(pages(page([]))) as url,
    ):
        fetch_optimade(url, tmp_path, client())


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "https://example.org/?a=b", "https://"])
def test_what_is_no_base_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchError, match="give the base URL"):
        fetch_optimade(url, tmp_path, client())


def test_ids_are_remembered_beyond_the_newest() -> None:
    ids = folder.IdSet()
    names = [str(i) for i in range(250_000)]
    assert all(ids.add(names[:120_000]))
    assert all(ids.add(names[120_000:]))
    assert not any(ids.add(names[::97]))
    assert ids.add(["new", "new"]) == [True, False]
