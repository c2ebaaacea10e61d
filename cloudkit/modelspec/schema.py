"""JSON Schema of the spec file: ``python -m cloudkit.modelspec > schemas/model.schema.json``."""

import copy
import functools
import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from cloudkit.modelspec.spec import Spec


class _Generator(GenerateJsonSchema):
    """Leaves out the titles that only repeat a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _close_names(schema: dict[str, Any]) -> None:
    """Refuse names of heads that do not match their pattern; pydantic's schema leaves them unchecked."""
    for value in schema.values():
        if isinstance(value, dict):
            _close_names(value)
    if "patternProperties" in schema:
        ((pattern, member),) = schema.pop("patternProperties").items()
        schema["propertyNames"] = {"pattern": pattern, **schema.get("propertyNames", {})}
        schema["additionalProperties"] = member


@functools.cache
def _schema() -> dict[str, Any]:
    schema = Spec.model_json_schema(schema_generator=_Generator)
    _close_names(schema)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cloudkit model spec"}
    return {**head, **{key: value for key, value in schema.items() if key not in head}}


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as a dict that the caller may change."""
    return copy.deepcopy(_schema())


def text() -> str:
    """The schema as the committed file holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
