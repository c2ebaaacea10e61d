"""Hook of mkdocs: runs the notebooks at every build. Each becomes a page, and a notebook with its outputs to download.

Those in the repository have no outputs. An error in a cell fails the build.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient

DOCS = Path(__file__).resolve().parent
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
QUIET = {"PYTHONWARNINGS": "ignore:IProgress not found"}  # tqdm asks for widgets, which a page cannot show
LONGEST = 300  # seconds for a cell; all of a notebook should take less than 60


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, run in a folder that holds the example files."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(DOCS / "examples" / "crystals", Path(folder, "crystals"))
        for table in (DOCS / "examples").glob("*.csv"):
            shutil.copy(table, folder)
        client = NotebookClient(
            notebook,
            timeout=LONGEST,
            startup_timeout=LONGEST,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=os.environ | QUIET)
    return notebook


def page(notebook: nbformat.NotebookNode, name: str) -> str:
    """A notebook that was run as Markdown; the download is offered under its title."""
    title, *rest = notebook.cells
    parts = [title.source, f"[Download this notebook]({name}), with its outputs."]
    return "\n\n".join([*parts, *(part for cell in rest for part in cell_parts(cell))]) + "\n"


def cell_parts(cell: nbformat.NotebookNode) -> Iterator[str]:
    """The source of a cell, and what it printed, showed and returned."""
    if cell.cell_type == "markdown":
        yield cell.source
        return
    yield f"```python\n{cell.source}\n```"
    for output in cell.outputs:
        yield shown(output.get("data", {"text/plain": output.get("text", "")}))


def shown(data: dict[str, str]) -> str:
    """One output: a picture, a table, or text."""
    if "image/png" in data:
        return f'<img alt="figure of the cell above" src="data:image/png;base64,{data["image/png"].strip()}">'
    if "text/html" in data:
        plain = re.sub(r"<style.*?</style>|\n\s*", "", data["text/html"], flags=re.DOTALL)
        return f"<div>{re.sub('<table[^>]*>', '<table>', plain)}</div>"
    return f"```text\n{data['text/plain'].rstrip()}\n```"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each notebook, and put the one with outputs in the place of the one without (called by mkdocs)."""
    for path in NOTEBOOKS:
        address = f"notebooks/{path.name}"
        if (plain := files.get_file_from_path(address)) is not None:
            files.remove(plain)
        notebook = run(path)
        files.append(File.generated(config, address, content=nbformat.writes(notebook)))
        files.append(
            File.generated(config, address.replace(".ipynb", ".md"), content=page(notebook, path.name))
        )
    return files
