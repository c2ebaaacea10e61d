"""A stranger's first minutes: the commands of README, tutorial and notebooks, copied out of them and run on a fresh clone. `make first-contact`.

The clock starts before the clone and stops at the data sheet of one's own CIF: at most four minutes, installation included. After that the other
commands run, each with its time. Exits with 1 at the first that fails; `--log FILE` keeps what was run.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 240.0  # seconds from nothing to the data sheet
SHEET = "--page sheet.html"
ENTER = "mkdir try && cd try"
LEFT_OUT = {
    "make test": "the tests are what CI runs",
    "example.org": "it is not a provider",
}
PART = 1  # exit code: done, and some structures failed; the examples have a broken one on purpose


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def readme_commands(page: str) -> list[str]:
    """Lines of the README's shell blocks, without comments."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [command for line in lines if (command := re.sub(r"\s+#.*", "", line).strip())]


def tutorial_commands(page: str) -> list[str]:
    """The commands after `$ ` in the tutorial."""
    return [
        line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")
    ]


def own_files(clone: Path) -> None:
    """What the reader of tutorial and notebooks has, in the folder `lesson`."""
    shutil.copytree(clone / "docs/examples/crystals", clone / "lesson/crystals")
    for table in (clone / "docs/examples").glob("*.csv"):
        shutil.copy(table, clone / "lesson")
    for path in (clone / "docs/notebooks").glob("*.ipynb"):
        (clone / "lesson" / path.with_suffix(".py").name).write_text(notebook_program(path), "utf-8")


def notebook_program(path: Path) -> str:
    """The cells of a notebook as one program."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def steps(clone: Path) -> Iterator[tuple[Path, str]]:
    """(folder, command), the way to the data sheet first. The README enters the folder `try` after `make demo`."""
    readme = [
        line
        for line in readme_commands((clone / "README.md").read_text("utf-8"))
        if not any(word in line for word in LEFT_OUT)
    ]
    entered = readme.index(ENTER)
    work = clone / "try"
    yield from ((clone, line) for line in readme[: entered + 1])
    first = [line for line in readme[entered + 1 :] if line.startswith("cp ") or SHEET in line]
    yield from ((work, line) for line in first)
    yield from ((work, line) for line in readme[entered + 1 :] if line not in first)
    yield from (
        (clone / "lesson", line)
        for line in tutorial_commands((clone / "docs/tutorial.md").read_text("utf-8"))
    )
    yield from (
        (clone / "lesson", f"MPLBACKEND=agg python {path.stem}.py")
        for path in sorted((clone / "docs/notebooks").glob("*.ipynb"))
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--log", type=Path, help="write what was run and how long it took")
    arguments = parser.parse_args()
    log = [
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    ]
    begun, sheet = time.monotonic(), 0.0
    with tempfile.TemporaryDirectory(prefix="first-contact-") as folder:
        clone = Path(folder) / "cloudkit"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        own_files(clone)
        path = f"{clone / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        for where, command in steps(clone):
            start = time.monotonic()
            done = subprocess.run(command, shell=True, cwd=where, env=os.environ | {"PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
            log.append(f"{time.monotonic() - start:8.1f} s  {command}")
            print(log[-1], flush=True)
            allowed = (0, PART) if where != clone else (0,)
            if done.returncode not in allowed or "Traceback" in done.stdout:
                print(f"exit code {done.returncode}\n{done.stdout}", file=sys.stderr)
                return 1
            if SHEET in command and not sheet:
                assert (clone / "try/sheet.html").stat().st_size > 10_000
                sheet = time.monotonic() - begun
                log.append(f"{sheet:8.1f} s  from nothing to the data sheet of one's own CIF")
                print(log[-1], flush=True)
    log += [f"left out: {word} ({why})" for word, why in LEFT_OUT.items()]
    if arguments.log:
        arguments.log.write_text("\n".join(log) + "\n")
    if not 0 < sheet < LIMIT:
        print(f"the data sheet took {sheet:.0f} s, more than {LIMIT:.0f}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
