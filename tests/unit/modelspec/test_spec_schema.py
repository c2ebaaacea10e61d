"""The JSON Schema: committed, valid, explained, and of one mind with the reader."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cloudkit.modelspec import dump, json_schema, load_spec, parse_spec, presets, template
from cloudkit.modelspec.spec import schema_text

from .spec_examples import RICH
from .test_spec_mistakes import MISTAKES

COMMITTED = Path(__file__).parents[3] / "schemas" / "model.schema.json"


def valid(data: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(json_schema()).is_valid(data))


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    schema = json_schema()
    for model in (schema, *schema["$defs"].values()):
        yield from model.get("properties", {}).items()


def test_the_committed_schema_is_the_generated_one() -> None:
    assert COMMITTED.read_text() == schema_text(), (
        "run: python -m cloudkit.modelspec > schemas/model.schema.json"
    )


def test_the_schema_is_valid_in_draft_2020_12() -> None:
    schema = json.loads(schema_text())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_key_is_explained() -> None:
    assert [name for name, value in properties() if len(value.get("description", "")) < 10] == []


def test_a_changed_copy_does_not_change_the_schema() -> None:
    json_schema()["properties"].clear()
    assert "encoder" in json_schema()["properties"]


@pytest.mark.parametrize("preset", presets())
def test_presets_conform_to_the_schema_as_written_and_as_resolved(preset: str) -> None:
    resolved = dump(load_spec(preset, check_files=False))
    for written in (template(preset), resolved):
        data = yaml.safe_load(written.replace(" 1e-", " 1.0e-"))  # YAML 1.1 takes 1e-3 for text
        jsonschema.validate(data, json_schema(), cls=jsonschema.Draft202012Validator)


def test_what_is_wrong_for_the_reader_is_wrong_for_the_schema(folder: Path) -> None:
    assert valid(json.loads(parse_spec(RICH, "m.yaml", folder).model_dump_json(by_alias=True)))
    for old, new, *_ in MISTAKES:
        if ".nan" not in new:  # JSON has no NaN
            assert not valid(yaml.safe_load(RICH.replace("1e-3", "0.001").replace(old, new))) or new.endswith(
                "yes"
            ), new
