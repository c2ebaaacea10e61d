"""Encoding into a folder of shards: what is finished stays, what is not is named, and the next run goes on."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cloudkit.corpus import encode as module
from cloudkit.corpus import encode_corpus, read_failures
from cloudkit.encoding import EncodeOptions, encode
from cloudkit.errors import CloudkitError, DataError
from cloudkit.io import Manifest, Shard, read_table

from .corpus_examples import rock_salt, write_parquet

SIZE = 20


@pytest.fixture
def structures_folder(tmp_path: Path) -> Path:
    """Two files of 60 and 40 structures in row groups of 20, one in ten of them without volume."""
    folder = tmp_path / "structures"
    folder.mkdir()
    write_parquet(folder / "a.parquet", range(60))
    write_parquet(folder / "b.parquet", range(60, 100))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def run(structures_folder: Path, folder: Path, **options: object) -> module.CorpusResult:
    return encode_corpus([structures_folder], folder, EncodeOptions(), **({"size": SIZE} | options))  # type: ignore[arg-type]


def test_every_structure_is_a_row_or_a_failure_in_the_order_of_the_input(
    structures_folder: Path, tmp_path: Path
) -> None:
    report = run(structures_folder, tmp_path / "out")
    table = read_table(tmp_path / "out")
    failed = [entry["id"] for entry in read_failures(tmp_path / "out")]
    assert report.counts == {"given": 100, "rows": 90, "failed": 10}
    assert table.column("id") == [f"salt-{n}" for n in range(100) if n % 10 != 9]
    assert failed == [f"salt-{n}" for n in range(9, 100, 10)]
    assert table.column("scope")[0] == encode({**rock_salt(0), "frac": rock_salt(0)["positions"]})


def test_two_jobs_write_the_bytes_that_one_writes(structures_folder: Path, tmp_path: Path) -> None:
    run(structures_folder, tmp_path / "one")
    run(structures_folder, tmp_path / "two", jobs=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_finished_folder_is_not_made_again(structures_folder: Path, tmp_path: Path) -> None:
    run(structures_folder, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    report = run(structures_folder, tmp_path / "out")
    assert (report.made, report.kept) == (0, 5)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}


def test_sigkill_at_any_moment_costs_no_finished_shard_and_changes_no_byte(
    structures_folder: Path, tmp_path: Path
) -> None:
    run(structures_folder, tmp_path / "whole", jobs=2)
    out = tmp_path / "out"
    main = "from cloudkit.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        main,
        "encode",
        str(structures_folder),
        "-o",
        str(out),
        "--jobs",
        "2",
        "--shard-size",
        "20",
    ]
    finished = set[str]()
    for shards in (0, 1, 3):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and (
            not (out / "manifest.json").exists() or len(Manifest.load(out).shards) < shards
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = set(Manifest.load(out).shards) if (out / "manifest.json").exists() else set()
        assert finished <= now
        finished = now
    assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 1
    assert content(out) == content(tmp_path / "whole")


def test_a_full_disk_keeps_what_is_finished_and_the_next_run_goes_on(
    structures_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(structures_folder, tmp_path / "whole")
    write, made = module.write_shard, list[str]()

    def full(unit: module.Unit, rows: Iterator[object], folder: Path) -> Shard:
        if len(made) == 2:
            with module.atomic_write(folder / f"{unit.key}.parquet") as file:
                file.write(b"PAR1")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        made.append(unit.key)
        return write(unit, rows, folder)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "write_shard", full)
    with pytest.raises(
        CloudkitError,
        match=r"No space left on device while writing a.parquet, row groups 2 to 2; 2 shards are finished",
    ):
        run(structures_folder, tmp_path / "out")
    assert sorted(p.stem for p in (tmp_path / "out").glob("*.parquet")) == sorted(made)
    monkeypatch.undo()
    assert run(structures_folder, tmp_path / "out").kept == 2
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_half_written_input_is_one_failure_and_is_encoded_once_it_is_whole(
    structures_folder: Path, tmp_path: Path
) -> None:
    whole = (structures_folder / "b.parquet").read_bytes()
    (structures_folder / "b.parquet").write_bytes(whole[: len(whole) // 2])
    report = run(structures_folder, tmp_path / "out")
    assert report.counts == {"given": 61, "rows": 54, "failed": 7}
    last = list(read_failures(tmp_path / "out"))[-1]
    assert (last["id"], last["code"]) == ("b.parquet", "S101")
    (structures_folder / "b.parquet").write_bytes(whole)
    report = run(structures_folder, tmp_path / "out")
    assert (report.counts, report.kept, report.gone) == ({"given": 100, "rows": 90, "failed": 10}, 3, 1)
    run(structures_folder, tmp_path / "fresh")
    assert content(tmp_path / "out") == content(tmp_path / "fresh")


def test_damage_inside_a_row_group_fails_its_rows_and_no_other(
    structures_folder: Path, tmp_path: Path
) -> None:
    path = structures_folder / "a.parquet"
    start = pq.read_metadata(path).row_group(1).column(0).dictionary_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    assert run(structures_folder, tmp_path / "out").counts == {"given": 100, "rows": 72, "failed": 28}


def test_a_row_that_does_not_fit_together_is_the_only_one_that_fails(tmp_path: Path) -> None:
    rows = [rock_salt(n) for n in range(4)]
    rows[1]["species"] = ["Na"]
    rows[2]["lattice"] = None
    rows[3]["species"] = ["Na", "Qq"]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "s.parquet")
    report = encode_corpus([tmp_path / "s.parquet"], tmp_path / "out", EncodeOptions())
    assert report.counts == {"given": 4, "rows": 1, "failed": 3}
    assert [entry["code"] for entry in read_failures(tmp_path / "out")] == ["S112", "S112", "S107"]


def test_a_damaged_shard_is_named_and_made_again(structures_folder: Path, tmp_path: Path) -> None:
    run(structures_folder, tmp_path / "out")
    before = content(tmp_path / "out")
    victim = next((tmp_path / "out").glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-9])
    report = run(structures_folder, tmp_path / "out")
    assert (report.damaged, report.made) == ([victim.name], 1)
    assert content(tmp_path / "out") == before


def test_shards_of_other_options_or_of_another_version_are_left_alone(
    structures_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(structures_folder, out)
    before = content(out)
    with pytest.raises(DataError, match="made with dialect = orbit, not reduced"):
        encode_corpus([structures_folder], out, EncodeOptions("reduced"), size=SIZE)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(manifest | {"version": 9}))
    for work in (lambda: run(structures_folder, out), lambda: read_table(out)):
        with pytest.raises(DataError, match="schema version 9, and this cloudkit knows version 1"):
            work()
    (out / "manifest.json").write_bytes(before["manifest.json"])
    assert content(out) == before


def test_a_folder_that_holds_other_things_is_refused(structures_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(DataError, match=r"thesis\.tex"):
        run(structures_folder, tmp_path / "out")


def test_new_files_are_added_and_those_that_are_gone_are_removed(
    structures_folder: Path, tmp_path: Path
) -> None:
    run(structures_folder, tmp_path / "out")
    write_parquet(structures_folder / "c.parquet", range(100, 120))
    (structures_folder / "a.parquet").unlink()
    report = run(structures_folder, tmp_path / "out")
    assert (report.counts["given"], report.made, report.kept, report.gone) == (60, 1, 2, 3)
    run(structures_folder, tmp_path / "fresh")
    assert content(tmp_path / "out") == content(tmp_path / "fresh")


def test_a_part_of_a_file_that_holds_no_structure_is_a_shard_without_rows(tmp_path: Path) -> None:
    """As the lines of OPTIMADE's references are."""
    lines = [{"type": "references", "id": str(n)} for n in range(32)] + [rock_salt(0)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    report = run(tmp_path / "a.jsonl", tmp_path / "out")
    assert report.counts == {"given": 1, "rows": 1, "failed": 0}
    assert run(tmp_path / "a.jsonl", tmp_path / "out").kept == 2


def test_an_id_with_half_a_surrogate_pair_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({**rock_salt(0), "id": "\ud800"}))
    run(tmp_path / "a.jsonl", tmp_path / "out")
    assert read_table(tmp_path / "out").column("id") == [r"a.jsonl#\ud800"]


def test_files_of_one_name_have_their_paths_as_ids(tmp_path: Path) -> None:
    paths = [tmp_path / name / "a.jsonl" for name in ("one", "two")]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_text(json.dumps({**rock_salt(number), "id": "x"}))
    encode_corpus(paths, tmp_path / "out", EncodeOptions())
    assert read_table(tmp_path / "out").column("id") == [f"{path}#x" for path in paths]


def test_a_file_given_twice_is_refused(structures_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CloudkitError, match="given twice"):
        encode_corpus([structures_folder, structures_folder], tmp_path / "out", EncodeOptions())


def test_two_writers_cannot_share_a_folder(structures_folder: Path, tmp_path: Path) -> None:
    def second(structures: int) -> None:
        with pytest.raises(CloudkitError, match="another process is at work"):
            run(structures_folder, tmp_path / "out")

    run(structures_folder, tmp_path / "out", step=second)


def test_files_of_other_kinds_become_shards_too(shared: Path, tmp_path: Path) -> None:
    report = encode_corpus([shared / "data/structures/poscar"], tmp_path / "out", EncodeOptions(), size=25)
    assert report.counts == {"given": 60, "rows": 60, "failed": 0}
    assert report.made == 3
