"""Write schemas/{scope,diagnostics}.schema.json; CI diffs the result (`make schemas`).

    python spec/tools/build_schemas.py

The tree's schema carries, per space group, its generators and its Wyckoff positions with their multiplicities, so any
JSON Schema validator refuses a letter that the group does not have. Standard library only, from spec/tables.
"""

import csv
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]


def read(name: str) -> list[dict[str, str]]:
    with (ROOT / "spec/tables" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def closed(properties: Json, description: str, optional: Json | None = None) -> Json:
    """An object with exactly these properties, and perhaps some optional ones."""
    return {
        "description": description, "type": "object", "properties": properties | (optional or {}),
        "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def listed(items: Json) -> Json:
    return {"type": "array", "items": items, "minItems": 1}


def group_schema(row: dict[str, str], wyckoff: list[dict[str, str]]) -> Json:
    """What a tree of this space group must satisfy."""
    pairs = [
        {"properties": {"letter": {"const": w["letter"]}, "multiplicity": {"const": int(w["multiplicity"])}}}
        for w in wyckoff
        if w["space_group"] == row["number"]
    ]
    sites = {"items": {"anyOf": pairs}}
    generators = {"const": " ".join(row["generators"])}
    return {"properties": {"generators": generators, "orbits": sites, "wyckoff": sites, "sites": sites}}


def scope_schema() -> Json:
    groups, wyckoff = read("space_groups.csv"), read("wyckoff.csv")
    symbol = {
        "multiplicity": {"type": "integer", "minimum": 1, "maximum": 192},
        "letter": {"type": "string", "pattern": "^[a-zA]$"},
    }
    fraction = {"type": "number", "minimum": 0, "maximum": 1}
    head = {
        "space_group": {"type": "integer", "minimum": 1, "maximum": 230},
        "generators": {"type": "string"},
    }
    species = closed(
        {"element": {"$ref": "#/$defs/element"}, "occupancy": fraction},
        "What sits on an orbit, and how much of it.",
    )
    ion = closed(
        species["properties"], "What sits on a site.", optional={"oxidation_state": {"type": "number"}}
    )
    share = closed(
        {"element": {"$ref": "#/$defs/element"}, "fraction": fraction}, "An element's share of all atoms."
    )
    orbit = closed(
        symbol | {"species": listed({"$ref": "#/$defs/species"})}, "Sites that symmetry makes one."
    )
    site = closed(symbol | {"species": listed({"$ref": "#/$defs/ion"})}, "One site of the listed cell.")
    definitions = {
        "element": {"enum": [row["symbol"] for row in read("elements.csv")]},
        "species": species,
        "ion": ion,
        "orbit": closed(
            {"dialect": {"const": "orbit"}} | head | {"orbits": listed(orbit)},
            "Which element sits on which orbit.",
        ),
        "reduced": closed(
            {"dialect": {"const": "reduced"}}
            | head
            | {"wyckoff": listed(closed(symbol, "A Wyckoff symbol.")), "fractions": listed(share)},
            "Wyckoff symbols and composition, as published.",
        ),
        "full": closed(
            {"dialect": {"const": "full"}} | head | {"sites": listed(site)},
            "A Wyckoff symbol and a species for each site, as published.",
        ),
    }
    rules = [
        {
            "if": {"properties": {"space_group": {"const": int(row["number"])}}},
            "then": {"$ref": f"#/$defs/group{row['number']}"},
        }
        for row in groups
    ]
    definitions |= {f"group{row['number']}": group_schema(row, wyckoff) for row in groups}
    return {
        "$schema": DRAFT,
        "title": "A decoded SCOPE string",
        "oneOf": [{"$ref": f"#/$defs/{dialect}"} for dialect in ("orbit", "reduced", "full")],
        "allOf": rules,
        "$defs": definitions,
    }


def diagnostics_schema() -> Json:
    count = {"type": "integer", "minimum": 0}
    diagnostic = closed(
        {
            "code": {"type": "string", "pattern": "^[EW][1-4][0-9]{2}$"}, "offset": count, "length": count,
            "message": {"type": "string", "minLength": 1}, "hint": {"type": "string"}, "severity": {"enum": ["error", "warning"]},
        },
        "One finding; offset and length count bytes of the UTF-8 text.",
    )  # fmt: skip
    return {
        "$schema": DRAFT,
        "title": "What is wrong with a SCOPE string",
        "type": "array",
        "items": diagnostic,
    }


def lines(schema: Json) -> str:
    """JSON with one definition a line, so that a diff shows what changed."""
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in schema.items() if key != "$defs"]
    if "$defs" in schema:
        definitions = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in schema["$defs"].items()]
        parts.append('"$defs": {\n' + ",\n".join(definitions) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}"


def main() -> None:
    for name, schema in (("scope", scope_schema()), ("diagnostics", diagnostics_schema())):
        (ROOT / "schemas" / f"{name}.schema.json").write_text(lines(schema) + "\n")


if __name__ == "__main__":
    main()
