"""YAML text -> a tree of nodes with line and column. Safe: plain values only; size, depth and aliases are bounded.

Scalars follow YAML 1.2, not the 1.1 of PyYAML: 1e-3 is a number, only true and false are booleans; 1:30, 0o7, dates, yes and no
are text.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from cloudkit.errors import Problem, SpecError

if TYPE_CHECKING:
    from cloudkit.modelspec.spec import Spec

KeyPath = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class Node:
    """A value of the tree: a scalar, a list of nodes or a dict of nodes. key: where its name is written, if it has one."""

    value: Any
    mark: Mark
    key: Mark | None = None

    @property
    def start(self) -> Mark:
        """Return where its key is written, or without key the value."""
        return self.key or self.mark


class Finding(NamedTuple):
    """An error at `path` of the tree; `at` overrides the line and column that follow from the path."""

    path: KeyPath
    message: str
    at: Mark | None = None


def dotted(path: KeyPath) -> str:
    """Return the name of a path in messages and in ``--set``; the root is "the spec"."""
    return ".".join(map(str, path)) or "the spec"


def child(node: Node, part: object) -> Node | None:
    """Return a member of a mapping or list, None if there is none."""
    if isinstance(node.value, dict) and isinstance(part, str):
        return node.value.get(part)
    if isinstance(node.value, list) and isinstance(part, int) and 0 <= part < len(node.value):
        member: Node = node.value[part]
        return member
    return None


def locate(root: Node, path: KeyPath) -> Mark:
    """Return where the value at `path` is written; if it is missing, where the nearest ancestor starts."""
    node = root
    for part in path:
        found = child(node, part)
        if found is None:
            return node.start
        node = found
    return node.start if isinstance(node.value, dict | list) else node.mark


def plain(node: Node) -> Any:
    """Return the tree as plain data, without marks."""
    if isinstance(node.value, dict):
        return {key: plain(member) for key, member in node.value.items()}
    if isinstance(node.value, list):
        return [plain(member) for member in node.value]
    return node.value


def show(value: object) -> str:
    """Return a value as messages quote it: short, in YAML notation."""
    if isinstance(value, dict | list):
        return ("a" if value else "an empty") + (" mapping" if isinstance(value, dict) else " list")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:56] + "...'"


TAG: Final = "tag:yaml.org,2002:"

PATTERNS: Final = {  # type -> (pattern, first characters), in the order of trial
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}


def add_scalars(cls: Any) -> None:
    """Add these rules to a PyYAML loader or dumper class."""
    for kind, (pattern, first) in PATTERNS.items():
        cls.add_implicit_resolver(TAG + kind, re.compile(rf"(?:{pattern})\Z"), first)


def scalar(tag: str, text: str) -> Any:
    """Return the value of a scalar with this tag.

    Raises ValueError for a tag that is not plain (such as !!python/name) or does not fit the text.
    """
    kind = tag.removeprefix(TAG)
    if kind == "str":
        return text
    if kind not in PATTERNS or not re.fullmatch(PATTERNS[kind][0], text):
        raise ValueError(tag)
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
    return None if kind == "null" else text.lower() == "true"


MAX_BYTES: Final = 256 * 1024

MAX_DEPTH: Final = 32

MAX_NODES: Final = 20_000  # an alias counts as often as it is used

TOO_LARGE: Final = f"larger than {MAX_BYTES // 1024} KiB; keep data in separate files"

TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"

TOO_MANY: Final = f"more than {MAX_NODES} values, counting aliases each time they are used"


class _Loader(yaml.SafeLoader):
    """Composes nodes, and limits the depth, because the composer recurses."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=TOO_DEEP, problem_mark=self.get_mark())
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}  # forget the rules of YAML 1.1

add_scalars(_Loader)


class _Builder:
    """Converts PyYAML's nodes to ours; problems: errors that do not stop the reading."""

    def __init__(self, origin: Mark) -> None:
        self.origin = origin
        self.count = 0
        self.problems: list[Problem] = []

    def mark(self, mark: Any) -> Mark:
        """Convert a mark of PyYAML, which counts from 0 at the origin."""
        file, line, column = self.origin
        return Mark(file, line + mark.line, mark.column + (column if mark.line == 0 else 1))

    def build(self, node: yaml.Node, depth: int = 0, key: Mark | None = None) -> Node:
        here = self.mark(node.start_mark)
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH:
            raise SpecError([Problem(*here, TOO_DEEP if depth > MAX_DEPTH else TOO_MANY)])
        if isinstance(node, yaml.ScalarNode):
            return Node(self._scalar(node, here), here, key)
        if node.tag not in (TAG + "map", TAG + "seq"):
            self.problems.append(Problem(*here, f"the tag {show(node.tag)} is not allowed; remove it"))
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, depth), here, key)
        return Node([self.build(member, depth + 1) for member in node.value], here, key)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        for name_node, value_node in node.value:
            here = self.mark(name_node.start_mark)
            name = self.build(name_node, depth + 1).value
            member = self.build(value_node, depth + 1, here)
            if not isinstance(name, str):
                self.problems.append(Problem(*here, f"a key must be a name, not {show(name)}"))
            elif name in members:
                first = members[name].start.line
                self.problems.append(
                    Problem(*here, f"duplicate key '{name}', first in line {first}; keep one")
                )
            else:
                members[name] = member
        return members

    def _scalar(self, node: yaml.ScalarNode, here: Mark) -> Any:
        try:
            return scalar(node.tag, node.value)
        except ValueError:
            self.problems.append(Problem(*here, f"the tag {show(node.tag)} is not allowed here; remove it"))
            return node.value


def read(text: str, origin: Mark) -> tuple[Node, list[Problem]]:
    """Read YAML text whose first character is at `origin`; return the tree, and errors that did not stop the reading.

    Raises SpecError if the rest cannot be read.
    """
    if len(text) > MAX_BYTES:
        raise SpecError([Problem(*origin, TOO_LARGE)])
    builder = _Builder(origin)
    try:
        root = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        context = f" ({error.context})" if error.context else ""
        if error.context_mark and where is not error.context_mark:
            context = f" ({error.context}, starting in line {builder.mark(error.context_mark).line})"
        message = f"not valid YAML: {error.problem}{context}"
        raise SpecError([Problem(*(builder.mark(where) if where else origin), message)]) from None
    except yaml.reader.ReaderError as error:
        line, column = position(text[: error.position])
        character = chr(int(error.character))
        raise SpecError(
            [Problem(origin.file, line, column, f"the character {character!r} is not allowed")]
        ) from None
    return (Node(None, origin) if root is None else builder.build(root)), builder.problems


def position(before: str) -> tuple[int, int]:
    """Return line and column, from 1, of the character after this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or our reader would read as another type."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


add_scalars(_Dumper)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write text with line ends such as U+0085 in double quotes, which alone preserve them."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _write_text)


def dump(spec: "Spec") -> str:
    """Write a spec as YAML with all keys, also those with default values.

    Parameters
    ----------
    spec
        A checked spec.

    Returns
    -------
    str
        YAML, keys in the order of the models; `parse_spec` reads it back.

    Examples
    --------
    >>> from cloudkit.modelspec import load_spec
    >>> dump(load_spec("thermal")).splitlines()[:2]
    ['cloudkit: 1', 'name: thermal']
    """
    data = spec.model_dump(mode="json")
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
