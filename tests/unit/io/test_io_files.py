"""POSCAR, extended XYZ, JSON and the walk over files and folders."""

import gzip
import json
import os
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cloudkit.errors import StructureError
from cloudkit.io import Record, as_crystal, read_structures
from cloudkit.io.json_xyz import read_extxyz
from cloudkit.io.vasp import read_poscar
from cloudkit.structure import CODES, Crystal

from ..structure.structure_examples import CUBIC_POSCAR, ROCK_SALT, caesium_chloride, cif


def _elements(crystal: Crystal) -> list[str]:
    return [crystal.species[label][0][0] for label in crystal.labels]


def _records(*inputs: Path | str) -> dict[str, str]:
    """id -> "ok" or the code of the failure."""
    found = list(read_structures(inputs))
    assert len({record.id for record in found}) == len(found)
    return {record.id: record.error.code if record.error else "ok" for record in found}


@pytest.mark.parametrize(
    "text",
    [
        CUBIC_POSCAR,
        CUBIC_POSCAR.replace("Direct", "Selective dynamics\nDirect").replace("0.5\n", "0.5 T F T\n"),
        CUBIC_POSCAR.replace("Direct", "Cartesian").replace("0.5 0.5 0.5", "2.06 2.06 2.06"),
        CUBIC_POSCAR.replace("\n1.0\n", "\n-69.934528\n").replace("4.12", "1"),
        CUBIC_POSCAR.replace("\n1.0\n", "\n4.12 4.12 4.12\n")
        .replace("\n4.12 0", "\n1 0")
        .replace("0 4.12 0", "0 1 0")
        .replace("0 0 4.12\n", "0 0 1\n"),
        CUBIC_POSCAR.replace("4.12", "0.412D+01").replace("0.5", "5.0d-1"),
        CUBIC_POSCAR.replace("Cs Cl", "Cs_sv Cl/0a1b2c"),
        CUBIC_POSCAR.replace("Cs Cl\n", "").replace("caesium chloride", "Cs Cl"),
        CUBIC_POSCAR.replace("Cs Cl\n", "").replace("0 0 0", "0 0 0 Cs").replace("0.5\n", "0.5 Cl\n"),
        CUBIC_POSCAR + "\n0 0 0\n0 0 0\n",
    ],
)
def test_every_way_to_write_a_poscar_gives_the_same_crystal(text: str) -> None:
    notes: list[str] = []
    crystal = read_poscar(text, notes)
    np.testing.assert_allclose(crystal.lattice, np.eye(3) * 4.12, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(crystal.positions, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-12)
    assert _elements(crystal) == ["Cs", "Cl"]
    assert not notes


def test_a_poscar_that_names_no_elements_gets_stand_ins_and_a_note() -> None:
    notes: list[str] = []
    assert _elements(read_poscar(CUBIC_POSCAR.replace("Cs Cl\n", ""), notes)) == ["H", "He"]
    assert "names no elements" in notes[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("short\n1\n", "line 2"),
        (CUBIC_POSCAR.replace("\n1.0\n", "\nabc\n"), "line 2"),
        (CUBIC_POSCAR.replace("\n1.0\n", "\n1e400\n"), "line 2"),
        (CUBIC_POSCAR.replace("0 4.12 0", "0 4.12"), "line 4"),
        (CUBIC_POSCAR.replace("1 1\n", "one one\n"), "line 7"),
        (CUBIC_POSCAR.replace("1 1\n", "²1 1\n"), "line 7"),
        (CUBIC_POSCAR.replace("1 1\n", "1 99999999\n"), "line 7"),
        (CUBIC_POSCAR.replace("1 1\n", "1 1 1\n"), "line 6"),
        (CUBIC_POSCAR.replace("Direct\n", ""), "line 8"),
        (CUBIC_POSCAR.replace("1 1\n", "1 2\n"), "line 11"),
        (CUBIC_POSCAR.replace("Cs Cl\n", "").split("0 0 0\n0.5")[0], "line 8"),
    ],
)
def test_a_broken_poscar_names_the_line(text: str, line: str) -> None:
    with pytest.raises(StructureError, match=line) as caught:
        read_poscar(text, [])
    assert caught.value.code == "S103"


