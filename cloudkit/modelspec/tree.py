"""A spec as a tree of nodes that know where they were written, and what is found wrong in it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class Node:
    """`value`: a scalar, a list of nodes or a dict of nodes; `key`: where its name stands, if any."""

    value: Any
    mark: Mark
    key: Mark | None = None

    @property
    def start(self) -> Mark:
        """Where a reader looks for it: its key, else itself."""
        return self.key or self.mark


class Finding(NamedTuple):
    """Something wrong at `path` of the tree; `at` overrides the place that follows from the path."""

    path: Path
    message: str
    at: Mark | None = None


def dotted(path: Path) -> str:
    """Name of a path in messages and in ``--set``; the root is "the spec"."""
    return ".".join(map(str, path)) or "the spec"


def child(node: Node, part: object) -> Node | None:
    """The member of a mapping or list, None if there is none."""
    if isinstance(node.value, dict) and isinstance(part, str):
        return node.value.get(part)
    if isinstance(node.value, list) and isinstance(part, int) and 0 <= part < len(node.value):
        member: Node = node.value[part]
        return member
    return None


def locate(root: Node, path: Path) -> Mark:
    """Where the value at `path` is written; for an absent one, where its nearest written ancestor starts."""
    node = root
    for part in path:
        found = child(node, part)
        if found is None:
            return node.start
        node = found
    return node.start if isinstance(node.value, dict | list) else node.mark


def plain(node: Node) -> Any:
    """The tree without marks."""
    if isinstance(node.value, dict):
        return {key: plain(member) for key, member in node.value.items()}
    if isinstance(node.value, list):
        return [plain(member) for member in node.value]
    return node.value


def show(value: object) -> str:
    """A value as a message quotes it: short, and in YAML's words."""
    if isinstance(value, dict | list):
        return ("a" if value else "an empty") + (" mapping" if isinstance(value, dict) else " list")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + "...'"
