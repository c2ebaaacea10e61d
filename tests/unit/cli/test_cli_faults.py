"""A folder with one file of every kind of fault, by every way in: each record is in exactly one of the outputs, and nothing bursts."""

import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from cloudkit.encoding import EncodeOptions, encode_batch, encode_files, encode_records
from cloudkit.io import read_structures
from cloudkit.structure import ENGINES, Engine

CIF: Final = (
    "data_x\n_cell_length_a 5.64\n_cell_length_b 5.64\n_cell_length_c 5.64\n_symmetry_space_group_name_H-M 'F m -3 m'\n"
    "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nNa1 0 0 0\nCl1 0.5 0.5 0.5\n"
)
FILES: Final = {
    "binary.cif": b"\x00\xff\x00",
    "empty.cif": b"",
    "group.cif": CIF.replace("F m -3 m", "Q 7").encode(),
    "label.cif": CIF.replace("Na1", "Zz1").encode(),
    "modulated.cif": (CIF + "_cell_modulation_dimension 1\n").encode(),
    "noted.cif": (CIF + "_chemical_formula_sum 'K Cl'\n").encode(),
    "shares.cif": CIF.replace("_atom_site_label", "_atom_site_type_symbol").replace("Na1", "Na/K").encode(),
    "list.json": b"[1, 2]",
    "deep.json": b"[" * 100_000,
    "flat.vasp": b"x\n1\n1 0 0\n2 0 0\n0 0 1\nNa\n1\nDirect\n0 0 0\n",
    "sheet.extxyz": b'1\nLattice="9 0 0 0 9 0 0 0 9" pbc="1 1 0"\nNa 0 0 0\n',
    "short.extxyz": b"5\nx\n",
    "table.csv": b"cif\nnothing\n",
    "vasprun.xml": b"<modeling>",
    "what.xyzzy": b"?",
}
NOTED: Final = "noted.cif"  # the only one that is encoded, with a note
SEVERAL: Final = {"list.json": ["list.json#1", "list.json#2"], "table.csv": ["table.csv#1"]}
WANTED: Final = sorted(row_id for name in FILES for row_id in SEVERAL.get(name, [name]))


@pytest.fixture
def faults(tmp_path: Path) -> Path:
    """The folder."""
    folder = tmp_path / "faults"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def read_jsonl(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("form", ["folder", "zip", "gztar"])
def test_the_command_puts_each_record_in_one_output(cloudkit, faults, tmp_path, form, jobs):
    given, prefix = faults, ""
    if form != "folder":
        given = Path(shutil.make_archive(str(tmp_path / "packed"), form, faults))
        prefix = f"{given.name}/"
    out = tmp_path / "out.jsonl", tmp_path / "bad.jsonl", tmp_path / "notes.jsonl"
    answer = cloudkit("encode", given, "-j", jobs, "-o", out[0], "--failures", out[1], "--notes", out[2])
    done, failed, notes = map(read_jsonl, out)
    assert answer.code == 1 and "Traceback" not in answer.err
    assert sorted(row["id"].removeprefix(prefix) for row in (*done, *failed)) == WANTED
    assert [row["id"].removeprefix(prefix) for row in done] == [NOTED]
    assert "states the formula K Cl" in notes[-1]["note"]


@pytest.mark.parametrize("name", FILES)
def test_standard_input_puts_each_record_in_one_output(cloudkit, tmp_path, name):
    out = tmp_path / "out.jsonl", tmp_path / "bad.jsonl"
    answer = cloudkit("encode", "-", "-o", out[0], "--failures", out[1], stdin=FILES[name])
    done, failed = map(read_jsonl, out)
    assert "Traceback" not in answer.err
    assert answer.code == (0 if name == NOTED else 1)
    assert len(done) == (name == NOTED)
    assert len(done) + len(failed) == len(SEVERAL.get(name, [name]))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("engine", ENGINES)
def test_python_gives_each_record_a_row(faults: Path, engine: Engine, jobs: int) -> None:
    rows = list(encode_files([faults], EncodeOptions(engine=engine), jobs=jobs))
    assert sorted(row.id for row in rows) == WANTED
    assert [row.id for row in rows if row.scope is not None] == [NOTED]
    assert all((row.scope is None) != (row.error is None) for row in rows)


def test_records_and_batches_give_each_record_a_row(faults: Path) -> None:
    records = list(read_structures([faults]))
    rows = list(encode_records(records))
    assert [row.id for row in rows] == [record.id for record in records]
    assert [row.id for row in rows if row.error is None] == [NOTED]
    paths = sorted(faults.iterdir())
    batch = encode_batch(paths, jobs=2)
    assert [path.name for path, text in zip(paths, batch.texts, strict=True) if text is not None] == [NOTED]
    assert [path.name for path, error in zip(paths, batch.errors, strict=True) if error is None] == [NOTED]
