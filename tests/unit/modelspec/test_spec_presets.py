"""The presets, as specs and as commented texts to start from."""

from pathlib import Path

import pytest

from cloudkit.errors import CloudkitError
from cloudkit.modelspec import load_spec, parse_spec, presets, tables_of, template

from .test_spec_misspellings import known_names


def test_each_preset_has_a_summary_of_one_line() -> None:
    names = ["cv300", "is_metal", "matbench", "property", "published", "scaling", "thermal", "thermal-multi"]
    assert list(presets()) == names
    assert all(20 < len(summary) < 110 for summary in presets().values())


def test_thermal_learns_from_builtin_data_alone_and_measures_unseen_crystals() -> None:
    spec = load_spec("thermal")
    assert [task.kind for task in spec.tasks] == ["finetune", "evaluate"]
    learned, measured = (tables_of(task.data) for task in spec.tasks)
    assert [(table.builtin, table.part) for table in learned] == [("thermal", "train"), ("phonons", "all")]
    assert [(table.builtin, table.part) for table in measured] == [("thermal", "test")]
    assert spec.tasks[0].exclude_shared == "formula"
    assert spec.tasks[1].baselines == ["mean", "ridge", "boosted_trees"]
    assert spec.init_from == "geometry"
    assert spec.tokens.dialect == "orbit"


def test_cv300_reads_the_table_beside_you(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv.csv").write_text("cloud,cv,n_atoms\n")
    monkeypatch.chdir(tmp_path)
    spec = load_spec("cv300")
    target = spec.tasks[0].data.targets[0]
    assert (target.column, target.temperature, target.unit) == ("cv", 300, "J/mol_cell/K")
    assert (spec.tokens.dialect, spec.tasks[0].data.columns.text) == ("reduced", "cloud")
    assert spec.tasks[0].data.path == str(tmp_path / "cv.csv")


def test_the_templates_name_and_explain_every_key() -> None:
    text = "".join(template(preset) for preset in presets())
    assert "# yaml-language-server: $schema=" in template()
    assert [name for name in sorted(known_names()) if f"{name}:" not in text] == []


@pytest.mark.parametrize("preset", presets())
def test_each_top_level_key_and_scalar_of_a_template_has_a_comment_at_first_use(preset: str) -> None:
    seen: set[str] = set()
    for line in template(preset).splitlines():
        key = line.strip().removeprefix("- ").split(":")[0]
        if line.strip() and not line.lstrip().startswith("#") and key.isidentifier() and key not in seen:
            seen.add(key)
            explained = "#" in line or key in (
                "outputs",
                "kind",
                "mlm",
                "thermal",
                "data",
                "columns",
                "targets",
                "column",
            )
            assert explained, line


def test_a_template_with_its_own_name_is_a_spec(tmp_path: Path) -> None:
    text = template("thermal").replace("name: thermal", "name: mine")
    assert parse_spec(text, "mine.yaml", tmp_path).name == "mine"


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(CloudkitError, match="no preset 'termal'; did you mean 'thermal'"):
        template("termal")


def test_thermal_multi_joins_built_in_curves_and_a_table_of_your_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv.csv").write_text("cloud,cv,n_atoms\n")
    monkeypatch.chdir(tmp_path)
    builtin, own = load_spec("thermal-multi").tasks[0].data.join
    assert (builtin.builtin, builtin.part) == ("thermal", "train")
    assert own.path == str(tmp_path / "cv.csv") and own.targets[0].temperature == 300


SPECS = sorted((Path(__file__).parents[3] / "benchmarks" / "specs").glob("*.yaml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_each_spec_of_the_benchmarks_is_in_order_and_starts_from_one_that_leaves_out_its_rows(
    path: Path,
) -> None:
    spec = load_spec(path, check_files=False)
    assert spec.name == path.stem
    start = path.parent / f"{Path(spec.init_from or '').name}.yaml"
    if not start.name.startswith("geometry-"):
        return
    task = load_spec(start, check_files=False).tasks[0]
    assert task.exclude_shared == "formula"
    left_out = {table.path for table in task.exclude_from}
    assert {table.path for table in tables_of(spec.tasks[-1].data)} <= left_out
