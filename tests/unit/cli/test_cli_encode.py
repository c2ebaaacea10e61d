"""`cloudkit encode`: each structure is in exactly one of the two outputs."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudkit.cli import encode
from cloudkit.cli.columns import MAX_SHOWN
from cloudkit.io import read_table
from cloudkit.io.chunks import Chunk
from cloudkit.structure.guards import MAX_SITES

from .cli_examples import POSCAR, ROCK_SALT


def read_jsonl(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_strings_go_to_standard_output_and_failures_to_standard_error(cloudkit, structures):
    answer = cloudkit("encode", structures)
    assert answer.code == 1
    assert answer.out == ROCK_SALT + "\n"
    assert re.search(r"^broken\.cif: S\d{3}: ", answer.err, re.MULTILINE)
    assert re.search(r"^notes\.md: S102: ", answer.err, re.MULTILINE)
    assert answer.err.endswith("1 encoded, 2 failed\n")


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("folder", [False, True])
def test_the_first_note_of_each_kind_is_shown_and_all_are_counted(
    cloudkit, tmp_path, tmp_path_factory, jobs, folder
):
    nameless = POSCAR.replace("Na Cl\n", "", 1)
    for number in range(22):
        (tmp_path / f"{number:02}.vasp").write_text(nameless)
    output = ("-o", tmp_path_factory.mktemp("shards") / "s") if folder else ()
    answer = cloudkit("encode", tmp_path, "--json", "-j", jobs, *output)
    notes = [line for line in answer.err.splitlines() if line.startswith("note: ")]
    assert answer.code == 0 and len(notes) == 1 < MAX_SHOWN
    assert notes[0].startswith("note: 00.vasp: the POSCAR (VASP 4) names no elements: H, He stand in")
    assert (
        "... and 21 more notes like these, on 22 structures in total; cloudkit encode --notes FILE writes them all\n"
        in answer.err
    )


def test_a_table_has_one_row_per_structure_with_all_columns(cloudkit, structures, tmp_path):
    answer = cloudkit("encode", structures / "salt.vasp", "-o", tmp_path / "out.csv")
    assert answer.code == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    engine = row.pop("engine")
    assert row == {"id": "salt.vasp", "scope": ROCK_SALT, "space_group": "225", "symprec": "0.01"}
    assert engine.startswith("native ")


def test_a_parquet_table_has_the_same_rows_with_types(cloudkit, structures, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for suffix in ("parquet", "jsonl"):
        assert cloudkit("encode", structures, "-o", tmp_path / f"out.{suffix}").code == 1
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == read_jsonl(tmp_path / "out.jsonl")


@pytest.mark.parametrize("folder", [False, True])
def test_all_notes_are_written_where_asked(cloudkit, tmp_path, tmp_path_factory, folder):
    nameless = POSCAR.replace("Na Cl\n", "", 1)
    for number in range(3):
        (tmp_path / f"{number}.vasp").write_text(nameless)
    out = tmp_path_factory.mktemp("out")
    output = ("-o", out / "shards") if folder else ()
    answer = cloudkit("encode", tmp_path, "--json", "--notes", out / "notes.jsonl", *output)
    notes = read_jsonl(out / "notes.jsonl")
    assert answer.code == 0 and "... and 2 more notes like these, on 3 structures in total\n" in answer.err
    assert [note["id"] for note in notes] == ["0.vasp", "1.vasp", "2.vasp"]
    assert all("names no elements" in str(note["note"]) for note in notes)


def test_a_cell_past_the_limit_of_atoms_is_a_failure(cloudkit, structures):
    answer = cloudkit("encode", structures / "salt.vasp", "--max-sites", 1)
    assert (answer.code, "S207" in answer.err) == (1, True)


def test_the_limit_of_atoms_is_that_of_the_library():
    assert encode.MAX_SITES == MAX_SITES


def test_the_ledger_holds_code_and_message_of_each_failure(cloudkit, structures, tmp_path):
    answer = cloudkit("encode", structures, "-o", tmp_path / "o.jsonl", "--failures", tmp_path / "bad.jsonl")
    ledger = read_jsonl(tmp_path / "bad.jsonl")
    assert answer.code == 1
    assert [row["id"] for row in read_jsonl(tmp_path / "o.jsonl")] == ["salt.vasp"]
    assert [row["id"] for row in ledger] == ["broken.cif", "notes.md"]
    assert all(set(row) == {"id", "code", "message", "hint"} for row in ledger)
    assert "broken.cif" not in answer.err


def test_json_lists_strings_and_failures_in_order(cloudkit, structures):
    lines = [json.loads(line) for line in cloudkit("encode", structures, "--json").out.splitlines()]
    assert [line["id"] for line in lines] == ["broken.cif", "notes.md", "salt.vasp"]
    assert [line.get("space_group") for line in lines] == [None, None, 225]


def test_a_structure_comes_from_standard_input(cloudkit):
    answer = cloudkit("encode", "-", "--dialect", "reduced", stdin=POSCAR)
    assert (answer.code, answer.out.split(" | ")[1:]) == (0, ["4a 4b", "Na 0.5 Cl 0.5\n"])


def test_two_workers_give_what_one_gives(cloudkit, structures):
    one, two = cloudkit("encode", structures), cloudkit("encode", structures, "--jobs", 2)
    assert one == two


def test_a_missing_file_beside_a_good_one_is_a_failure(cloudkit, structures):
    answer = cloudkit("encode", structures / "salt.vasp", structures / "absent.cif")
    assert answer.code == 1
    assert "absent.cif: S101: " in answer.err


def test_an_empty_folder_is_an_error_and_no_file_is_written(cloudkit, tmp_path):
    (tmp_path / "empty").mkdir()
    assert cloudkit("encode", tmp_path / "empty", "-o", tmp_path / "out.csv").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_the_two_outputs_cannot_be_one_file(cloudkit, structures, tmp_path):
    answer = cloudkit("encode", structures, "-o", tmp_path / "a.jsonl", "--failures", tmp_path / "a.jsonl")
    assert (answer.code, "same file" in answer.err) == (2, True)


def test_what_stops_half_way_leaves_the_old_output_as_it_was(cloudkit, structures, tmp_path, monkeypatch):
    def stream(*_: object) -> Iterator[object]:
        yield Chunk("salt.vasp", str(structures / "salt.vasp"))
        raise OSError(28, "No space left on device")

    (tmp_path / "out.csv").write_text("precious\n")
    monkeypatch.setattr("cloudkit.io.read.find_chunks", stream)
    answer = cloudkit("encode", structures, "-o", tmp_path / "out.csv", "--failures", tmp_path / "bad.jsonl")
    assert answer.code == 2
    assert answer.err.startswith("error: No space left on device\nwhile ")
    assert (tmp_path / "out.csv").read_text() == "precious\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "structures"]


def test_all_sixty_poscars_have_the_space_group_in_their_name(cloudkit, shared, tmp_path):
    assert cloudkit("encode", shared / "data/structures/poscar", "-o", tmp_path / "o.jsonl").code == 0
    rows = read_jsonl(tmp_path / "o.jsonl")
    assert len(rows) == 60
    for row in rows:
        assert int(re.findall(r"\d+", str(row["id"]))[0]) == row["space_group"]


@pytest.mark.parametrize("folder", ["odd_cif", "bad_cif", "cod_cif"])
def test_every_file_of_a_folder_is_in_exactly_one_output(cloudkit, shared, tmp_path, folder):
    given = shared / "data/structures" / folder
    answer = cloudkit("encode", given, "-o", tmp_path / "o.jsonl", "--failures", tmp_path / "bad.jsonl")
    done, failed = read_jsonl(tmp_path / "o.jsonl"), read_jsonl(tmp_path / "bad.jsonl")
    ids = [str(row["id"]) for row in (*done, *failed)]
    assert len(ids) == len(set(ids))
    assert {name.partition("#")[0] for name in ids} == {path.name for path in given.iterdir()}
    assert answer.code == (1 if failed else 0)
    assert all(row["code"] and str(row["message"]).strip() for row in failed)


def test_failures_of_shards_are_shown_with_their_hints(cloudkit, tmp_path):
    (tmp_path / "strings.csv").write_text(f"scope\n{ROCK_SALT}\n")
    answer = cloudkit("encode", tmp_path / "strings.csv", "-o", tmp_path / "out")
    assert "(column scope holds strings already: predict, build, audit and validate read them)" in answer.err


def test_shards_keep_the_columns_of_the_tables_that_they_come_from(cloudkit, structures, tmp_path):
    files = ["lost.vasp", "salt.vasp"] * 3 + ["lost.vasp"]
    lines = ["id,file,gap,remark", *(f"c{n},{file},{0.5 * n},x" for n, file in enumerate(files))]
    (structures / "a.csv").write_text("\n".join(lines) + "\n")
    row = {"lattice": [[3.35, 0, 0], [0, 3.35, 0], [0, 0, 3.35]], "species": ["Po"], "frac": [[0, 0, 0]]}
    rows = [row | {"id": "j", "gap": 1}, row | {"id": "k", "gap": 2.5}]
    (structures / "b.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    tables = structures / "a.csv", structures / "b.jsonl"
    answer = cloudkit("encode", *tables, "-o", tmp_path / "out", "--shard-size", 2)
    assert answer.code == 1 and answer.err.endswith("5 encoded, 4 failed\n")
    table = read_table(tmp_path / "out")
    assert table.column("id") == ["c1", "c3", "c5", "b.jsonl#j", "b.jsonl#k"]
    assert table.numbers("gap").tolist() == [0.5, 1.5, 2.5, 1.0, 2.5]
    assert table.column("remark") == ["x", "x", "x", None, None]


def test_a_table_keeps_its_ids_and_columns(cloudkit, structures, tmp_path):
    lines = ["material_id,file,K_VRH,space_group", "mp-22862,salt.vasp,25,225", "mp-1,salt,26.5,?"]
    (structures / "labels.csv").write_text("\n".join(lines) + "\n")
    assert cloudkit("encode", structures / "labels.csv", "-o", tmp_path / "out.csv").code == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["mp-22862", "mp-1"]
    assert [row["K_VRH"] for row in rows] == ["25", "26.5"] and rows[0]["file"] == "salt.vasp"
    assert [(row["space_group"], row["space_group_given"]) for row in rows] == [("225", "225"), ("225", "?")]
    structure = {
        "lattice": [[3.35, 0, 0], [0, 3.35, 0], [0, 0, 3.35]],
        "species": ["Po"],
        "frac": [[0, 0, 0]],
    }
    text = json.dumps({"id": "a", "structure": structure, "gap": 8, "note": "x"})
    (tmp_path / "rows.jsonl").write_text(text + "\n" + text.replace('"gap": 8', '"gap": 8.5') + "\n")
    assert cloudkit("encode", tmp_path / "rows.jsonl", "-o", tmp_path / "out.parquet").code == 0
    table = read_table(tmp_path / "out.parquet")
    assert table.columns["gap"] == [8.0, 8.5] and table.columns["note"] == ["x", "x"]
