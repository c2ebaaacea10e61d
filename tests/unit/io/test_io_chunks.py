"""What people have: OPTIMADE, pymatgen and ASE in JSON, ASE databases, CSV, Parquet, long extended XYZ."""

import gzip
import json
import random
import sqlite3
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloudkit.errors import StructureError
from cloudkit.io import Record, as_crystal, read_structures
from cloudkit.io.chunks import LINES
from cloudkit.io.paths import MAX_TEXT
from cloudkit.io.read import READ_AHEAD, find_chunks
from cloudkit.structure import Crystal

from ..structure.structure_examples import CUBIC_POSCAR, ROCK_SALT

CELL = [[4.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 1.0, 6.0]]
PLACES = [[0.0, 0.0, 0.0], [2.0, 3.0, 3.0]]


def optimade(**more: Any) -> dict[str, Any]:
    """Attributes of a structure with two sites; None takes a field away."""
    fields = {
        "lattice_vectors": CELL,
        "cartesian_site_positions": PLACES,
        "species_at_sites": ["one", "two"],
        "species": [kind("one", ["Na"], [1.0]), kind("two", ["Cl"], [1.0])],
        "nsites": 2,
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "structure_features": [],
    }
    return {name: value for name, value in (fields | more).items() if value is not None}


def kind(name: str, symbols: list[str], shares: list[float], **more: Any) -> dict[str, Any]:
    return {"name": name, "chemical_symbols": symbols, "concentration": shares, **more}


def read(*inputs: Path) -> list[Record]:
    return list(read_structures(inputs))


def one(record: Record) -> Crystal:
    assert record.crystal is not None, record.error
    return record.crystal


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_optimade_lines_keep_their_ids_and_place_atoms_where_they_say(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "x.jsonl",
        {"x-optimade": {"meta": {"api_version": "1.2.0"}}},
        {"type": "info", "id": "structures", "properties": {}},
        {"type": "structures", "id": "a/1", "attributes": optimade()},
        {
            "type": "structures",
            "id": "a/2",
            "attributes": optimade(species=None, species_at_sites=["Na", "Cl"]),
        },
    )
    records = read(path)
    assert [record.id for record in records] == ["x.jsonl#a/1", "x.jsonl#a/2"]
    for record in records:
        np.testing.assert_allclose(one(record).positions @ np.array(CELL), PLACES, atol=1e-12)
        assert [one(record).species[i] for i in one(record).labels] == [(("Na", 1.0),), (("Cl", 1.0),)]


def test_concentrations_make_mixed_and_partly_filled_sites(tmp_path: Path) -> None:
    mixed = optimade(
        species=[kind("one", ["Na", "K", "vacancy"], [0.5, 0.25, 0.25]), kind("two", ["Cl"], [1.0])],
        structure_features=["disorder"],
    )
    (record,) = read(lines(tmp_path / "x.jsonl", {"id": "1", "attributes": mixed}))
    assert set(one(record).species) == {(("Na", 0.5), ("K", 0.25)), (("Cl", 1.0),)}


