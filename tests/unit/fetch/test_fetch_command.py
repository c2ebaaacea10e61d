"""`cloudkit fetch` as a user meets it: exit codes, the ledger, and the folder as the input of other verbs."""

import json
from pathlib import Path

import pytest

from cloudkit.cli import main

from .providers import entry, page, send, serving


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of one command."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return (int(ended.value.code or 0), *capsys.readouterr())


def test_malformed_entries_are_in_the_ledger_of_every_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = page([entry("a"), entry("b", nsites="two"), entry("c", dimension_types=[1, 1, 0])], returned=3)
    folder, ledger = tmp_path / "shards", tmp_path / "failed.jsonl"
    with serving(lambda handler, number: send(handler, answer)) as url:
        for _ in range(2):
            ledger.unlink(missing_ok=True)
            code, out, err = run(
                capsys, "fetch", "optimade", url, "-o", folder, "--failures", ledger, "--json"
            )
            assert code == 1
            assert json.loads(out) == {
                "url": url,
                "provider": "test",
                "received": 3,
                "failed": 1,
                "repeated": 0,
                "stated": 3,
                "complete": True,
                "problems": [],
            }
            assert "3 structures, 1 malformed, complete" in err
            (failure,) = map(json.loads, ledger.read_text().splitlines())
            assert (failure["id"], failure["code"]) == ("test/b", "S112")
            assert "nsites is two" in failure["message"]
    code, out, _ = run(capsys, "encode", folder, "--json")
    rows = {row["id"]: row.get("code", "ok") for row in map(json.loads, out.splitlines())}
    assert (code, rows) == (1, {"test/a": "ok", "test/b": "S112", "test/c": "S113"})


def test_one_provider_that_is_gone_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with serving(lambda handler, number: send(handler, page([entry("a")]))) as gone:
        pass
    with serving(lambda handler, number: send(handler, page([entry("a")]))) as url:
        code, _, err = run(capsys, "fetch", "optimade", gone, url, "-o", tmp_path, "--attempts", 1)
    assert code == 1
    assert f"warning: {gone}" in err
    assert f"{gone}: 0 structures, 0 malformed, incomplete: run the same command again" in err
    assert f"{url}: 1 structure, 0 malformed, complete" in err
    code, _, err = run(capsys, "fetch", "optimade", gone, "-o", tmp_path / "none", "--attempts", 1)
    assert code == 2
    assert "nothing was fetched" in err


def test_what_cannot_work_is_said_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert (
        "name a folder" in run(capsys, "fetch", "optimade", "http://127.0.0.1:1", "-o", tmp_path / "file")[2]
    )
    code, _, err = run(capsys, "fetch", "optimade", "example.org", "-o", tmp_path / "new")
    assert (code, "give the base URL" in err) == (2, True)
    assert not (tmp_path / "new").exists()
    assert run(capsys, "fetch", "mongodb", "http://127.0.0.1:1", "-o", tmp_path)[0] == 2
