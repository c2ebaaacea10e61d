"""A table of structures with labels is read alike by every verb: file names, CIF texts, JSON, or strings."""

import csv
import json
from pathlib import Path

import pytest

from cloudkit.cli.encode import LOOKED_AT
from cloudkit.io import read_table

from .cli_examples import POSCAR, ROCK_SALT

FORMS = ("file", "id", "poscar", "structure", "scope", "scope with structures", "lines")


@pytest.fixture(params=FORMS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two rows of rock salt with a label, in one of the forms."""
    (tmp_path / "one.vasp").write_text(POSCAR)
    (tmp_path / "two.vasp").write_text(POSCAR)
    lattice = [[0.0, 2.82, 2.82], [2.82, 0.0, 2.82], [2.82, 2.82, 0.0]]
    structure = {"lattice": lattice, "species": ["Na", "Cl"], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}
    cells = {
        "file": ("file", ["one.vasp", "two.vasp"]),
        "id": ("file", ["one", "two"]),
        "poscar": ("poscar", [POSCAR, POSCAR]),
        "structure": ("structure", [json.dumps(structure)] * 2),
        "scope": ("scope", [ROCK_SALT, ROCK_SALT]),
        "scope with structures": ("scope", [POSCAR, POSCAR]),
        "lines": ("structure", [structure, structure]),
    }
    column, values = cells[request.param]
    rows = [{"material_id": f"mp-{n}", column: value, "K": 25 + n} for n, value in enumerate(values)]
    if request.param == "lines":
        path = tmp_path / "labels.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    path = tmp_path / "labels.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_predict_audit_and_validate_read_it(cloudkit, table, tmp_path):
    answer = cloudkit("predict", "thermal", table, "-o", tmp_path / "out.csv")
    assert answer.code == 0, answer.err
    ids = set(read_table(tmp_path / "out.csv").text("id"))
    assert ids in ({"mp-0", "mp-1"}, {"labels.jsonl#mp-0", "labels.jsonl#mp-1"})
    answer = cloudkit("audit", table, "--json")
    assert answer.code == 0, answer.err
    (file,) = json.loads(answer.out)["files"]
    assert (file["rows"], file["valid"], file["strings"], file["labels"]) == (2, 2, 1, ["K"])
    for arguments in ((table,), ("--file", table)):
        answer = cloudkit("validate", *arguments)
        assert answer.code == 0 and "2 strings, 0 invalid, 0 with warnings" in answer.err, answer.err


SPEC = """
cloudkit: 1
name: own
encoder: {kind: transformer, layers: 1, heads: 2, width: 8}
heads: {own: {kind: regression, outputs: [K]}}
tasks:
  - {kind: finetune, head: own, data: {path: PATH, targets: &k [{column: K, quantity: K, unit: GPa}]}, epochs: 1, validation_fraction: 0}
  - {kind: evaluate, head: own, data: {path: PATH, targets: *k}, baselines: [mean]}
"""


def test_build_and_evaluate_read_it_and_a_changed_file_is_noticed(cloudkit, table, tmp_path):
    (tmp_path / "own.yaml").write_text(SPEC.replace("PATH", table.name))
    build = ("build", tmp_path / "own.yaml", "--out", tmp_path / "run")
    answer = cloudkit(*build)
    assert answer.code == 0, answer.err
    assert "K in GPa, 2 rows" in answer.out
    assert "mp-0" in (tmp_path / "run" / "predictions.csv").read_text()
    answer = cloudkit("evaluate", tmp_path / "run", table)
    assert answer.code == 0 and "K in GPa, 2 rows" in answer.out, answer.err
    assert "nothing changed" in cloudkit(*build).err
    (tmp_path / "one.vasp").write_text(POSCAR.replace("Na Cl", "K Cl"))
    names_files = "one" in table.read_text()
    assert ("nothing changed" in cloudkit(*build).err) != names_files


def test_columns_that_come_too_late_to_be_written_are_named(cloudkit, tmp_path):
    (tmp_path / "one.vasp").write_text(POSCAR)
    many, late, out = tmp_path / "many.csv", tmp_path / "late.csv", tmp_path / "out.csv"
    many.write_text("file,K\n" + "one.vasp,25\n" * LOOKED_AT)
    late.write_text("file,K,gap\none.vasp,26,5.0\n")
    answer = cloudkit("encode", many, late, "-o", out)
    assert (
        answer.code == 0
        and "not written: columns that appear only after the first 1,000 rows (gap)" in answer.err
    )
    assert read_table(out).column("K")[-1] == "26"
    answer = cloudkit("encode", late, many, "-o", out)
    assert answer.code == 0 and "not written" not in answer.err and read_table(out).column("gap")[0] == "5.0"
