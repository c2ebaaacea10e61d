"""Where specs and their data files are found."""

from pathlib import Path

import pytest

from cloudkit.errors import CloudkitError, SpecError
from cloudkit.modelspec import load_spec, parse_spec, template

from .spec_examples import RICH


def test_a_file_wins_over_a_preset_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_spec("thermal").name == "thermal"
    (tmp_path / "thermal").write_text(template("thermal").replace("name: thermal", "name: mine"))
    assert load_spec("thermal").name == "mine"


def test_a_folder_does_not_hide_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thermal").mkdir()
    assert load_spec("thermal").name == "thermal"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("themal", "no file or preset 'themal'; did you mean 'thermal'?"),
        (
            "model.yaml",
            "no file or preset 'model.yaml'; known: cv300, is_metal, matbench, property, published, scaling",
        ),
        ("x" * 5000, "no file or preset"),
        ("a\0b", "no file or preset"),
        (
            ".",
            ". is a folder; give a spec file or a preset: cv300, is_metal, matbench, property, published, scaling, thermal",
        ),
    ],
)
def test_an_unknown_source_is_one_clear_message(source: str, message: str) -> None:
    with pytest.raises(CloudkitError, match=f"^{message[:25]}".replace(".", r"\.")) as caught:
        load_spec(source)
    assert message in str(caught.value)


def test_all_missing_files_are_reported_together_with_the_nearest_name(folder: Path) -> None:
    (folder / "cv.csv").rename(folder / "cv_.csv")
    (folder / "gap.csv").unlink()
    (folder / "gap.csv").mkdir()
    with pytest.raises(SpecError) as caught:
        parse_spec(RICH, "m.yaml", folder)
    assert [problem.message for problem in caught.value.problems] == [
        f"tasks.1.data.path = 'cv.csv': no such file in {folder}; did you mean 'cv_.csv'?",
        f"tasks.2.data.path = 'gap.csv': {folder / 'gap.csv'} is a folder, not a file",
    ]


def test_a_missing_file_of_the_preset_is_reported_once_and_without_an_unlike_name(folder: Path) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(template("property"), "m.yaml", folder)
    assert [problem.message for problem in caught.value.problems] == [
        f"tasks.0.data.path = 'labels.csv': no such file in {folder}"
    ]


@pytest.mark.parametrize("path", ["no/such/folder/cv.csv", '"a\\0b"', "x" * 5000, "cv.csv/inside"])
def test_a_path_that_cannot_exist_is_a_problem_not_a_crash(folder: Path, path: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(RICH.replace("path: cv.csv", f"path: {path}"), "m.yaml", folder)
    (problem,) = caught.value.problems
    assert problem.message.startswith("tasks.1.data.path = ")
    assert problem.column == 13


def test_a_trained_model_outlives_its_data(tmp_path: Path) -> None:
    spec = parse_spec(RICH, "m.yaml", tmp_path, check_files=False)
    assert spec.tasks[1].data.path == str(tmp_path / "cv.csv")
