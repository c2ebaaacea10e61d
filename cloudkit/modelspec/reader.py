"""YAML text -> tree of nodes. Safe: plain values only, bounded in size, depth and alias expansion."""

from typing import Any, Final

import yaml

from cloudkit.errors import Problem, SpecError
from cloudkit.modelspec.scalars import TAG, add_scalars, scalar
from cloudkit.modelspec.tree import Mark, Node, show

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 20_000  # an alias counts as often as it is used

TOO_LARGE: Final = f"larger than {MAX_BYTES // 1024} KiB; a spec holds no data"
TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"
TOO_MANY: Final = f"more than {MAX_NODES} values, counting an alias as often as it is used"


class _Loader(yaml.SafeLoader):
    """Composes nodes; counts the depth, since the composer recurses."""

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
    """Turns PyYAML's nodes into ours; `problems` lists mistakes that do not stop the reading."""

    def __init__(self, origin: Mark) -> None:
        self.origin = origin
        self.count = 0
        self.problems: list[Problem] = []

    def mark(self, mark: Any) -> Mark:
        """Our mark for PyYAML's, which counts from 0 at the origin."""
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
                    Problem(*here, f"key '{name}' stands twice, first in line {first}; keep one")
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
    """Read YAML text whose first character stands at `origin`: the tree, and mistakes that did not stop it.

    Raises SpecError where the rest cannot be read.
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
            context = f" ({error.context}, which starts in line {builder.mark(error.context_mark).line})"
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
    """Line and column, from 1, of the character that follows this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")
