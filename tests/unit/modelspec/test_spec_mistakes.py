"""What a user reads when a spec is wrong: place, value, what is allowed, nearest name."""

from pathlib import Path

import pytest

from cloudkit.errors import SpecError
from cloudkit.modelspec import load_spec, parse_spec

from .spec_examples import RICH, line_of


def test_three_mistakes_give_three_errors_with_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "model.yaml"
    file.write_text(
        "cloudkit: 1\n"
        "name: bad\n"
        "encoder:\n"
        "  kind: transformer\n"
        "  heads: 7\n"
        "  width: 256\n"
        "  dropuot: 0.1\n"
        "heads: {thermal: {kind: thermal}}\n"
        "tasks:\n"
        "  - kind: finetune\n"
        "    head: thermal\n"
        "    data:\n"
        "      path: missing.csv\n"
        "      targets: [{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_cell/K}]\n"
    )
    with pytest.raises(SpecError) as caught:
        load_spec(file)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{file}:5:10  encoder.heads = 7 does not divide encoder.width = 256; try 4, 8 or 16",
        f"{file}:7:3  unknown key 'dropuot' in encoder; did you mean 'dropout'?",
        f"{file}:13:13  tasks.0.data.path = 'missing.csv': no such file in {tmp_path}",
    ]


def test_the_example_of_the_tests_is_right(folder: Path) -> None:
    spec = parse_spec(RICH, "m.yaml", folder)
    assert spec.tasks[1].data.path == str(folder / "cv.csv")
    assert spec.tasks[0].learning_rate == 0.001


MISTAKES = [  # (written, changed to, where in the changed text, message)
    ("cloudkit: 1", "cloudkit: 2", "cloudkit: 2", 11, "cloudkit must be 1, not 2"),
    ("cloudkit: 1", "cloudkit: true", "cloudkit: true", 11, "cloudkit must be 1, not true"),
    ("name: rich", "name: ../x", "name: ../x", 7, "name must be text (matching ^[A-Za-z0-9][A-Za-z0-9._-]*$, "
     "at most 100 characters), not '../x'"),
    ("name: rich", "name: 2024", "name: 2024", 7, "name must be text (matching ^[A-Za-z0-9][A-Za-z0-9._-]*$, "
     "at most 100 characters), not 2024; put it in quotes to make it text"),
    ("layers: 3", "layers: three", "layers: three", 11,
     "encoder.layers must be a whole number (at least 1), not 'three'"),
    ("width: 128", "width: 128.5", "width: 128.5", 10,
     "encoder.width must be a whole number (at least 1), not 128.5"),
    ("features: true", "features: yes", "features: yes", 13,
     "encoder.features must be true or false, not 'yes'"),
    ("dropout: 0.05", "dropout: .nan", "dropout: .nan", 12,
     "encoder.dropout must be a number (at least 0, below 1), not nan"),
    ("pooling: cls_mean", "pooling: cls_men", "pooling: cls_men", 12,
     "encoder.pooling must be cls, mean, cls_mean or attention, not 'cls_men'; did you mean 'cls_mean'?"),
    ("kind: masked_tokens", "kind: masked_token", "kind: masked_token", 11, "heads.mlm.kind must be classification, "
     "geometry, masked_tokens, regression or thermal, not 'masked_token'; did you mean 'masked_tokens'?"),
    ("    kind: regression\n", "", "  gap:\n", 3,
     "heads.gap needs the key 'kind': classification, geometry, masked_tokens, regression or thermal"),
    ("  mlm:", "  m-l:", "m-l:", 3, "the name 'm-l' in heads must be text (matching ^[A-Za-z][A-Za-z0-9_]*$, "
     "at most 64 characters)"),
    ("    mask: 0.15", "    mask: 0.15\n    width: 3", "width: 3\n", 5, "unknown key 'width' in heads.mlm; "
     "known: kind, mask, hide, tied"),
    ("[heat_capacity, entropy]", "[]", "outputs: []", 5,
     "heads.thermal.outputs must be a list (not empty), not an empty list"),
    ("        - column: cv\n          missing: skip\n", "        - missing: skip\n", "- missing: skip",
     11, "tasks.1.data.targets.0 needs the key 'column': text (not empty)"),
    ("temperature: 300", "temperature: -1", "temperature: -1", 24,
     "tasks.1.data.targets.0.temperature must be a number (at least 0), text (not empty) or null, not -1"),
    ("validation_fraction: 0.1\n", "validation_fraction: 1\n", "validation_fraction: 1\n", 26,
     "tasks.1.validation_fraction must be a number (at least 0, below 1), not 1"),
    ("      path: gap.csv\n", "", "data:\n      targets:\n        - column: gap", 5,
     "tasks.2.data needs the key 'builtin', 'path' or 'join'"),
    ("      path: gap.csv\n", "      path: gap.csv\n      builtin: thermal\n", "path: gap.csv", 7,
     "tasks.2.data has both 'builtin' and 'path'; keep one"),
    ("devices: 2", "devices: all", "devices: all", 12,
     "run.devices must be auto or a whole number (at least 1), not 'all'"),
    ("baselines: [mean, ridge]", "baselines: [mean, rigde]", "rigde]", 23, "tasks.3.baselines.1 must be mean, ridge, "
     "extra_trees or boosted_trees, not 'rigde'; did you mean 'ridge'?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "column", "message"), MISTAKES)
def test_each_mistake_gives_one_message_at_its_place(problems, old, new, place, column, message) -> None:
    assert RICH.count(old) == 1
    text = RICH.replace(old, new)
    if place == "  mlm:":
        text = text.replace("head: mlm", "head: gap")
    found = problems(text)
    expected = f"m.yaml:{line_of(text, place)}:{column}  {message}"
    assert expected in found
    assert len(found) == (2 if "m-l" in new else 1), found  # the renamed head is missed by its task, too


def test_one_broken_key_does_not_hide_the_others(problems) -> None:
    text = RICH.replace("kind: transformer", "kind: transfomer").replace("heads: 4", "heads: 5")
    text = text.replace("head: gap", "head: gapp").replace("quantity: band_gap", "quantity: bandgap")
    text = text.replace("kind: thermal", "kind: termal", 1).replace("unit: J/mol_cell/K", "unit: J/mol_cel/K")
    found = problems(text)
    assert len(found) == 6
    assert found.pop(1).endswith("encoder.heads = 5 does not divide encoder.width = 128; try 2, 4 or 8")
    ends = [problem.split("did you mean ")[-1] for problem in found]
    assert ends == ["'transformer'?", "'thermal'?", "'J/mol_cell/K'?", "'gap'?", "'band_gap'?"]


def test_problems_stand_in_the_order_of_the_file_and_overrides_last(problems) -> None:
    text = RICH.replace("seed: 1", "sed: 1").replace("layers: 3", "layers: 0")
    found = problems(text, ["encoder.width=x", "name=1"])
    assert [problem.split("  ")[0].rsplit(":", 1)[0] for problem in found] == [
        f"m.yaml:{line_of(text, 'layers: 0')}",
        f"m.yaml:{line_of(text, 'sed: 1')}",
        "--set:1",
        "--set:2",
    ]