def test_vacant_sites_and_attached_atoms_are_left_out_with_a_note(tmp_path: Path) -> None:
    vacant = optimade(species=[kind("one", ["Na"], [1.0]), kind("two", ["vacancy"], [1.0])])
    methyl = optimade(
        species=[kind("one", ["C"], [1.0], attached=["H"], nattached=[3]), kind("two", ["Cl"], [1.0])],
        structure_features=["site_attachments"],
    )
    first, second = read(
        lines(tmp_path / "x.jsonl", {"id": "1", "attributes": vacant}, {"id": "2", "attributes": methyl})
    )
    assert one(first).species == ((("Na", 1.0),),)
    assert len(one(first)) == 1
    assert "1 sites left out: they are vacant" in first.notes[0]
    assert len(one(second)) == 2
    assert "3 H attached to 'one' have no positions" in second.notes[0]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"dimension_types": [1, 1, 0]}, "S113", "dimension_types is [1, 1, 0]"),
        ({"nperiodic_dimensions": 2}, "S113", "nperiodic_dimensions is 2"),
        ({"lattice_vectors": [*CELL[:2], [None] * 3], "dimension_types": None}, "S113", "row 3"),
        ({"structure_features": ["assemblies"]}, "S114", "assemblies"),
        ({"assemblies": [{"sites_in_groups": [[0], [1]]}]}, "S114", "assemblies"),
        ({"structure_features": ["unknown_positions"]}, "S114", "unknown_positions"),
        ({"structure_features": ["implicit_atoms"]}, "S114", "implicit_atoms"),
        ({"nsites": 3}, "S112", "nsites is 3, but there are 2 sites"),
        ({"species_at_sites": ["one"]}, "S112", "1 species_at_sites, but 2 positions"),
        ({"species_at_sites": ["one", "three"]}, "S112", "'three', which is not in species"),
        ({"species_at_sites": None}, "S112", "species_at_sites is missing"),
        ({"cartesian_site_positions": None}, "S106", "is missing"),
        ({"cartesian_site_positions": [[0, 0, 0], [None] * 3]}, "S106", "site 2 has no position"),
        ({"cartesian_site_positions": [[0, 0, 0], "x"]}, "S112", "row 2"),
        ({"cartesian_site_positions": [[0, 0, 0], ["a", 0, 0]]}, "S112", "not a number"),
        ({"lattice_vectors": CELL[:2]}, "S105", "2 rows"),
        ({"lattice_vectors": None}, "S112", "no structure"),
        ({"lattice_vectors": [CELL[0], CELL[0], CELL[2]]}, "S203", "no volume"),
        ({"species": [kind("one", ["X"], [1.0]), kind("two", ["Cl"], [1.0])]}, "S107", "'X'"),
        ({"species": [kind("one", ["Na"], [1.5]), kind("two", ["Cl"], [1.0])]}, "S108", "is 1.5"),
        ({"species": [kind("one", ["Na"], []), kind("two", ["Cl"], [1.0])]}, "S112", "0 concentrations"),
        ({"species": [{"name": "one"}, kind("two", ["Cl"], [1.0])]}, "S112", "chemical_symbols"),
        ({"species": 7}, "S112", "incomplete"),
    ],
)
def test_what_is_no_crystal_is_refused_in_its_row(
    tmp_path: Path, change: dict[str, Any], code: str, words: str
) -> None:
    rows = [
        {"id": name, "attributes": optimade(**(change if name == "bad" else {}))}
        for name in ("a", "bad", "b")
    ]
    if "lattice_vectors" in change and change["lattice_vectors"] is None:
        rows[1] = {"id": "bad", **rows[1]["attributes"]}
    first, bad, last = read(lines(tmp_path / "x.jsonl", *rows))
    assert first.crystal is not None
    assert last.crystal is not None
    assert bad.id == "x.jsonl#bad"
    assert bad.error is not None
    assert (bad.error.code, words in bad.error.message) == (code, True), bad.error


def test_pymatgen_writes_what_is_read_here(tmp_path: Path) -> None:
    pymatgen = pytest.importorskip("pymatgen.core")
    salt = pymatgen.Structure(CELL, ["Na+", {"Cl": 0.5, "Br": 0.5}], PLACES, coords_are_cartesian=True)
    (tmp_path / "one.json").write_text(salt.to_json())
    (tmp_path / "many.json").write_text(
        json.dumps([{"material_id": "mp-1", "structure": salt.as_dict()}, salt.as_dict()])
    )
    slab = pymatgen.Structure(pymatgen.Lattice(CELL, pbc=(True, True, False)), ["Na"], [[0, 0, 0]])
    (tmp_path / "slab.json").write_text(slab.to_json())
    found = {record.id: record for record in read(tmp_path)}
    assert list(found) == ["many.json#mp-1", "many.json#2", "one.json", "slab.json"]
    assert found["slab.json"].error is not None
    assert found["slab.json"].error.code == "S113"
    with pytest.raises(StructureError, match="pbc is T T F"):
        as_crystal(slab)
    for name in ("many.json#mp-1", "many.json#2", "one.json"):
        np.testing.assert_allclose(one(found[name]).positions, as_crystal(salt).positions)
        assert set(one(found[name]).species) == set(as_crystal(salt).species)


