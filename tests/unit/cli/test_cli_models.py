"""`build`, `predict` and `evaluate` on a model small enough to train here."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudkit.cli import main
from cloudkit.cli.predict import _check_curves
from cloudkit.errors import CloudkitError
from cloudkit.io import read_table
from cloudkit.predict import load

from .cli_examples import POSCAR, ROCK_SALT

pytest.importorskip("lightning")

SPEC = """cloudkit: 1
name: tiny
tokens: {dialect: orbit, vocabulary: compact, max_length: 64}
encoder: {kind: transformer, layers: 1, heads: 1, width: 8, dropout: 0.0}
heads:
  thermal: {kind: thermal, modes: debye, outputs: [heat_capacity]}
tasks:
  - kind: finetune
    head: thermal
    data:
      path: rows.csv
      columns: {text: scope}
      targets: [{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_atom/K}]
    epochs: 2
  - kind: evaluate
    head: thermal
    data:
      path: rows.csv
      columns: {text: scope}
      targets: [{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_atom/K}]
    baselines: [mean]
run: {accelerator: cpu}
"""
TEXTS = [ROCK_SALT.replace("Na", metal) for metal in ("Li", "Na", "K", "Rb", "Cs", "Ag")]
SALT_TOO_LONG = ROCK_SALT + " O 192l" * 40


def write_spec(folder: Path) -> Path:
    rows = "".join(f"{text},{20 + i}\n" for i, text in enumerate(TEXTS))
    (folder / "rows.csv").write_text("scope,cv\n" + rows)
    (folder / "tiny.yaml").write_text(SPEC)
    return folder / "tiny.yaml"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built model."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.raises(SystemExit) as ended:
        main(["build", str(write_spec(folder)), "--out", str(folder / "run")])
    assert not ended.value.code
    return folder / "run"


def test_a_second_build_does_nothing_and_shows_the_same_errors(cloudkit, trained):
    answer = cloudkit("build", trained.parent / "tiny.yaml", "--out", trained)
    assert answer.code == 0
    assert "nothing changed" in answer.err
    assert f"report: {trained / 'report.html'}" in answer.out
    lines = answer.out.splitlines()
    header = next(i for i, line in enumerate(lines) if "% of 3R" in line)
    assert lines[header - 1] == "heat_capacity in J/mol_atom/K, 6 rows"
    assert sorted(line.split("  ")[0] for line in lines[header + 1 : header + 3]) == ["mean", "this model"]


def test_json_of_a_build_has_stages_and_metrics(cloudkit, trained):
    document = json.loads(cloudkit("build", trained.parent / "tiny.yaml", "--out", trained, "--json").out)
    assert {stage["status"] for stage in document["stages"]} == {"reused"}
    assert document["metrics"]["tasks"][0]["rows"] == 6


def test_a_dry_run_writes_nothing(cloudkit, tmp_path):
    answer = cloudkit("build", write_spec(tmp_path), "--out", tmp_path / "run", "--dry-run")
    assert (answer.code, "is valid" in answer.out) == (0, True)
    assert not (tmp_path / "run").exists()


def test_all_mistakes_of_a_spec_come_at_once_with_line_and_column(cloudkit, tmp_path):
    spec = write_spec(tmp_path)
    wrong = SPEC.replace("heads: 1, width: 8", "heads: 3, width: 8").replace("dropout", "dropuot")
    spec.write_text(wrong.replace("path: rows.csv", "path: absent.csv", 1))
    answer = cloudkit("build", spec, "--out", tmp_path / "run")
    places = [line for line in answer.err.splitlines() if line.startswith(f"{spec}:")]
    assert answer.code == 2
    assert [line.removeprefix(f"{spec}:").split(":")[0] for line in places] == ["4", "4", "11"]
    assert not (tmp_path / "run").exists()


def test_set_changes_the_spec_and_a_wrong_value_is_refused(cloudkit, tmp_path):
    answer = cloudkit("build", write_spec(tmp_path), "--set", "tasks.0.epochs=never", "--dry-run")
    assert (answer.code, "tasks.0.epochs" in answer.err) == (2, True)


def test_a_structure_gets_values_with_units_over_temperature(cloudkit, trained, structures, tmp_path):
    out = tmp_path / "cv.csv"
    answer = cloudkit("predict", trained, structures / "salt.vasp", "-t", "0:600:100", "-o", out)
    assert answer.code == 0 and answer.err.startswith("1 predicted, 0 failed; 28 rows, ")
    with out.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["quantity"] == "heat_capacity"]
    assert [float(row["temperature"]) for row in rows] == [0, 100, 200, 300, 400, 500, 600]
    values = [float(row["value"]) for row in rows]
    assert values == sorted(values)
    assert values[0] == 0 < values[-1] < 3 * 8.32
    assert {row["unit"] for row in rows} == {"J/mol_atom/K"}


def test_strings_and_tables_of_strings_are_inputs_too(cloudkit, trained, tmp_path):
    (tmp_path / "s.csv").write_text(f"id,scope\nsalt,{ROCK_SALT}\nworse,nonsense\n")
    answer = cloudkit("predict", trained, ROCK_SALT, tmp_path / "s.csv", "--json")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    values = {row["id"]: row["value"] for row in lines if row.get("quantity") == "heat_capacity"}
    assert answer.code == 1
    assert set(values) == {"1", "salt"}
    assert values["1"] == pytest.approx(values["salt"], rel=1e-6)
    assert [row["id"] for row in lines if "code" in row] == ["worse"]
    assert "2 predicted, 1 failed; " in answer.err


def test_a_bar_in_the_name_of_a_file_makes_no_string_of_it(cloudkit, trained, tmp_path):
    (tmp_path / "a | b.vasp").write_text(POSCAR)
    answer = cloudkit("predict", trained, tmp_path / "a | b.vasp", "-t", 300, "--json")
    assert answer.code == 0 and json.loads(answer.out.splitlines()[0])["id"] == "a | b.vasp"
    long = ROCK_SALT + " Na 4a" * 60
    assert cloudkit("predict", trained, long).err.startswith("1: E")


def test_what_was_assumed_of_a_structure_is_told(cloudkit, trained, tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR.replace("Na Cl\n", "", 1))
    answer = cloudkit("predict", trained, tmp_path / "POSCAR")
    assert answer.code == 0 and "note: POSCAR: the POSCAR (VASP 4) names no elements" in answer.err


def test_what_encode_writes_predict_reads(cloudkit, trained, structures, tmp_path):
    for name in ("strings.csv", "strings.jsonl"):
        cloudkit("encode", structures / "salt.vasp", "-o", tmp_path / name)
        assert "salt.vasp" in cloudkit("predict", trained, tmp_path / name).out


def test_files_of_one_name_have_their_paths_as_ids(cloudkit, trained, structures, tmp_path):
    twin = tmp_path / "twin" / "salt.vasp"
    twin.parent.mkdir()
    twin.write_text((structures / "salt.vasp").read_text())
    answer = cloudkit("predict", trained, structures / "salt.vasp", twin, "-t", 300, "--json")
    ids = dict.fromkeys(json.loads(line)["id"] for line in answer.out.splitlines())
    assert list(ids) == [str(structures / "salt.vasp"), str(twin)]


def test_shards_that_encode_writes_are_read_too(cloudkit, trained, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.vasp").write_text(POSCAR)
    shards = tmp_path / "strings"
    assert cloudkit("encode", *tmp_path.glob("*.vasp"), "-o", shards, "--shard-size", 2).code == 0
    answer = cloudkit("predict", trained, shards, "-t", 300, "--json")
    ids = dict.fromkeys(json.loads(line)["id"] for line in answer.out.splitlines())
    assert answer.code == 0 and sorted(ids) == ["0.vasp", "1.vasp", "2.vasp"]


def test_a_string_longer_than_the_model_reads_is_listed(cloudkit, trained):
    answer = cloudkit("predict", trained, SALT_TOO_LONG)
    assert (answer.code, "P101" in answer.err, answer.out) == (1, True, "")


def test_a_temperature_below_zero_is_refused_before_anything_is_written(cloudkit, trained, tmp_path):
    answer = cloudkit("predict", trained, ROCK_SALT, "-t", "-5", "-o", tmp_path / "out.csv")
    assert (answer.code, "0 K or above" in answer.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_sheets_of_several_crystals_are_counted(cloudkit, trained, tmp_path):
    answer = cloudkit("predict", trained, ROCK_SALT, "1 2 | Na 4a", "--page", tmp_path / "all.html")
    assert answer.code == 1
    assert "2: E201: no space group has the generators" in answer.err
    assert answer.err.endswith("1 sheet, 1 failed\n")


def test_prototypes_are_listed_and_found_by_formula(cloudkit):
    listed = cloudkit("enumerate", "--list")
    assert (listed.code, listed.err) == (0, "")
    assert "AB2_hP3_191_a_d" in listed.out and "AlB2" in listed.out
    assert cloudkit("enumerate", "AlB2", "-e", "Al=Mg,Ti", "-e", "B=B").out.count("B 2d") == 2


def test_evaluate_shows_the_model_beside_its_baselines(cloudkit, trained):
    rows = trained.parent / "rows.csv"
    assert "this model" in cloudkit("evaluate", trained, rows).out
    document = json.loads(cloudkit("evaluate", trained, rows, "--json").out)
    assert document["tasks"][0]["rows"] == 6
    assert "mean" in document["tasks"][0]["baselines"]


def test_a_label_column_may_have_another_name(cloudkit, tmp_path):
    table = tmp_path / "moduli.csv"
    table.write_text(f"scope,K_VRH\n{ROCK_SALT},25\n")
    answer = cloudkit("evaluate", "elastic", table, "--label", "bulk_modulus=K_VRH")
    assert (answer.code, "bulk_modulus, 1 row" in answer.out) == (0, True)


@pytest.mark.parametrize(
    "content", ["scope,heat\nx,1\n", f"scope,cv\n{ROCK_SALT},nan\n", "", "scope,cv\nx,1\n"]
)
def test_data_without_usable_labels_is_an_error(cloudkit, trained, tmp_path, content):
    (tmp_path / "d.csv").write_text(content)
    answer = cloudkit("evaluate", trained, tmp_path / "d.csv")
    assert (answer.code, answer.out) == (2, "")
    assert "d.csv" in answer.err


@pytest.mark.parametrize("name", ["spec.yaml", "model.safetensors", "vocab.txt"])
def test_a_damaged_model_is_named(cloudkit, trained, tmp_path, name):
    for part in ("spec.yaml", "model.safetensors", "vocab.txt"):
        content = (trained / part).read_bytes()
        (tmp_path / part).write_bytes(content[: len(content) // 2] + b"\0" if part == name else content)
    answer = cloudkit("predict", tmp_path, ROCK_SALT)
    assert (answer.code, name in answer.err) == (2, True)


def test_a_plot_shows_several_crystals_and_the_points_that_were_measured(cloudkit, trained, tmp_path):
    points, picture = tmp_path / "points.csv", tmp_path / "cv.png"
    points.write_text(
        "id,temperature,value,unit,n_atoms\n1,100,40,J/mol_cell/K,2\n1,300,24.1,J/mol_atom/K,2\n"
    )
    arguments = (
        "predict",
        trained,
        ROCK_SALT,
        ROCK_SALT,
        "-t",
        "0:600:50",
        "--plot",
        picture,
        "--measured",
        points,
    )
    assert cloudkit(*arguments).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    answer = cloudkit(*arguments)
    assert answer.out == "" and f"picture: {picture}" in answer.err
    points.write_text("id,temperature,value\nother,100,20\n")
    answer = cloudkit(*arguments)
    assert answer.code == 2 and "measured points of other, which is not drawn; drawn: 1, 2" in answer.err
    points.write_text("id,temperature,value\n1,-3,20\n")
    assert "row 1, column 'temperature': expected a temperature in K, 0 or above" in cloudkit(*arguments).err


def test_a_plot_has_a_panel_for_each_chosen_quantity_and_tables_have_only_these(cloudkit, trained, tmp_path):
    arguments = (
        "predict",
        trained,
        ROCK_SALT,
        ROCK_SALT.replace("Na", "K"),
        "-t",
        "0:600:100",
        "-o",
        tmp_path / "out.csv",
    )
    chosen = "-q", "entropy,heat_capacity", "-q", "phonon_density"
    assert cloudkit(*arguments, *chosen, "--plot", tmp_path / "a.svg").code == 0
    assert (tmp_path / "a.svg").read_text().count('id="axes_') == 3
    assert set(read_table(tmp_path / "out.csv").column("quantity")) == {"entropy", "heat_capacity"}
    assert (
        cloudkit("predict", trained, ROCK_SALT, "-q", "phonon_density", "--plot", tmp_path / "b.svg").code
        == 0
    )
    assert (tmp_path / "b.svg").read_text().count('id="axes_') == 1
    shown = cloudkit("predict", trained, ROCK_SALT, "-q", "entropy", "--wide").out.splitlines()
    assert shown[0].split() == ["id", "entropy", "(J/mol_atom/K)"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-q", "entropi"], "did you mean 'entropy'?"),
        (["-q", "phonon_density"], "use --plot FILE"),
        (["-q", "entropy", "--top", "3"], "for --top, use --by QUANTITY"),
        (["-q", "entropy", "--page", "a.html"], "a data sheet shows all quantities"),
    ],
)
def test_a_choice_of_quantities_that_cannot_work_is_refused(cloudkit, trained, arguments, reason):
    answer = cloudkit("predict", trained, ROCK_SALT, *arguments)
    assert answer.code == 2 and reason in answer.err


def test_a_quantity_without_a_curve_is_not_plotted(cloudkit, tmp_path):
    answer = cloudkit(
        "predict", "materials", ROCK_SALT, "-q", "band_gap", "-t", "0,9", "--plot", tmp_path / "a.png"
    )
    assert answer.code == 2 and "band_gap does not depend on temperature" in answer.err


def test_a_plot_of_one_temperature_or_of_another_kind_is_refused(cloudkit, trained, tmp_path):
    answer = cloudkit("predict", trained, ROCK_SALT, "--plot", tmp_path / "a.png")
    assert answer.code == 2 and "curves need two or more temperatures" in answer.err
    table = tmp_path / "a.csv"
    answer = cloudkit(
        "predict", trained, ROCK_SALT, "--plot", tmp_path / "a.png", "-t", "300,300", "-o", table
    )
    assert answer.code == 2 and "curves need two or more temperatures" in answer.err and not table.exists()
    with pytest.raises(CloudkitError, match="the quantities of model gap do not depend on temperature"):
        _check_curves(SimpleNamespace(name="gap", heads=["gap"], thermal=False), [0, 300], [])
    assert (
        "use .png or .svg or .pdf"
        in cloudkit("predict", trained, ROCK_SALT, "--plot", tmp_path / "a.jpg").err
    )
    assert (
        "--measured needs --plot FILE"
        in cloudkit("predict", trained, ROCK_SALT, "--measured", tmp_path / "p.csv").err
    )


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_kind_of_table_holds_the_same_numbers_to_the_last_digit(cloudkit, trained, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    assert cloudkit("predict", trained, ROCK_SALT, "-t", "0,77.3,300", "-o", out).code == 0
    table, wanted = read_table(out), load(trained).predict([ROCK_SALT], [0, 77.3, 300])
    assert list(table.columns) == list(wanted.columns)
    assert table.numbers("value").tolist() == wanted["value"].tolist()
    assert table.column("unit") == wanted["unit"].tolist()


def test_failures_go_to_the_ledger_when_one_is_named(cloudkit, trained, structures, tmp_path):
    ledger = tmp_path / "failed.jsonl"
    answer = cloudkit("predict", trained, structures, "--failures", ledger, "-o", tmp_path / "out.csv")
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert answer.code == 1 and {entry["id"] for entry in entries} == {"broken.cif", "notes.md"}
    assert all(entry["code"] and entry["message"] for entry in entries)
