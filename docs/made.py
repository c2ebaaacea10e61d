"""Hook of mkdocs: what the commands of a page make is shown on that page, made anew at every build.

The commands of a page in PAGES run in a folder of its own, in which the example files lie. A picture or frame of the page whose address is
`made/PAGE/FILE` then shows FILE from that folder.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent
PAGES = ("tutorial", "gallery")
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PART = 1  # exit code: done, and some structures failed


def commands(text: str) -> list[str]:
    """The commands of a page: lines of its `sh` blocks, and what follows `$ ` in its `console` blocks."""
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    shown = any(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ") or not shown]


def run(command: str, folder: Path) -> None:
    """Run one command of a page."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, PART) or "Traceback" in done.stderr:
        raise PluginError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def made(page: str) -> dict[str, bytes]:
    """Address of each file that a page shows, and its content."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(DOCS / "examples", folder, dirs_exist_ok=True)
        for command in commands(text):
            run(command, folder)
        wanted = re.findall(rf"made/{page}/([\w./-]+)", text)
        return {f"made/{page}/{file}": (folder / file).read_bytes() for file in wanted}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the pages show (called by mkdocs)."""
    for page in PAGES:
        for address, content in made(page).items():
            files.append(File.generated(config, address, content=content))
    return files
