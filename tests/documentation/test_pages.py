"""Every code block of the documentation runs, and says what the page says that it says.

A page runs from top to bottom in a folder of its own, in which the example crystals lie. `console`: commands after `$ `, and their
output; `…` matches anything. `python`: one program a page, block after block; a `text` block right after one is its output.
`yaml` with `# file: NAME` is written to that file. Other blocks show, and are not run.
"""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cloudkit

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "examples" not in path.parts)
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """line: its place, for messages. output: of a python block, the text block right after it."""

    kind: str
    line: int
    text: str
    output: str | None


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page that run."""
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    for number, one in enumerate(found):
        after = found[number + 1] if number + 1 < len(found) else None
        adjacent = after is not None and after[1] == "text" and not text[one.end() : after.start()].strip()
        output = after[2] if after is not None and adjacent else None
        if one[1] in ("console", "python") or (one[1] == "yaml" and one[2].startswith("# file: ")):
            yield Block(one[1], text[: one.start()].count("\n") + 1, one[2], output)


def agrees(shown: str, printed: str) -> bool:
    """Is `printed` what a page shows, where `…` may be anything?"""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def run_console(block: Block, folder: Path, where: str) -> None:
    """Run the commands of a block one by one."""
    tools = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "160",
        "NO_COLOR": "1",
    }
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        run = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert "Traceback" not in run.stdout, f"{where}: {command}\n{run.stdout}"
        assert agrees(shown, run.stdout), (
            f"{where}: {command}\nprints\n{run.stdout}\nbut the page shows\n{shown}"
        )


def run_python(block: Block, names: dict[str, Any], where: str) -> None:
    """Run a block after those before it on its page."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block.text, where, "exec"), names)
    if block.output is not None:
        assert agrees(block.output, out.getvalue()), f"{where} prints\n{out.getvalue()}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(DOCS / "examples" / "crystals", tmp_path / "crystals")
    for table in (DOCS / "examples").glob("*.csv"):
        shutil.copy(table, tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"repository": ROOT}
    for block in blocks(page):
        where = f"{page.relative_to(ROOT)}, line {block.line}"
        if block.kind == "console":
            run_console(block, tmp_path, where)
        elif block.kind == "python":
            run_python(block, names, where)
        else:
            name, _, text = block.text.removeprefix("# file: ").partition("\n")
            (tmp_path / name).write_text(text, encoding="utf-8")


def test_a_wrong_output_is_noticed() -> None:
    assert agrees("a … c", "a b c")
    assert not agrees("a … c", "a b d")
    assert not agrees("[1.0]", "[100]")


def test_the_spec_of_the_examples_is_the_one_of_its_page() -> None:
    page = (DOCS / "howto" / "property.md").read_text(encoding="utf-8")
    example = (DOCS / "examples" / "bulk_modulus.yaml").read_text(encoding="utf-8")
    assert f"```yaml\n# file: bulk_modulus.yaml\n{example}```\n" in page


def test_links_lead_to_files_of_the_checkout() -> None:
    """But for `made/`, which `make docs` makes; the site replaces the others by links to its pages (docs/generate.py)."""
    dead = []
    for page in (*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8")):
            if not re.match(r"https?:|made/", link) and not (page.parent / link).exists():
                dead.append(f"{page.relative_to(ROOT)}: {link}")
    assert dead == []


def test_notebooks_are_kept_without_outputs() -> None:
    kept = sorted((DOCS / "notebooks").glob("*.ipynb"))
    assert kept
    for path in kept:
        cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
        assert cells
        assert not any(cell["outputs"] or cell["execution_count"] for cell in cells), path


def test_the_readme_shows_what_is_printed(tmp_path: Path) -> None:
    """The lines on `my.cif`, which is corundum in the examples: its string, its values, and what the Python prints."""
    shutil.copy(DOCS / "examples" / "crystals" / "corundum.cif", tmp_path / "my.cif")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    values = [line for line in readme.splitlines() if line.startswith("my.cif ")]
    assert len(values) >= 5
    for command, shown in {
        "encode": ["1 3 a E C C n O O O e O O D 0 | Al 12c O 18e"],
        "predict materials": values,
    }.items():
        tool = Path(sys.executable).parent / "cloudkit"
        run = subprocess.run(
            f"{tool} {command} my.cif", shell=True, cwd=tmp_path, capture_output=True, text=True
        )
        assert [line for line in shown if line not in run.stdout.splitlines()] == []
        assert all(line in readme for line in shown)
    (program,) = FENCE.findall(readme.split("## In Python")[1].split("##")[0])
    out = io.StringIO()
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(out):
        exec(compile(program[1], "README.md", "exec"), {})
    assert out.getvalue().strip() in readme


def test_the_caption_of_the_curves_counts_the_points_within_their_bands():
    model = cloudkit.load("materials")
    inside = outside = 0
    for row in csv.DictReader((DOCS / "examples" / "measured_five.csv").open(newline="")):
        table = model.predict(DOCS / "examples" / "crystals" / row["id"], [float(row["temperature"])])
        band = table[table["quantity"] == row["quantity"]].iloc[0]
        hit = band["lower"] <= float(row["value"]) / int(row["n_atoms"]) <= band["upper"]
        inside, outside = inside + hit, outside + (not hit)
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{inside} of {inside + outside} lie within the bands" in words
