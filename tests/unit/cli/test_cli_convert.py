"""`cloudkit convert`: between dialects, and to and from AFLOW labels."""

import json

import pytest

from cloudkit.models import CloudModel, load_model, save_model
from cloudkit.modelspec import parse_spec, template
from cloudkit.scope import candidates, project
from cloudkit.tokens import Tokenizer

from .cli_examples import ROCK_SALT

HEAD = ROCK_SALT.partition(" | ")[0]
REDUCED = f"{HEAD} | 4a 4b | Na 0.5 Cl 0.5"
LABEL = "AB_cF8_225_a_b:Cl-Na"
IMPOSSIBLE = f"{HEAD} | 4a 4b | Na 0.3 Cl 0.7"
SEVERAL = "0 2 a D D O j O O O 0 | 2a 4b | Ga 0.5 As 0.5"  # space group 8
MANY = "0 2 b O O O j O O O 0 | 1a 1b 1c 2e 2f 4i | Na 0.25 Si 0.25 O 0.5"  # space group 25


@pytest.mark.parametrize(
    ("text", "to", "expected"),
    [
        (ROCK_SALT, "reduced", REDUCED),
        (ROCK_SALT, "aflow", LABEL),
        (ROCK_SALT, "orbit", ROCK_SALT),
        (LABEL, "orbit", ROCK_SALT),
        (LABEL, "reduced", REDUCED),
        (LABEL, "aflow", LABEL),
        (REDUCED, "reduced", REDUCED),
    ],
)
def test_an_exact_conversion_prints_one_line_and_nothing_else(cloudkit, text, to, expected):
    assert cloudkit("convert", text, "--to", to) == (0, expected + "\n", "")


def test_a_full_string_is_projected_to_reduced_and_to_nothing_richer(cloudkit):
    head = ROCK_SALT.partition(" | ")[0]
    full = f"{head} | 4a 8c 8c | Ca F:0.75, Cl:0.25 F:0.75, Cl:0.25"
    assert cloudkit("convert", f"{head} | Ca 4a F 0.75 Cl 0.25 8c", "--to", "full").out == full + "\n"
    assert cloudkit("convert", full, "--to", "reduced").out == f"{head} | 4a 8c | Ca 0.33 Cl 0.17 F 0.5\n"
    assert (
        "cannot be projected to 'orbit'; possible: reduced" in cloudkit("convert", full, "--to", "orbit").err
    )


def test_the_only_candidate_of_rock_salt_is_rock_salt(cloudkit):
    answer = cloudkit("convert", REDUCED, "--to", "orbit")
    assert (answer.code, answer.out) == (0, ROCK_SALT + "\n")
    assert "argument, row 1: 1 candidate (complete: all ordered crystals of up to 80 atoms" in answer.err


def test_candidates_are_ranked_and_each_has_the_given_projection(cloudkit):
    lines = cloudkit("convert", SEVERAL, "--to", "orbit").out.splitlines()
    assert len(lines) > 1
    assert lines == candidates(SEVERAL).texts
    assert {project(line, "reduced") for line in lines} == {SEVERAL}


def test_top_cuts_the_list_and_says_so(cloudkit):
    whole = json.loads(cloudkit("convert", SEVERAL, "--to", "orbit", "--json").out)
    cut = json.loads(cloudkit("convert", SEVERAL, "--to", "orbit", "--json", "--top", 2).out)
    assert cut == {**whole, "strings": whole["strings"][:2]}
    assert (whole["count"], whole["complete"]) == (len(whole["strings"]), True)
    answer = cloudkit("convert", SEVERAL, "--to", "orbit", "--top", 2)
    assert (len(answer.out.splitlines()), ", 2 shown" in answer.err) == (2, True)


def test_an_unfinished_search_is_marked_incomplete(cloudkit):
    row = json.loads(cloudkit("convert", MANY, "--to", "orbit", "--json", "--top", 1).out)
    assert (row["complete"], row["error"], len(row["strings"])) == (False, None, 1)
    assert row["count"] > 1
    assert "(incomplete: stopped after " in cloudkit("convert", MANY, "--to", "orbit", "--top", 1).err


