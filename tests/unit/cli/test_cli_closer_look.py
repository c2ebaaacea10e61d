"""`validate --schema` and `--deep`, and the checks of cloudkit.scope behind them."""

import copy
import json

import pytest

from cloudkit.scope import Orbit, canonical_letters, check_deep, check_tree, parse, to_tree
from cloudkit.tables import letter_permutations

from .cli_examples import ROCK_SALT

HEAD = ROCK_SALT.partition(" | ")[0]
REDUCED = f"{HEAD} | 4a 4b | Na 0.5 Cl 0.5"
IMPOSSIBLE = f"{HEAD} | 4a 4b | Na 0.3 Cl 0.7"
WRONG = ROCK_SALT.replace("Cl", "Xx")


def test_the_tree_of_a_valid_string_conforms_to_the_schema(cloudkit):
    assert cloudkit("validate", ROCK_SALT, REDUCED, "--schema") == (
        0,
        "",
        "2 strings, 0 invalid, 0 with warnings\n",
    )


def test_json_lists_breaches_of_the_schema_beside_the_diagnostics(cloudkit, monkeypatch):
    plain = json.loads(cloudkit("validate", ROCK_SALT, "--json").out)
    assert "schema" not in plain
    assert json.loads(cloudkit("validate", ROCK_SALT, "--schema", "--json").out) == {**plain, "schema": []}
    monkeypatch.setattr("cloudkit.scope.check_tree", lambda tree: ["$.orbits: too few"])
    answer = cloudkit("validate", ROCK_SALT, WRONG, "--schema", "--json")
    document = json.loads(answer.out)
    assert (answer.code, document["invalid"]) == (1, 2)
    assert document["schema"] == [{"row": 1, "text": ROCK_SALT, "message": "$.orbits: too few"}]
    assert "argument, row 1: schema\n$.orbits: too few" in cloudkit("validate", ROCK_SALT, "--schema").out


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("space_group",), None, "$"),
        (("space_group",), 226, "$.generators"),
        (("orbits", 0, "letter"), "m", "$.orbits[0]"),
        (("orbits", 1, "multiplicity"), 8, "$.orbits[1]"),
        (("orbits", 0, "species"), [], "$"),
        (("dialect",), "other", "$"),
    ],
)
def test_a_tree_that_breaks_the_schema_is_told_where(path, value, says):
    tree = copy.deepcopy(to_tree(parse(ROCK_SALT)))
    *parents, last = path
    target = tree
    for key in parents:
        target = target[key]
    target[last] = value
    found = check_tree(tree)
    assert found
    assert any(message.startswith(says) for message in found)
    assert all(len(message) < 250 for message in found)


def test_deep_warns_of_a_reduced_string_that_no_crystal_can_have(cloudkit):
    assert cloudkit("validate", IMPOSSIBLE).out == ""
    answer = cloudkit("validate", IMPOSSIBLE, REDUCED, ROCK_SALT, WRONG, "--deep", "--json")
    document = json.loads(answer.out)
    assert (answer.code, document["invalid"], document["warnings"]) == (1, 1, 1)
    first = document["diagnostics"][0]
    assert (first["row"], first["code"], first["severity"]) == (1, "W402", "warning")
    assert first["message"] == "no ordered crystal fits these letters and fractions"
    assert IMPOSSIBLE[first["offset"] :][: first["length"]] == "Na 0.3 Cl 0.7"


def test_a_deep_warning_is_shaped_like_every_diagnostic(cloudkit):
    import jsonschema

    schema = json.loads(cloudkit("schema", "diagnostics").out)
    jsonschema.validate([found._asdict() for found in check_deep(IMPOSSIBLE)], schema)


def test_a_search_that_is_cut_short_warns_of_nothing(monkeypatch):
    from cloudkit.scope import Candidates

    monkeypatch.setattr("cloudkit.scope.deep.candidates", lambda scope: Candidates([], False, 100_000))
    assert check_deep(IMPOSSIBLE) == []


@pytest.mark.parametrize("space_group", [2, 47, 62, 166, 216, 225])
def test_renamed_letters_lead_to_the_letters_of_the_canonical_string(space_group):
    from cloudkit.scope.canonical import canonical_orbits
    from cloudkit.tables import SPACE_GROUPS

    first, second = SPACE_GROUPS[space_group - 1].wyckoff[:2]
    orbits = [
        Orbit(first.letter, first.multiplicity, (("Cl", 1.0),)),
        Orbit(second.letter, second.multiplicity, (("Na", 1.0),)),
    ]
    renamed = canonical_letters(space_group, orbits)
    expected = {(o.species, o.letter) for o in canonical_orbits(space_group, orbits)}
    assert {(o.species, renamed[o.letter]) for o in orbits} == expected
    assert any(all(p[ord(k) - 97] == v for k, v in renamed.items()) for p in letter_permutations(space_group))