def test_ase_writes_what_is_read_here(tmp_path: Path) -> None:
    ase = pytest.importorskip("ase")
    from ase.db import connect
    from ase.io import jsonio, write

    salt = ase.Atoms("NaCl", positions=PLACES, cell=CELL, pbc=True)
    slab = ase.Atoms("Na", cell=CELL, pbc=(True, True, False))
    write(tmp_path / "database.json", salt)
    (tmp_path / "atoms.json").write_text(jsonio.encode(salt))
    (tmp_path / "list.json").write_text(jsonio.encode([salt, slab]))
    write(tmp_path / "frames.extxyz", [salt, slab], format="extxyz")
    with connect(tmp_path / "rows.db") as database:
        for number in range(2 * LINES + 1):
            database.write(salt if number != 5 else slab, key="x", data={"a": np.zeros(3)})
    before = (tmp_path / "rows.db").read_bytes()
    found = {record.id: record for record in read(tmp_path)}
    assert (tmp_path / "rows.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "rows.db"
    failed = {name: record.error.code for name, record in found.items() if record.error}
    assert failed == dict.fromkeys(["frames.extxyz#2", "list.json#2", "rows.db#6"], "S113")
    good = [
        "atoms.json",
        "database.json",
        "frames.extxyz#1",
        "list.json#1",
        *(f"rows.db#{i + 1}" for i in range(65) if i != 5),
    ]
    assert sorted(found) == sorted([*good, *failed])
    for name in good:
        np.testing.assert_allclose(one(found[name]).positions @ np.array(CELL), PLACES, atol=1e-7)
        assert set(one(found[name]).species) == {(("Na", 1.0),), (("Cl", 1.0),)}
    np.testing.assert_array_equal(as_crystal(salt).positions, one(found["rows.db#1"]).positions)
    with pytest.raises(StructureError, match="S113"):
        as_crystal(slab)


def test_a_broken_database_gives_the_rows_before_the_damage_or_a_reason(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"not a database" * 100)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE systems (id, numbers, positions, cell, pbc)")
        other.execute(
            "INSERT INTO systems VALUES (1, ?, ?, ?, 7)", (b"\1\0\0\0", bytes(24), np.eye(3).tobytes())
        )
        other.execute("INSERT INTO systems VALUES (2, ?, ?, ?, 7)", (b"\1\0\0\0", bytes(23), bytes(72)))
    (tmp_path / "empty.db").write_bytes(b"")
    found = {record.id: record.error.code if record.error else "ok" for record in read(tmp_path)}
    assert found == {"empty.db": "S101", "junk.db": "S101", "other.db#1": "ok", "other.db": "S101"}


def test_a_column_of_a_csv_file_holds_the_text_of_files(tmp_path: Path) -> None:
    quoted = ROCK_SALT.replace('"', '""')
    (tmp_path / "x.csv").write_text(
        f'material_id,cif,gap\nmp-1,"{quoted}",1.5\nmp-2,,0\nmp-3,only two\nmp-4,"{quoted}",2\n'
    )
    (tmp_path / "y.csv").write_text(f'poscar\n"{CUBIC_POSCAR}"\n')
    (tmp_path / "z.csv").write_text("id,gap\n1,2\n")
    (tmp_path / "twice.csv").write_text(f'cif,cif\n"{quoted}","{quoted}"\n')
    (tmp_path / "nan.csv").write_text("cif\nnan\n")
    (tmp_path / "open.csv").write_text(f'cif\n"{quoted}"\n"{quoted}')
    found = {record.id: record.error.code if record.error else "ok" for record in read(tmp_path)}
    assert found == {
        "open.csv#1": "ok",
        "open.csv": "S103",
        "x.csv#mp-1": "ok",
        "x.csv#mp-2": "S101",
        "x.csv#3": "S103",
        "x.csv#mp-4": "ok",
        "y.csv#1": "ok",
        "z.csv": "S104",
        "twice.csv": "S103",
        "nan.csv#1": "S103",
    }
    (record,) = read(tmp_path / "nan.csv")
    assert "not valid CIF" in str(record.error)  # rather than a POSCAR that is none


def test_parquet_is_read_in_every_form_and_a_half_written_one_is_named(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    fractional = (np.array(PLACES) @ np.linalg.inv(CELL)).tolist()
    n = 3 * LINES + 1
    simple = {"lattice": [CELL] * n, "species": [["Na", "Cl"]] * n}
    tables = {
        "a.parquet": {**simple, "positions": [fractional] * n},
        "b.parquet": {**simple, "frac": [fractional] * n, "id": [*(f"s{i}" for i in range(n - 1)), None]},
        "c.parquet": {name: [value] for name, value in optimade().items()} | {"id": ["1"], "provider": ["p"]},
        "d.parquet": {"cif": [ROCK_SALT, None], "material_id": ["x", "y"]},
        "e.parquet": {
            "structure": [json.dumps({"lattice": CELL, "species": ["Na"], "frac": [[0, 0, 0]]}), "{"]
        },
        "f.parquet": {"scope": ["a"]},
    }
    for name, columns in tables.items():
        parquet.write_table(arrow.table(columns), tmp_path / name, row_group_size=40)
    (tmp_path / "g.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-100])
    found = {record.id: record.error.code if record.error else "ok" for record in read(tmp_path)}
    assert found == {
        **{f"a.parquet#{i + 1}": "ok" for i in range(n)},
        **{f"s{i}": "ok" for i in range(n - 1)},
        f"b.parquet#{n}": "ok",
        "p/1": "ok",
        "x": "ok",
        "y": "S101",
        "e.parquet#1": "ok",
        "e.parquet#2": "S103",
        "f.parquet": "S104",
        "g.parquet": "S101",
    }
    np.testing.assert_allclose(one(read(tmp_path / "a.parquet")[0]).positions, fractional)


def test_a_long_file_of_frames_is_read_a_few_at_a_time(tmp_path: Path) -> None:
    atoms = "".join(f"Na {i} 0 0\n" for i in range(50))
    frame = f'50\nLattice="400 0 0 0 4 0 0 0 4" energy=-1.5\n{atoms}'
    with (tmp_path / "long.extxyz").open("w") as file:
        for _ in range(3_000):
            file.write(frame)
    size = (tmp_path / "long.extxyz").stat().st_size
    tracemalloc.start()
    frames = sum(chunk.structures for chunk in find_chunks([tmp_path]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames == 3_000
    assert peak < size / 10


def test_damage_after_the_first_frame_costs_only_what_comes_after_it(tmp_path: Path) -> None:
    frames = [f'1\nLattice="4 0 0 0 4 0 0 0 {4 + random.random()}"\nNa 0 0 0\n' for _ in range(1, 2000)]
    whole = gzip.compress("".join(frames).encode())
    (tmp_path / "x.extxyz.gz").write_bytes(whole[: len(whole) // 2])
    *good, last = read(tmp_path)
    assert [record.id for record in good] == [f"x.extxyz.gz#{i + 1}" for i in range(len(good))]
    assert len(good) > LINES
    assert last.id == "x.extxyz.gz"
    assert last.error is not None
    assert last.error.code == "S101"


def test_frames_after_the_first_chunk_keep_their_numbers(tmp_path: Path) -> None:
    frame = '1\nLattice="4 0 0 0 4 0 0 0 4"\nNa 0 0 0\n'
    (tmp_path / "x.extxyz").write_text(frame * 40 + "1\nno cell\nNa 0 0 0\n" + frame + "x\n" + frame)
    found = {record.id: record.error.code if record.error else "ok" for record in read(tmp_path)}
    wanted = {f"x.extxyz#{i}": "ok" for i in range(1, 43)}
    assert found == wanted | {"x.extxyz#41": "S105", "x.extxyz#43": "S103"}
    (tmp_path / "x.extxyz").write_text("99999999\n" + frame)
    (record,) = read(tmp_path)
    assert record.error is not None
    assert "at most 1,000,000 are read" in record.error.message


def test_a_file_that_is_too_long_to_be_one_structure_is_refused(tmp_path: Path) -> None:
    for name in ("x.cif", "x.jsonl", "x.json"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(MAX_TEXT + 1)
    found = {record.id: record.error.code for record in read(tmp_path) if record.error}
    assert found == dict.fromkeys(("x.cif", "x.json", "x.jsonl"), "S116")


def test_rows_are_taken_as_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def rows(_: object, keep: bool) -> Iterator[dict[str, Any]]:
        for number in range(10_000):
            taken.append(number)
            yield {"id": str(number), "lattice": CELL, "species": ["Na"], "positions": [[0, 0, 0]]}

    (tmp_path / "x.parquet").write_bytes(b"")
    monkeypatch.setattr("cloudkit.io.read.read_structure_rows", rows)
    assert next(read_structures([tmp_path])).id == "0"
    assert len(taken) <= READ_AHEAD * LINES
