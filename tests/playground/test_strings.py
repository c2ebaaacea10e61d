"""The page's modules, run by node, write the strings that `cloudkit encode` writes."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import cloudkit
from cloudkit.errors import StructureError

from .written import written

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLES = sorted((ROOT / "docs/examples/crystals").glob("*.cif"))
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def by_node(texts: list[str]) -> list[str]:
    """The strings of structures, or "code: message"."""
    done = subprocess.run(
        [str(NODE), HERE / "encode.mjs", ROOT / "docs/playground/scope.wasm"],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
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
