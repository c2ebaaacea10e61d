"""``--set a.b=c``: put values from the command line into the tree, with marks of their own.

The file of such a mark is "--set", its line the number of the override, its column the place in its text.
"""

from collections.abc import Iterable

from cloudkit.errors import Problem, SpecError
from cloudkit.modelspec.names import suggest
from cloudkit.modelspec.reader import read
from cloudkit.modelspec.shape import Shape
from cloudkit.modelspec.tree import Mark, Node, Path, dotted

SET = "--set"


def apply(tree: Node, overrides: Iterable[str], shape: Shape) -> list[Problem]:
    """Change the tree; returns what cannot be done. Unknown keys go in: the check of all keys finds them."""
    problems: list[Problem] = []
    for number, text in enumerate(overrides, 1):
        target, equals, value = text.partition("=")
        if not equals or not target.strip():
            problems.append(Problem(SET, number, 1, f"'{text}' is not of the form a.b=c"))
            continue
        try:
            node, mistakes = read(value, Mark(SET, number, len(target) + 2))
        except SpecError as error:
            problems.extend(error.problems)
            continue
        problems.extend(mistakes)
        message = _put(tree, target.strip().split("."), node, shape)
        if message:
            problems.append(Problem(SET, number, 1, message))
    return problems


def _put(tree: Node, parts: list[str], new: Node, shape: Shape) -> str | None:
    """Put a node at a path, making mappings that are not written; a message if that is impossible."""
    new.key = Mark(SET, new.mark.line, 1)
    path: Path = ()
    node = tree
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(node.value, list):
            if not part.isdecimal() or int(part) >= len(node.value):
                return f"{dotted(path)} has no item '{part}'; its items are 0 to {len(node.value) - 1}"
            if last:
                node.value[int(part)] = new
            path, node = (*path, int(part)), node.value[int(part)]
            continue
        if not isinstance(node.value, dict):
            return f"{dotted(path)} has no keys, so '{dotted((*path, part))}' cannot be set"
        if last:
            node.value[part] = new
        elif part not in node.value:
            named = "additionalProperties" in shape.at(tree, path) and "properties" not in shape.at(
                tree, path
            )
            if named:
                return f"no '{part}' in {dotted(path)}" + suggest(part, node.value)
            node.value[part] = Node({}, new.key, new.key)
        path, node = (*path, part), node.value[part]
    return None
