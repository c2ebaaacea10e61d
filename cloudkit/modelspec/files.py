"""Data files of a spec: found from the folder of the spec, made absolute, missed all at once."""

from pathlib import Path

from cloudkit.modelspec.names import nearest
from cloudkit.modelspec.overrides import SET
from cloudkit.modelspec.tree import Finding, Node, child


def resolve_files(tree: Node, folder: Path, *, check: bool) -> list[Finding]:
    """Make each `tasks.N.data.path` absolute; returns those that are not there (if `check`).

    Paths count from `folder`, those of ``--set`` from the working directory.
    """
    findings: list[Finding] = []
    tasks = child(tree, "tasks")
    for index, task in enumerate(tasks.value if tasks and isinstance(tasks.value, list) else []):
        data = child(task, "data")
        node = child(data, "path") if data else None
        if node is None or not isinstance(node.value, str) or not node.value:
            continue
        written, base = node.value, Path.cwd() if node.mark.file == SET else folder.absolute()
        message = _missing(base / Path(written)) if check and "\0" not in written else None
        if "\0" in written or message:
            end = message or "it holds a zero character"
            findings.append(
                Finding(("tasks", index, "data", "path"), f"tasks.{index}.data.path = '{written}': {end}")
            )
        node.value = str(base / written)
    return findings


def _missing(file: Path) -> str | None:
    """Why a file cannot be read, with the nearest name beside it; None if it can."""
    try:
        if file.is_file():
            return None
        if file.is_dir():
            return f"{file} is a folder; name one file"
        names = sorted(other.name for other in file.parent.iterdir() if other.is_file())[:1000]
    except OSError:  # a folder that is missing, closed to us, or a name too long
        return f"no such file; looked for {file}"
    near = nearest(file.name, names)
    return f"no such file in {file.parent}" + (f"; did you mean '{near}'?" if near else "")
