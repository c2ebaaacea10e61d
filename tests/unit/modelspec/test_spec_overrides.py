"""``--set a.b=c``."""

from pathlib import Path

import pytest

from cloudkit.modelspec import load_spec, parse_spec

from .spec_examples import RICH

SMALL = "cloudkit: 1\nname: s\nencoder: {kind: transformer}\nheads: {m: {kind: masked_tokens}}\n"
SMALL += "tasks: [{kind: pretrain, head: m, data: {builtin: minerals}}]\n"


def test_values_are_yaml_and_paths_reach_everywhere(folder: Path) -> None:
    spec = parse_spec(
        RICH,
        "m.yaml",
        folder,
        [
            "tasks.0.epochs=3",
            "tasks.0.learning_rate=1e-4",
            "encoder.feedforward=null",
            "heads.thermal.outputs=[heat_capacity]",
            "tasks.1.data.columns.id=",
            "tasks.2.data.targets.0.column=a=b",
        ],
    )
    assert (spec.tasks[0].epochs, spec.tasks[0].learning_rate, spec.encoder.feedforward) == (3, 1e-4, None)
    assert spec.tasks[2].data.targets[0].column == "a=b"
    assert spec.heads["thermal"].outputs == ["heat_capacity"]
    assert spec.tasks[1].data.columns.id is None


def test_mappings_that_are_not_written_are_made(tmp_path: Path) -> None:
    spec = parse_spec(SMALL, "s.yaml", tmp_path, ["run.seed=5", "tokens.max_length=128"])
    assert (spec.run.seed, spec.tokens.max_length, spec.run.nodes) == (5, 128, 1)


def test_later_overrides_win_and_may_name_a_new_head(tmp_path: Path) -> None:
    spec = parse_spec(
        SMALL, "s.yaml", tmp_path, ["heads.t={kind: thermal}", "heads.t.modes=debye", "name=a", "name=b"]
    )
    assert spec.heads["t"].kind == "thermal"
    assert spec.name == "b"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder.widht=64", "1  unknown key 'widht' in encoder; did you mean 'width'?"),
        ("encodr.width=64", "1  unknown key 'encodr' in the spec; did you mean 'encoder'?"),
        ("heads.termal.modes=debye", "1  no 'termal' in heads; did you mean 'thermal'?"),
        ("tasks.7.epochs=3", "1  tasks has no item '7'; its items are 0 to 5"),
        ("tasks.-1.epochs=3", "1  tasks has no item '-1'; its items are 0 to 5"),
        ("name.x=3", "1  name has no keys, so 'name.x' cannot be set"),
        ("encoder.width", "1  'encoder.width' is not of the form KEY=VALUE"),
        ("=3", "1  '=3' is not of the form KEY=VALUE"),
        ("encoder..width=3", "1  unknown key '' in encoder; known: "),
        ("encoder.width=[1", "17  not valid YAML: "),
        ("encoder.width={a: 1, a: 2}", "22  duplicate key 'a'"),
        ("encoder.width=wide", "15  encoder.width must be a whole number (at least 1), not 'wide'"),
        ("encoder.heads=7", "15  encoder.heads = 7 does not divide encoder.width = 128; try 4, 8 or 16"),
    ],
)
def test_a_wrong_override_is_named_by_its_number_and_column(problems, override: str, message: str) -> None:
    found = problems(RICH, ["run.seed=2", override])
    assert any(problem.startswith(f"--set:2:{message}") for problem in found), found


def test_a_path_of_the_command_line_counts_from_the_working_directory(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "other.csv").touch()
    (folder / "m.yaml").write_text(RICH)
    monkeypatch.chdir(elsewhere)
    spec = load_spec(folder / "m.yaml", ["tasks.1.data.path=other.csv"])
    assert spec.tasks[1].data.path == str(elsewhere / "other.csv")
    assert spec.tasks[2].data.path == str(folder / "gap.csv")
