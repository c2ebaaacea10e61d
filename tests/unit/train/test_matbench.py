"""Folds of a file, and results of Matbench tasks in the form that the package `matbench` reads."""

import csv
import gzip
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.model_selection import KFold

import cloudkit
from cloudkit.data import read_builtin
from cloudkit.data.folds import take_fold
from cloudkit.errors import CloudkitError, DataError, SpecError
from cloudkit.io import Table
from cloudkit.modelspec import parse_spec, template
from cloudkit.train import build, find_data_file, fold_specs, matbench, task_name

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("CLOUDKIT_SHARED", ROOT.parent / "shared")) / "data"
PHONONS = SHARED / "matbench_phonons.jsonl.gz"
OFFICIAL = ROOT / ".matbench"
ROWS = 636  # of matbench_jdft2d
TINY = (
    "encoder.width=8", "encoder.layers=1", "encoder.feedforward=8", "tasks.0.epochs=1", "tasks.1.baselines=[]",
    "tasks.0.exclude_shared=none",
)  # fmt: skip
STRINGS = ("tasks.0.data.columns={text: scope}", "tasks.1.data.columns={text: scope}")


@pytest.mark.parametrize(("rows", "count", "seed"), [(636, 5, 18012019), (11, 3, 0), (5, 5, 7)])
def test_folds_are_those_of_scikit_learn(rows: int, count: int, seed: int) -> None:
    table = Table("t", {"row": list(range(rows))})
    for fold, (train, test) in enumerate(
        KFold(count, shuffle=True, random_state=seed).split(np.arange(rows))
    ):
        assert take_fold(table, count, seed, fold, "train").column("row") == train.tolist()
        assert take_fold(table, count, seed, fold, "test").column("row") == test.tolist()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as matminer keeps data sets, with matbench_jdft2d of made-up labels on real strings, two of them twice."""
    folder = tmp_path_factory.mktemp("matminer")
    texts = read_builtin("minerals").text("scope")[: ROWS - 2]
    rows = [[text, float(len(text) % 17)] for text in [*texts, *texts[:2]]]
    document = {"index": list(range(ROWS)), "columns": ["scope", "exfoliation_en"], "data": rows}
    with gzip.open(folder / "matbench_jdft2d.json.gz", "wt") as file:
        json.dump(document, file)
    return folder


@pytest.fixture(scope="module")
def run(home: Path) -> Path:
    """The folder of a run on the five folds."""
    specs = fold_specs("matbench", "matbench_jdft2d", home / "matbench_jdft2d.json.gz", None, TINY + STRINGS)
    found = matbench("matbench_jdft2d", specs, home / "run")
    assert len(found.scores) == 5 and found.parameters > 0
    return home / "run"


@pytest.fixture(scope="module")
def results(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "results.json").read_text())
    return found


def test_each_row_is_predicted_once_in_its_official_fold(results: dict[str, Any]) -> None:
    folds = results["tasks"]["matbench_jdft2d"]["results"]
    splits = KFold(5, shuffle=True, random_state=18012019).split(np.arange(ROWS))
    for fold, (_, test) in enumerate(splits):
        assert list(folds[f"fold_{fold}"]["data"]) == [f"mb-jdft2d-{row + 1:03d}" for row in test]


def test_the_predictions_are_those_of_the_models_of_the_folds(run: Path, results: dict[str, Any]) -> None:
    texts = [*read_builtin("minerals").text("scope")[: ROWS - 2], *read_builtin("minerals").text("scope")[:2]]
    data = results["tasks"]["matbench_jdft2d"]["results"]["fold_3"]["data"]
    rows = [int(name.rpartition("-")[2]) - 1 for name in data]
    again = cloudkit.load(run / "fold_3").predict([texts[row] for row in rows])
    assert list(data.values()) == pytest.approx(again["value"].to_list(), rel=1e-5)


def test_the_scores_are_those_of_scikit_learn(results: dict[str, Any], home: Path) -> None:
    with gzip.open(home / "matbench_jdft2d.json.gz") as file:
        labels = [row[1] for row in json.load(file)["data"]]
    for fold in results["tasks"]["matbench_jdft2d"]["results"].values():
        target = np.array([labels[int(name.rpartition("-")[2]) - 1] for name in fold["data"]])
        found, scores = np.array(list(fold["data"].values())), fold["scores"]
        assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(target, found))
        assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(target, found))
        assert scores["max_error"] == pytest.approx(metrics.max_error(target, found))
        above = target > 1e-5
        relative = metrics.mean_absolute_percentage_error(target[above], found[above])
        assert scores["mape"] == pytest.approx(relative)


def test_the_document_has_the_keys_and_the_hash_that_matbench_asks_for(results: dict[str, Any]) -> None:
    """MatbenchBenchmark.from_dict and MatbenchTask.from_dict of matbench 0.6: no key more or less."""
    keys = {"@module", "@class", "version", "benchmark_name", "tasks", "user_metadata", "datestamp", "hash"}
    assert set(results) == keys
    (task,) = results["tasks"].values()
    assert set(task) == {"@module", "@class", "benchmark_name", "dataset_name", "results"}
    assert all(
        set(fold) == {"data", "parameters", "scores", "uncertainty"} for fold in task["results"].values()
    )

    def in_order(value: Any) -> Any:
        return {k: in_order(value[k]) for k in sorted(value)} if isinstance(value, dict) else value

    rest = {key: value for key, value in results.items() if key != "hash"}
    assert results["hash"] == sha256(json.dumps(in_order(rest)).encode()).hexdigest()


@pytest.mark.skipif(
    not OFFICIAL.is_dir(), reason="the package matbench is missing; make matbench installs it"
)
def test_the_official_package_reads_the_results_and_finds_them_valid(run: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from matbench.bench import MatbenchBenchmark\n"
        "found = MatbenchBenchmark.from_file(sys.argv[2]); print(found.is_valid, found.matbench_jdft2d.scores.mae.mean)"
    )
    command = [sys.executable, "-c", code, str(OFFICIAL), str(run / "results.json")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-2:]
    folds = json.loads((run / "results.json").read_text())["tasks"]["matbench_jdft2d"]["results"]
    assert printed[0] == "True"
    assert float(printed[1]) == pytest.approx(np.mean([fold["scores"]["mae"] for fold in folds.values()]))


def test_finished_folds_are_not_made_again(run: Path, home: Path) -> None:
    lines: list[str] = []
    specs = fold_specs("matbench", "matbench_jdft2d", home / "matbench_jdft2d.json.gz", None, TINY + STRINGS)
    matbench("matbench_jdft2d", specs[:1], home / "run", log=lines.append)
    assert lines and all("unchanged" in line for line in lines if not line.startswith(("fold", "note")))


@pytest.mark.skipif(not PHONONS.exists(), reason=f"{PHONONS.name} is missing; set CLOUDKIT_SHARED")
def test_a_fold_of_the_phonons_of_matbench_reads_structures(tmp_path: Path) -> None:
    specs = fold_specs("matbench", "matbench_phonons", PHONONS, "last_phdos_peak_cm1", TINY)
    found = matbench("matbench_phonons", specs[:1], tmp_path)
    assert (
        100 < found.scores[0]["mae"] < 500
    )  # one epoch of a tiny model; labels deviate by 324 from their mean
    (fold,) = json.loads(found.file.read_text())["tasks"]["matbench_phonons"]["results"].values()
    assert len(fold["data"]) == 253 and fold["parameters"]["rows_without_string"] == 0


def test_a_data_set_is_found_where_matminer_keeps_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATMINER_DATA", str(home))
    assert find_data_file("matbench_jdft2d") == home / "matbench_jdft2d.json.gz"
    with pytest.raises(CloudkitError, match=r"the data of matbench_phonons was not found .* --data"):
        find_data_file("matbench_phonons")


def test_what_matbench_cannot_be_run_on_is_said(home: Path, tmp_path: Path) -> None:
    assert task_name("phonons") == "matbench_phonons"
    with pytest.raises(CloudkitError, match="called 'fonons'; did you mean 'phonons'"):
        task_name("fonons")
    (tmp_path / "short.csv").write_text("scope,exfoliation_en\n" + "x,1\n" * 9)
    specs = fold_specs("matbench", "matbench_jdft2d", tmp_path / "short.csv", None, TINY + STRINGS)
    with pytest.raises(DataError, match="matbench_jdft2d has 636 rows, found 9"):
        matbench("matbench_jdft2d", specs, tmp_path / "run")
    with pytest.raises(CloudkitError, match="has one evaluate task with one target"):
        fold_specs("thermal", "matbench_jdft2d", home / "matbench_jdft2d.json.gz")


def test_a_part_needs_folds_and_a_fold_lies_below_their_count(tmp_path: Path) -> None:
    (tmp_path / "matbench_phonons.json.gz").write_bytes(b"")
    with pytest.raises(SpecError, match=r"tasks.0.data.part = 'train' needs the key folds"):
        parse_spec(template("matbench"), "m.yaml", tmp_path, ["folds=null"])
    with pytest.raises(SpecError, match=r"folds.fold = 5: folds are numbered 0 to 4"):
        parse_spec(template("matbench"), "m.yaml", tmp_path, ["folds.fold=5"])


def test_any_table_can_be_divided_into_folds(project: Path) -> None:
    text = (project / "tiny.yaml").read_text().replace("{path: test.csv,", "{path: train.csv, part: test,")
    text = text.replace("data: {path: train.csv, columns", "data: {path: train.csv, part: train, columns")
    found = build(
        parse_spec(text + "folds: {count: 4, fold: 1}\n", "m.yaml", project, ["tasks.1.epochs=1"]),
        project / "x",
    )
    with (project / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = take_fold(Table("t", {"row": list(range(len(rows)))}), 4, 18012019, 1, "test").column("row")
    assert found.metrics["tasks"][0]["rows"] == len(chosen)
