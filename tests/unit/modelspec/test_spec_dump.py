"""A dumped spec reads back as the same spec."""

from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cloudkit.modelspec import Spec, dump, load_spec, parse_spec

from .spec_examples import RICH


def again(spec: Spec) -> Spec:
    return parse_spec(dump(spec), "dump.yaml", Path("/"), check_files=False)


def test_presets_and_a_rich_spec_survive_a_round_trip(folder: Path) -> None:
    for spec in (
        parse_spec(RICH, "m.yaml", folder),
        load_spec("thermal"),
        load_spec("cv300", check_files=False),
    ):
        assert again(spec) == spec


def test_defaults_are_written_out_and_kind_comes_first(folder: Path) -> None:
    text = dump(parse_spec(RICH, "m.yaml", folder))
    assert "- kind: finetune\n  head: gap\n" in text
    assert "      n_atoms: n_atoms\n      id: null\n" in text
    assert "  transform: log\n" in text


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=TEXT, rate=st.floats(min_value=0, exclude_min=True, allow_infinity=False), unit=st.text(max_size=5)
)
@example(column="1e-3", rate=5e-324, unit="null")
@example(column="c", rate=1.0, unit="\x85")
@example(column="yes", rate=1e22, unit="1:30")
@example(column="2024-01-01", rate=1e-5, unit="007")
@example(column="a: b\n# c", rate=1.5, unit="\x85 \u2028")
def test_any_column_unit_and_rate_survive_a_round_trip(
    folder: Path, column: str, rate: float, unit: str
) -> None:
    data = parse_spec(RICH, "m.yaml", folder).model_dump()
    data["tasks"][2]["data"]["targets"][0] |= {"column": column, "unit": unit}
    data["tasks"][2]["learning_rate"] = rate
    spec = Spec.model_validate(data)
    assert again(spec) == spec


def test_other_yaml_readers_see_the_same_text(folder: Path) -> None:
    data = parse_spec(RICH, "m.yaml", folder).model_dump()
    for word in ("no", "on", "1:30", "1e-3", "2024-01-01", "0x1f", "~"):
        data["name"] = "n"
        data["tasks"][2]["data"]["targets"][0]["column"] = word
        read = yaml.safe_load(dump(Spec.model_validate(data)))
        assert read["tasks"][2]["data"]["targets"][0]["column"] == word
