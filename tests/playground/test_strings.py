"""The page's modules, run by node, answer as the package does: strings of structures; findings, dialects and tokens of strings."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import cloudkit
from cloudkit.errors import StructureError
from cloudkit.scope import canonical_text, parse, project, render, validate
from cloudkit.tokens import Tokenizer

from .written import written

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLES = sorted((ROOT / "docs/examples/crystals").glob("*.cif"))
VECTORS = sorted((ROOT / "spec/vectors").glob("*/*.jsonl"))
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def by_node(texts: list[str], script: str = "encode.mjs") -> list[Any]:
    """The answers of a script: by encode.mjs the strings of structures, or "code: message"."""
    done = subprocess.run(
        [str(NODE), HERE / script, ROOT / "docs/playground/scope.wasm"],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def by_command(path: Path) -> str:
    try:
        return cloudkit.encode(path)
    except StructureError as error:
        return f"{error.code}: {error.message}"


def test_crystals_of_all_space_groups_have_the_strings_of_the_command(tmp_path: Path) -> None:
    names, texts = zip(*written(), strict=True)
    for name, text in zip(names, texts, strict=True):
        (tmp_path / name).write_text(text)
    expected = [cloudkit.encode(tmp_path / name) for name in names]
    assert len(expected) == 230
    assert dict(zip(names, by_node(list(texts)), strict=True)) == dict(zip(names, expected, strict=True))


def test_the_example_crystals_have_the_strings_of_the_command() -> None:
    assert len(EXAMPLES) == 7
    texts = [path.read_text() for path in EXAMPLES]
    assert by_node(texts) == [by_command(path) for path in EXAMPLES]


def test_real_files_have_the_strings_of_the_command_or_are_refused(shared: Path) -> None:
    """A refusal may be of a form that only the command reads; a string is never another one."""
    folders = ("poscar", "cod_cif", "odd_cif", "reports")
    files = [path for folder in folders for path in sorted((shared / "data/structures" / folder).iterdir())]
    files = [path for path in files if path.suffix in (".cif", ".vasp") and path.name != "MultiStructure.cif"]
    found = by_node([path.read_text(encoding="utf-8", errors="replace") for path in files])
    strings = {path.name: text for path, text in zip(files, found, strict=True) if " | " in text}
    assert strings == {path.name: by_command(path) for path in files if path.name in strings}
    assert len(strings) > 160


@pytest.fixture(scope="module")
def strings() -> list[str]:
    """The texts of all vectors."""
    texts = [json.loads(line)["text"] for file in VECTORS for line in file.read_text("utf-8").splitlines()]
    assert len(texts) > 1200
    return texts


@pytest.fixture(scope="module")
def answers(strings: list[str]) -> list[dict[str, Any]]:
    return by_node(strings, "strings.mjs")


def test_findings_have_the_messages_and_hints_of_the_package(
    strings: list[str], answers: list[dict[str, Any]]
) -> None:
    for text, answer in zip(strings, answers, strict=True):
        assert answer["findings"] == [one._asdict() for one in validate(text)], text


def test_carets_are_those_of_the_package(strings: list[str], answers: list[dict[str, Any]]) -> None:
    for text, answer in zip(strings, answers, strict=True):
        for found, (line, carets) in zip(validate(text), answer["carets"], strict=True):
            if text.isprintable():
                assert render(text, found).splitlines()[1:3] == [f"  {line}", f"  {carets}"]


def test_tokens_are_those_of_the_package(strings: list[str], answers: list[dict[str, Any]]) -> None:
    tokenizers = {name: Tokenizer(name) for name in ("cloud", "compact")}
    compared = 0
    for text, answer in zip(strings, answers, strict=True):
        for name, tokenizer in tokenizers.items():
            if not isinstance(answer.get(name), list):
                continue
            ids = tokenizer.encode(text).tolist()
            assert answer[name] == [{"id": i, "text": tokenizer.vocabulary[i]} for i in ids]
            compared += 1
    assert compared > 1500


def test_dialects_and_canonical_forms_are_those_of_the_package(
    strings: list[str], answers: list[dict[str, Any]]
) -> None:
    valid = [(text, answer) for text, answer in zip(strings, answers, strict=True) if "dialect" in answer]
    assert len(valid) > 500
    for text, answer in valid:
        scope = parse(text)
        assert (answer["dialect"], answer["group"]) == (scope.dialect, scope.space_group)
        assert answer["dialects"] == {name: project(text, name) for name in answer["dialects"]}
        assert answer["canonical"] == (canonical_text(text) if scope.dialect == "orbit" else None)
