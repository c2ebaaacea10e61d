"""`validate` and `tokenize`: strings from arguments, standard input, lines and tables."""

import gzip
import itertools
import json

import numpy as np
import pytest

from .cli_examples import ROCK_SALT

WRONG = ROCK_SALT.replace("Cl", "Xx")
DOUBTFUL = ROCK_SALT.partition("|")[0] + "| 4a 4b | Na 0.0 Cl 1.0"


def test_a_valid_string_passes_in_silence(cloudkit):
    assert cloudkit("validate", ROCK_SALT) == (0, "", "1 string, 0 invalid, 0 with warnings\n")


def test_an_invalid_string_is_shown_with_a_caret_under_what_is_wrong(cloudkit):
    answer = cloudkit("validate", WRONG)
    lines = answer.out.splitlines()
    caret = next(i for i, line in enumerate(lines) if line.strip() == "^^")
    assert answer.code == 1
    assert lines[caret - 1][lines[caret].index("^") :].startswith("Xx")


def test_a_warning_leaves_a_string_valid(cloudkit):
    answer = cloudkit("validate", DOUBTFUL)
    assert (answer.code, answer.err) == (0, "1 string, 0 invalid, 1 with warnings\n")
    assert "W401" in answer.out


def test_twenty_findings_are_shown_errors_first_and_json_has_all(cloudkit, tmp_path):
    (tmp_path / "s.txt").write_text((DOUBTFUL + "\n") * 30 + WRONG + "\n")
    shown = cloudkit("validate", "--file", tmp_path / "s.txt").out
    assert shown.index("row 31: error") < shown.index("row 1: warning")
    assert "... and 11 more" in shown
    document = json.loads(cloudkit("validate", "--file", tmp_path / "s.txt", "--json").out)
    assert (document["strings"], document["invalid"], document["warnings"]) == (31, 1, 30)
    assert [d["row"] for d in document["diagnostics"]] == list(range(1, 32))
    assert document["diagnostics"][-1]["code"] == "E202"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.txt", f"{ROCK_SALT}\n{WRONG}\n"),
        ("s.txt", f"{ROCK_SALT}\r\n{WRONG}"),
        ("s.csv", f"id,scope\n1,{ROCK_SALT}\n2,{WRONG}\n"),
        ("s.csv", f"n,text\n1,{ROCK_SALT}\n2,{WRONG}\n"),
        ("s.jsonl", json.dumps({"scope": ROCK_SALT}) + "\n" + json.dumps({"scope": WRONG}) + "\n"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_kind_of_file_gives_the_same_answer(cloudkit, tmp_path, name, content, zipped):
    path = tmp_path / (name + ".gz" if zipped else name)
    path.write_bytes(gzip.compress(content.encode()) if zipped else content.encode())
    answer = cloudkit("validate", "--file", path)
    assert (answer.code, answer.err) == (1, "2 strings, 1 invalid, 0 with warnings\n")
    assert "row 2: error" in answer.out


def test_standard_input_is_lines_of_strings(cloudkit):
    for arguments in (["-"], ["--file", "-"]):
        answer = cloudkit("validate", *arguments, stdin=f"{ROCK_SALT}\n{WRONG}\n")
        assert (answer.code, answer.err) == (1, "2 strings, 1 invalid, 0 with warnings\n")


def test_a_missing_value_and_an_empty_line_are_invalid_strings(cloudkit, tmp_path):
    (tmp_path / "s.jsonl").write_text(json.dumps({"scope": ROCK_SALT}) + '\n{"scope": null}\n')
    assert cloudkit("validate", "--file", tmp_path / "s.jsonl").err.startswith("2 strings, 1 invalid")
    assert cloudkit("validate", "-", stdin=f"{ROCK_SALT}\n\n{ROCK_SALT}\n").err.startswith("3 strings, 1 inv")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("s.csv", "a,b\nx,y\n", "candidates: a, b"),
        ("s.csv", "", "empty"),
        ("s.txt", "\n\n", "no strings"),
        ("s.jsonl", '{"scope": 3}', "expected text, found 3"),
        ("s.jsonl", "{", "not JSON"),
    ],
)
def test_a_file_without_strings_is_an_error(cloudkit, tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    answer = cloudkit("validate", "--file", tmp_path / name)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err


def test_bytes_that_are_no_utf8_are_findings_of_their_line_only(cloudkit, tmp_path):
    (tmp_path / "s.txt").write_bytes(ROCK_SALT.encode() + b"\nH\xff\xfe\0 1a\n" + ROCK_SALT.encode() + b"\n")
    document = json.loads(cloudkit("validate", "--file", tmp_path / "s.txt", "--json").out)
    assert (document["strings"], document["invalid"]) == (3, 1)
    assert {d["row"] for d in document["diagnostics"]} == {2}
    assert "\\x00" in document["diagnostics"][0]["message"]
    refused = cloudkit("tokenize", "--vocab", "cloud", "--file", tmp_path / "s.txt")
    assert (refused.code, refused.err) == (
        2,
        f"error: {tmp_path / 's.txt'}: not UTF-8 text (byte {len(ROCK_SALT) + 2}); save it as UTF-8\n",
    )


def test_a_line_of_blanks_is_a_string_and_no_line_is_none(cloudkit, tmp_path):
    (tmp_path / "s.txt").write_text("   \n")
    assert "E102" in cloudkit("validate", "--file", tmp_path / "s.txt").out


def test_a_misspelt_column_names_the_nearest(cloudkit, tmp_path):
    (tmp_path / "s.csv").write_text(f"scope\n{ROCK_SALT}\n")
    answer = cloudkit("validate", "--file", tmp_path / "s.csv", "--column", "scop")
    assert (answer.code, "did you mean 'scope'?" in answer.err) == (2, True)


def test_the_shared_strings_have_one_invalid_and_fifteen_doubtful(cloudkit, shared):
    answer = cloudkit("validate", "--file", shared / "data/pretrain_10k.csv", "--column", "cloud")
    assert (answer.code, answer.err) == (1, "10,000 strings, 1 invalid, 15 with warnings\n")
    assert "unknown element 'X'" in answer.out


def test_tokens_are_printed_as_one_list_per_string(cloudkit):
    answer = cloudkit("tokenize", ROCK_SALT, ROCK_SALT)
    first, second = map(json.loads, answer.out.splitlines())
    assert (answer.code, answer.err) == (0, "")
    assert first == second
    assert (first[0], first[-1], len(first)) == (0, 2, 7)


def test_json_names_the_tokens(cloudkit):
    row = json.loads(cloudkit("tokenize", ROCK_SALT, "--json").out)
    assert (row["row"], row["text"]) == (1, ROCK_SALT)
    assert row["tokens"] == ["[CLS]", "sg:225", "Na", "4a", "Cl", "4b", "[SEP]"]


def test_compact_lists_what_it_refuses_and_keeps_rows_in_step(cloudkit):
    answer = cloudkit("tokenize", ROCK_SALT, WRONG, ROCK_SALT)
    lines = answer.out.splitlines()
    assert answer.code == 1
    assert (lines[1], lines[0]) == ("null", lines[2])
    assert "row 2: ScopeError E202" in answer.err


def test_compact_says_what_it_has_no_token_for(cloudkit):
    head = ROCK_SALT.partition("|")[0]
    answer = cloudkit("tokenize", f"{head}| 4a 4b | Na+ Cl-", f"{head}| 4a 4b | Na Cl")
    assert answer.code == 1
    assert [json.loads(line) for line in answer.out.splitlines()] == [
        None,
        [0, 230, 273, 274, 5, 432, 438, 2],
    ]
    assert "no tokens for oxidation states" in answer.err
    assert "'Na+'" in answer.err


def test_packed_arrays_hold_what_the_lines_hold(cloudkit, tmp_path):
    lines = cloudkit("tokenize", ROCK_SALT, WRONG, DOUBTFUL).out.splitlines()
    assert cloudkit("tokenize", ROCK_SALT, WRONG, DOUBTFUL, "-o", tmp_path / "x.npy").code == 1
    ids, offsets = np.load(tmp_path / "x.npy"), np.load(tmp_path / "x.offsets.npy")
    assert (ids.dtype, offsets.dtype) == (np.uint16, np.int64)
    rows = [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)]
    assert rows == [json.loads(line) or [] for line in lines]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy", "x.offsets.npy"]


def test_the_published_vocabulary_takes_any_text(cloudkit):
    answer = cloudkit("tokenize", "anything at all", "--vocab", "cloud")
    assert answer.code == 0
    assert json.loads(answer.out)[0] == 0