def test_a_reduced_string_that_no_crystal_has_is_a_failure(cloudkit):
    answer = cloudkit("convert", IMPOSSIBLE, ROCK_SALT, "--to", "orbit")
    assert (answer.code, answer.out) == (1, ROCK_SALT + "\n")
    assert "row 1: no candidate among ordered crystals of up to 80 atoms" in answer.err
    assert answer.err.endswith("1 converted, 1 failed\n")
    row = json.loads(cloudkit("convert", IMPOSSIBLE, "--to", "orbit", "--json").out)
    assert (row["strings"], row["count"], row["complete"]) == ([], 0, True)


@pytest.mark.parametrize(
    ("text", "to", "says"),
    [
        ("AB_cF8_225_a_b", "orbit", "is not an AFLOW protostructure label"),
        ("AB_cF9_225_a_b:Cl-Na", "orbit", "Pearson symbol cF8"),
        (REDUCED, "aflow", "needs an orbit string"),
        (f"{HEAD} | Na 0.5 K 0.5 4a Cl 4b", "aflow", "ordered crystals only"),
        (ROCK_SALT.replace("Cl", "Xx"), "reduced", "E202"),
        ("", "orbit", "E101"),
    ],
)
def test_what_cannot_be_converted_is_listed_with_the_reason(cloudkit, text, to, says):
    answer = cloudkit("convert", text, "--to", to)
    assert (answer.code, answer.out) == (1, "")
    assert says in answer.err
    row = json.loads(cloudkit("convert", text, "--to", to, "--json").out)
    assert (row["row"], row["text"], row["strings"]) == (1, text, [])
    assert says in row["error"]


def test_labels_come_from_a_column_of_a_table(cloudkit, tmp_path):
    (tmp_path / "s.csv").write_text(f"name,label\nsalt,{LABEL}\n")
    answer = cloudkit("convert", "--file", tmp_path / "s.csv", "-c", "label", "--to", "orbit")
    assert answer == (0, ROCK_SALT + "\n", "")


def test_a_model_goes_to_hugging_face_and_comes_back_the_same(cloudkit, tmp_path):
    text = template("published").replace("layers: 12", "layers: 1").replace("width: 768", "width: 24")
    save_model(CloudModel(parse_spec(text, "small.yaml", tmp_path), Tokenizer("cloud")), tmp_path / "first")
    answer = cloudkit("convert", tmp_path / "first", "--to", "hf", "-o", tmp_path / "hf")
    assert (answer.code, answer.out) == (0, f"wrote {tmp_path / 'hf'}\n")
    assert {path.name for path in (tmp_path / "hf").iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    back = cloudkit("convert", tmp_path / "hf", "--to", "cloudkit", "-o", tmp_path / "back", "--json")
    assert json.loads(back.out) == {"folder": str(tmp_path / "back"), "notes": []}
    first, again = (load_model(tmp_path / name).state_dict() for name in ("first", "back"))
    assert first.keys() == again.keys() and all(bool((first[name] == again[name]).all()) for name in first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--to", "hf"], "give one model and an output folder"),
        (["a", "b", "--to", "cloudkit", "-o", "out"], "give one model and an output folder"),
        (["gone", "--to", "cloudkit", "-o", "out"], "gone/config.json: cannot be read"),
        (["gone", "--to", "hf", "-o", "out"], "no such model folder"),
        ([".", "--to", "hf", "-o", "."], "is not empty"),
        ([ROCK_SALT, "--to", "orbit", "-o", "out"], "--out is for models"),
    ],
)
def test_what_cannot_be_converted_says_why(cloudkit, tmp_path, monkeypatch, arguments, message):
    (tmp_path / "something").write_text("")
    monkeypatch.chdir(tmp_path)
    answer = cloudkit("convert", *arguments)
    assert answer.code == 2 and message in answer.err
    assert not (tmp_path / "out").exists()
