"""Data files of a spec: found from the folder of the spec, made absolute, missed all at once."""

from collections.abc import Iterator
from pathlib import Path

from cloudkit.modelspec.names import nearest
from cloudkit.modelspec.overrides import SET
from cloudkit.modelspec.tree import Finding, Node, child, dotted
from cloudkit.modelspec.tree import Path as Where


def resolve_files(tree: Node, folder: Path, *, check: bool) -> list[Finding]:
    """Make each `path` of a task's data absolute; returns those that are not there (if `check`).

    Paths count from `folder`, those of ``--set`` from the working directory; `init_from` may name a shipped model instead.
    """
    findings: list[Finding] = []
    start = child(tree, "init_from")
    if start is not None and isinstance(start.value, str) and "\0" not in start.value:
        base = Path.cwd() if start.mark.file == SET else folder.absolute()
        if (base / start.value).is_dir():
            start.value = str(base / start.value)
    for path, node in _paths(tree):
        if not isinstance(node.value, str) or not node.value:
            continue
        written, base = node.value, Path.cwd() if node.mark.file == SET else folder.absolute()
        message = _missing(base / Path(written)) if check and "\0" not in written else None
        if "\0" in written or message:
            end = message or "it holds a zero character"
            findings.append(Finding(path, f"{dotted(path)} = '{written}': {end}"))
        node.value = str(base / written)
    return findings


def _paths(tree: Node) -> Iterator[tuple[Where, Node]]:
    """Each key `path` of a table of data, joined or not, and where it stands."""
    tasks = child(tree, "tasks")
    for index, task in enumerate(tasks.value if tasks and isinstance(tasks.value, list) else []):
        data = child(task, "data")
        joined = child(data, "join") if data else None
        tables: list[tuple[Where, Node]] = [(("data",), data)] if data else []
        for number, table in enumerate(joined.value if joined and isinstance(joined.value, list) else []):
            tables.append((("data", "join", number), table))
        for below, table in tables:
            node = child(table, "path")
            if node is not None:
                yield ("tasks", index, *below, "path"), node


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
