"""The vectors of spec/vectors cover every clause and code, and core and twin give what they say."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cloudkit import _native
from cloudkit._native import twin
from cloudkit.scope import canonical_text, check_deep, parse, project, read, to_tree
from cloudkit.tokens import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
SIDES = pytest.mark.parametrize("side", [_native, twin], ids=["core", "twin"])


def load(kind: str) -> dict[str, dict[str, Any]]:
    files = sorted((ROOT / "spec/vectors" / kind).glob("*.jsonl"))
    vectors = (
        (file.stem, json.loads(line)) for file in files for line in file.read_text("ascii").splitlines()
    )
    return {f"{section}/{vector['name']}": vector for section, vector in vectors}


VALID, INVALID = load("valid"), load("invalid")


def schema(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / f"schemas/{name}.schema.json").read_text()))


def test_each_vector_is_in_the_file_of_its_clause_and_the_valid_texts_differ() -> None:
    for name, vector in {**VALID, **INVALID}.items():
        assert name.startswith(vector["clause"].split(".")[0] + "-"), name
    assert len({vector["text"] for vector in VALID.values()}) >= 400


def findings(vector: dict[str, Any]) -> list[tuple[int, int, int]]:
    listed = vector.get("diagnostics", vector.get("deep"))
    return [(int(i["code"][1:]), i["offset"], i["length"]) for i in listed]


def test_every_code_and_every_space_group_has_a_vector() -> None:
    standard = (ROOT / "spec/scope.md").read_text("utf-8")
    codes = {code for vector in INVALID.values() for code, _, _ in findings(vector)}
    table = [line.split("|")[1].strip() for line in standard.splitlines() if line.startswith(("| E", "| W"))]
    assert codes == {int(code[1:]) for code in table}
    assert {vector["tree"]["space_group"] for vector in VALID.values()} == set(range(1, 231))


def test_every_section_that_judges_strings_has_vectors_of_both_kinds() -> None:
    sections = {"1-text", "2-grammar", "3-space-group", "4-tables", "5-meaning", "6-canonical"}
    assert {name.partition("/")[0] for name in VALID} == sections
    assert {name.partition("/")[0] for name in INVALID} == sections | {"7-diagnostics", "8-vocabularies"}


def test_every_dialect_has_vectors() -> None:
    dialects = Counter(vector["tree"]["dialect"] for vector in VALID.values())
    assert min(dialects[dialect] for dialect in ("orbit", "reduced", "full")) >= 40


@SIDES
def test_a_reader_finds_nothing_in_valid_text_and_the_listed_faults_elsewhere(side: Any) -> None:
    for name, vector in VALID.items():
        assert side.check(vector["text"]) == (vector["tree"]["space_group"], []), name
    for name, vector in INVALID.items():
        assert side.check(vector["text"])[1] == (findings(vector) if "diagnostics" in vector else []), name


def test_a_closer_look_warns_where_the_vectors_do() -> None:
    for name, vector in INVALID.items():
        if "deep" in vector:
            found = [(int(d.code[1:]), d.offset, d.length) for d in check_deep(vector["text"])]
            assert found == findings(vector), name


@SIDES
def test_ids_are_those_of_the_vectors(side: Any) -> None:
    for name, vector in {**VALID, **INVALID}.items():
        for vocabulary, ids in vector.get("ids", {}).items():
            found = side.encode_text(vector["text"], vocabulary)
            assert found is None if ids is None else found.tolist() == ids, name


def test_text_with_warnings_or_faults_has_the_tree_of_its_vector() -> None:
    rules = schema("scope")
    seen = 0
    for name, vector in INVALID.items():
        if "tree" in vector:
            seen += 1
            assert to_tree(read(vector["text"])) == vector["tree"], name
            known = all(code // 100 != 2 for code, _, _ in findings(vector))
            assert rules.is_valid(vector["tree"]) == known, name
    assert seen >= 30


def test_projections_are_those_of_the_vectors() -> None:
    for name, vector in VALID.items():
        for dialect, text in vector.get("projections", {}).items():
            assert project(vector["text"], dialect) == text, name


@SIDES
@pytest.mark.parametrize("vocabulary", ["cloud", "compact"])
def test_all_vectors_in_one_batch_have_their_ids_and_their_texts_back(side: Any, vocabulary: str) -> None:
    texts = [vector["text"] for vector in VALID.values()]
    ids, offsets, refused = side.encode_batch(texts, vocabulary)
    assert ids.tolist() == [index for vector in VALID.values() for index in vector["ids"][vocabulary]]
    assert refused == []
    assert side.decode_batch(ids, offsets, vocabulary) == texts


def test_trees_print_and_decode_to_the_text() -> None:
    rules = schema("scope")
    tokenizers = {name: Tokenizer(name) for name in ("cloud", "compact")}
    for name, vector in VALID.items():
        scope = parse(vector["text"])
        assert to_tree(scope) == vector["tree"], name
        assert str(scope) == vector["text"], name
        assert rules.is_valid(vector["tree"]), name
        for vocabulary, tokenizer in tokenizers.items():
            assert tokenizer.decode(vector["ids"][vocabulary]) == vector["text"], name


def test_the_canonical_form_is_that_of_the_vectors() -> None:
    for name, vector in VALID.items():
        if vector["tree"]["dialect"] == "orbit":
            assert canonical_text(vector["text"]) == vector["canonical"], name
        else:
            assert _native.check(vector["canonical"])[1] == [], name


def test_the_schema_refuses_a_letter_that_the_group_lacks() -> None:
    rules = schema("scope")
    for vector in VALID.values():
        tree = json.loads(json.dumps(vector["tree"]))
        place = next(tree[part] for part in ("orbits", "wyckoff", "sites") if part in tree)[0]
        place["multiplicity"] += 1
        assert not rules.is_valid(tree), vector["text"]
