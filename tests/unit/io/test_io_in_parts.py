"""Files that are read in parts: every record once, with its own line number, whatever the number of jobs."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from cloudkit.encoding import EncodeOptions, encode_files
from cloudkit.io import read_structures
from cloudkit.io.chunks import LINES
from cloudkit.io.read import find_chunks

from ..structure.structure_examples import CUBIC_POSCAR, ROCK_SALT


def line(number: int, **more: object) -> str:
    lattice = np.diag([4, 4, 5 + number / 100]).tolist()
    return json.dumps(
        {"lattice": lattice, "species": ["Cs", "Cl"], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]], **more}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of all kinds, good and bad, one of them with more structures than fit in one part."""
    lines = [line(i, **({"id": f"x{i}"} if i % 2 else {})) for i in range(3 * LINES + 5)]
    lines[LINES + 3] = "{"
    lines[LINES + 4] = ""
    (tmp_path / "many.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "two.cif").write_text(ROCK_SALT + ROCK_SALT.replace("data_rock", "data_other"))
    (tmp_path / "a.vasp").write_text(CUBIC_POSCAR)
    (tmp_path / "bad.cif").write_text("data_x\n_cell_length_a 5\n")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "notes.txt").write_text("no structure")
    return tmp_path


def test_a_file_of_json_lines_comes_in_parts_with_its_own_line_numbers(folder: Path) -> None:
    assert len([chunk for chunk in find_chunks([folder]) if chunk.name == "many.jsonl"]) == 4
    records = [record for record in read_structures([folder]) if record.id.startswith("many")]
    names = [f"x{i}" if i % 2 else str(i + 1) for i in range(3 * LINES + 5) if i != LINES + 4]
    names[LINES + 3] = str(LINES + 4)
    assert [record.id for record in records] == [f"many.jsonl#{name}" for name in names]
    assert f"line {LINES + 4} is not JSON" in str(records[LINES + 3].error)


def test_damage_inside_a_gzipped_file_costs_only_what_comes_after_it(tmp_path: Path) -> None:
    whole = gzip.compress("".join(line(i, id=str(np.pi * i)) + "\n" for i in range(2000)).encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    records = list(read_structures([tmp_path]))
    assert len(records) > 3 * LINES
    assert all(record.crystal is not None for record in records[:-1])
    assert records[-1].error is not None
    assert records[-1].error.code == "S101"


@pytest.mark.parametrize("order", ["canonical", "input"])
def test_two_jobs_give_what_one_gives(folder: Path, order: str) -> None:
    def rows(jobs: int) -> list[tuple[object, ...]]:
        return [
            (*row[:5], str(row.error)) for row in encode_files([folder], EncodeOptions(order=order), jobs)
        ]

    assert rows(2) == rows(1)
    assert len(rows(1)) == len(list(read_structures([folder])))
