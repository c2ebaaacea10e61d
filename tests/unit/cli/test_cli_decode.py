"""`cloudkit decode`: a tree for people, JSON for programs."""

import json

import jsonschema

from .cli_examples import ROCK_SALT

HEAD = ROCK_SALT.partition(" | ")[0]
REDUCED = f"{HEAD} | 4a 4b | Na 0.5 Cl 0.5"
MIXED = f"{HEAD} | K 0.25 Na 0.5 4a Cl 4b"


def test_one_string_is_drawn_as_a_tree(cloudkit):
    assert cloudkit("decode", ROCK_SALT) == (
        0,
        "orbit: space group 225 (Fm-3m), cubic\n└── orbits\n    ├── 4a   Na\n    └── 4b   Cl\n",
        "",
    )


def test_a_reduced_string_has_two_branches(cloudkit):
    lines = cloudkit("decode", REDUCED).out.splitlines()
    assert lines[1:4] == ["├── wyckoff", "│   ├── 4a", "│   └── 4b"]
    assert lines[4:] == ["└── fractions", "    ├── Na 0.5", "    └── Cl 0.5"]


def test_a_mixed_orbit_shows_how_much_of_each_element(cloudkit):
    assert "    ├── 4a   K 0.25 Na 0.5\n" in cloudkit("decode", MIXED).out


def test_one_string_is_a_json_object_and_several_are_a_list(cloudkit):
    one = json.loads(cloudkit("decode", ROCK_SALT, "--format", "json").out)
    several = json.loads(cloudkit("decode", ROCK_SALT, REDUCED, "--json").out)
    assert one["orbits"][0] == {
        "multiplicity": 4,
        "letter": "a",
        "species": [{"element": "Na", "occupancy": 1.0}],
    }
    assert several[0] == one
    assert several[1]["fractions"] == [
        {"element": "Na", "fraction": 0.5},
        {"element": "Cl", "fraction": 0.5},
    ]


def test_the_json_conforms_to_the_schema_that_the_package_prints(cloudkit):
    schema = jsonschema.Draft202012Validator(json.loads(cloudkit("schema", "scope").out))
    for tree in json.loads(cloudkit("decode", ROCK_SALT, REDUCED, MIXED, "--json").out):
        schema.validate(tree)


def test_an_invalid_string_is_null_in_the_list_and_shown_with_a_caret(cloudkit):
    answer = cloudkit("decode", ROCK_SALT, "x | y", REDUCED, "--json")
    assert answer.code == 1
    assert [tree and tree["dialect"] for tree in json.loads(answer.out)] == ["orbit", None, "reduced"]
    assert "argument, row 2: ScopeError E103" in answer.err
    assert answer.err.endswith("2 decoded, 1 invalid\n")


def test_twenty_invalid_strings_are_shown_and_the_rest_counted(cloudkit):
    answer = cloudkit("decode", "-", stdin="x\n" * 25 + ROCK_SALT + "\n")
    assert (answer.code, answer.err.count("ScopeError")) == (1, 20)
    assert "... and 5 more" in answer.err
    assert answer.out.startswith("orbit: space group 225")


def test_a_column_of_a_table_is_decoded_in_order(cloudkit, tmp_path):
    (tmp_path / "s.csv").write_text(f"id,text\n1,{REDUCED}\n2,{ROCK_SALT}\n")
    trees = json.loads(
        cloudkit("decode", "--file", tmp_path / "s.csv", "--column", "text", "--format", "json").out
    )
    assert [tree["dialect"] for tree in trees] == ["reduced", "orbit"]


def test_sites_show_species_with_oxidation_states(cloudkit):
    lines = cloudkit("decode", f"{HEAD} | 4a 4b | Na+ Fe2+:0.5, Ni:0.25").out.splitlines()
    assert lines[1:] == ["└── sites", "    ├── 4a   Na (+1)", "    └── 4b   Fe (+2) 0.5 Ni 0.25"]


def test_what_the_grammar_accepts_is_shown_beside_what_is_wrong_with_it(cloudkit):
    answer = cloudkit("decode", "1 6 a | X 4a", "--json")
    tree = json.loads(answer.out)
    assert answer.code == 1
    assert "E201" in answer.err
    assert (tree["space_group"], tree["generators"]) == (None, "1 6 a")
    assert tree["orbits"][0]["species"] == [{"element": "X", "occupancy": 1.0}]
    assert cloudkit("decode", "1 6 a | Na 4a").out.startswith("orbit: unknown space group\n")


def test_sites_and_symbols_that_do_not_pair_up_have_no_tree(cloudkit):
    answer = cloudkit("decode", f"{HEAD} | 4a 4b | Na", "--json")
    assert (answer.code, json.loads(answer.out)) == (1, None)
    assert "E307" in answer.err