def test_a_folder_gives_relative_ids_and_a_failure_for_each_stranger(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.cif").write_text(ROCK_SALT)
    (tmp_path / "two.cif").write_text(ROCK_SALT + cif("K1 0 0 0"))
    (tmp_path / "POSCAR").write_text(CUBIC_POSCAR)
    (tmp_path / "b.cif.gz").write_bytes(gzip.compress(ROCK_SALT.encode()))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.cif").write_text(" \n")
    (tmp_path / "torn.cif.gz").write_bytes(gzip.compress(ROCK_SALT.encode())[:40])
    assert _records(tmp_path) == {
        "deep/a.cif": "ok",
        "two.cif#rock_salt": "ok",
        "two.cif#test": "ok",
        "POSCAR": "ok",
        "b.cif.gz": "ok",
        "notes.txt": "S102",
        "empty.cif": "S101",
        "torn.cif.gz": "S101",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_text_file_is_read_in_the_encodings_that_people_have(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.cif").write_text("# Größe\n" + ROCK_SALT, encoding=encoding)
    assert _records(tmp_path / "a.cif") == {"a.cif": "ok"}


def test_strings_in_place_of_a_structure_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "strings.txt").write_text("1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b\n")
    (record,) = read_structures([tmp_path / "strings.txt"])
    assert record.error and record.error.code == "S104" and "SCOPE strings" in record.error.message
    (tmp_path / "POSCAR").write_text(CUBIC_POSCAR.replace("caesium chloride", "CsCl | mp-22865"))
    assert _records(tmp_path / "POSCAR") == {"POSCAR": "ok"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(ROCK_SALT)
    os.mkfifo(tmp_path / "b.cif")
    (tmp_path / "c.cif").symlink_to("b.cif")
    (tmp_path / "d.cif").symlink_to("nowhere")
    found = {record.id: str(record.error) for record in read_structures([tmp_path])}
    assert found == {record.id: str(record.error) for record in read_structures([f"{tmp_path}/*.cif"])}
    assert list(found) == ["a.cif", "b.cif", "c.cif", "d.cif"] and found["a.cif"] == "None"
    assert all("is a pipe, socket or device" in found[name] for name in ("b.cif", "c.cif"))
    assert "there is no file" in found["d.cif"]


def test_an_empty_name_is_no_folder() -> None:
    (record,) = read_structures([""])
    assert record.error and record.error.code == "S101"


def test_files_of_one_name_in_several_folders_have_their_paths_as_ids(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "POSCAR").write_text(CUBIC_POSCAR)
    (tmp_path / "x.cif").write_text(ROCK_SALT)
    places = [tmp_path / "one" / "POSCAR", tmp_path / "two" / "POSCAR"]
    assert _records(*places, tmp_path / "x.cif") == {**{str(place): "ok" for place in places}, "x.cif": "ok"}


def test_single_files_patterns_and_missing_files_have_ids_too(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.cif").write_text(ROCK_SALT)
    (tmp_path / "strange.name").write_text(CUBIC_POSCAR)
    assert _records(tmp_path / "sub" / "x.cif") == {"x.cif": "ok"}
    assert _records(tmp_path / "strange.name") == {"strange.name": "ok"}
    assert _records(f"{tmp_path}/*/*.cif") == {"sub/x.cif": "ok"}
    assert _records(tmp_path / "absent.cif") == {"absent.cif": "S101"}
    assert list(_records(f"{tmp_path}/*.none").values()) == ["S101"]


def test_json_lines_take_their_ids_from_the_rows(tmp_path: Path) -> None:
    lattice, positions, _ = caesium_chloride()
    row = {"lattice": lattice.tolist(), "frac": positions.tolist(), "species": ["Cs", "Cl"]}
    lines = [
        json.dumps({"id": "mp-1", "structure": row}),
        "{broken",
        json.dumps({"structure": row}),
        json.dumps([1]),
        json.dumps({"x-optimade": {}}),
        json.dumps({"id": "bad", "structure": {**row, "frac": [["a", 0, 0]] * 2}}),
        f'{{"id": {"9" * 5000}}}',
    ]
    (tmp_path / "many.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    assert _records(tmp_path) == {
        "many.jsonl.gz#mp-1": "ok",
        "many.jsonl.gz#2": "S103",
        "many.jsonl.gz#3": "ok",
        "many.jsonl.gz#4": "S112",
        "many.jsonl.gz#bad": "S112",
        "many.jsonl.gz#7": "S103",
    }


def test_json_documents_hold_one_structure_or_many(tmp_path: Path) -> None:
    lattice, positions, _ = caesium_chloride()
    row = {"lattice": lattice.tolist(), "frac": positions.tolist(), "species": ["Cs", "Cl"]}
    (tmp_path / "one.json").write_text(json.dumps(row))
    (tmp_path / "many.json").write_text(json.dumps({"data": [row, {"id": "b", **row}]}))
    (tmp_path / "none.json").write_text("nope")
    assert _records(tmp_path) == {
        "one.json": "ok",
        "many.json#1": "ok",
        "many.json#b": "ok",
        "none.json": "S103",
    }


def test_extended_xyz_frames_are_read_by_their_columns(tmp_path: Path) -> None:
    lattice = 'Lattice="4.12 0 0 0 4.12 0 0 0 4.12"'
    first = (
        f'2\n{lattice} Properties=id:I:1:species:S:1:pos:R:3 pbc="T T T"\n1 Cs 0 0 0\n2 Cl 2.06 2.06 2.06\n'
    )
    second = f"2\n{lattice}\nCs 0 0 0\nCl 2.06 2.06 2.06\n"
    (tmp_path / "run.extxyz").write_text(
        first + second + "1\nno cell here\nH 0 0 0\n" + "2\n" + lattice + "\nH 0 0 0\n"
    )
    assert _records(tmp_path) == {
        "run.extxyz#1": "ok",
        "run.extxyz#2": "ok",
        "run.extxyz#3": "S105",
        "run.extxyz#4": "S103",
    }
    for record in list(read_structures([tmp_path]))[:2]:
        assert record.crystal is not None
        np.testing.assert_allclose(record.crystal.positions, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-12)
        assert _elements(record.crystal) == ["Cs", "Cl"]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("species:S:1:pos:R:3²", "give pos '3²' columns"),
        (f"species:S:1:pos:R:{'9' * 5000}", "give pos '9999"),
        ("species:S:1:forces:R:3", "name species, forces; species and pos are needed"),
    ],
)
def test_properties_of_a_frame_that_cannot_be_meant_are_named(properties: str, message: str) -> None:
    frame = f'1\nLattice="4 0 0 0 4 0 0 0 4" Properties={properties}\nNa 0 0 0\n'
    ((_, _, error, *_),) = read_extxyz(frame)
    assert isinstance(error, StructureError)
    assert (error.code, message in error.message) == ("S103", True)


def test_a_path_with_several_structures_is_refused_where_one_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "two.cif").write_text(ROCK_SALT + cif("K1 0 0 0"))
    with pytest.raises(StructureError, match="2 structures") as caught:
        as_crystal(tmp_path / "two.cif")
    assert caught.value.code == "S111" and "read_structures of cloudkit.io" in caught.value.hint


@pytest.mark.parametrize("suffix", [".zip", ".db"])
def test_a_file_of_no_structures_at_all_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none{suffix}"
    if suffix == ".zip":
        zipfile.ZipFile(path, "w").close()
    else:
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE systems (id, numbers, positions, cell, pbc)")
    with pytest.raises(StructureError) as caught:
        as_crystal(path)
    assert caught.value.code == "S104"


def test_every_code_in_use_is_explained() -> None:
    package = Path(read_structures.__code__.co_filename).parents[1]
    used = {
        word
        for path in package.rglob("*.py")
        for word in path.read_text().split('"')
        if len(word) == 4 and word[:1] == "S" and word[1:].isdigit()
    }
    assert used == set(CODES)


def test_a_record_is_a_crystal_or_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.cif").write_text(ROCK_SALT)
    (record,) = read_structures([tmp_path / "x.cif"])
    assert isinstance(record, Record)
    assert record.crystal is not None
    assert record.error is None
