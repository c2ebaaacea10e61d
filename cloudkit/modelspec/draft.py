"""Access to a draft, the form in which rules read a spec that may be wrong in other places.

A draft, made by `Shape.filled`, is plain dicts with all defaults; UNKNOWN stands for what is absent or
already reported. Rules say nothing about values of the wrong type, so all of them run however broken the rest is.
"""

from collections.abc import Iterator
from typing import Any

from cloudkit.modelspec.names import nearest

Draft = dict[str, Any]


def section(draft: Draft, name: str) -> Draft:
    """A mapping inside the draft; empty if it is not one."""
    value = draft.get(name)
    return value if isinstance(value, dict) else {}


def items(draft: Draft, name: str) -> list[Any]:
    """A list inside the draft; empty if it is not one."""
    value = draft.get(name)
    return value if isinstance(value, list) else []


def mappings(draft: Draft, name: str) -> Iterator[tuple[int, Draft]]:
    """The readable mappings of a list inside the draft, with their indices."""
    for index, value in enumerate(items(draft, name)):
        if isinstance(value, dict):
            yield index, value


def head_name(draft: Draft, task: Draft) -> str | None:
    """Name of the head that a task means: a misspelt one (it is reported elsewhere) counts as the nearest."""
    name, heads = task.get("head"), section(draft, "heads")
    if not isinstance(name, str):
        return None
    return name if name in heads else nearest(name, heads)


def head_names(draft: Draft, task: Draft) -> list[str]:
    """Names of the heads that a task means, one or a list, as `head_name` reads them."""
    given = task.get("head")
    found = [head_name(draft, {"head": one}) for one in (given if isinstance(given, list) else [given])]
    return [name for name in found if name is not None]


def head_of(draft: Draft, task: Draft) -> Draft:
    """The head whose labels a task reads: the only one, or the one of values in a mix; empty if there is none."""
    names = head_names(draft, task)
    labelled = [
        n for n in names if section(section(draft, "heads"), n).get("kind") in ("regression", "thermal")
    ]
    name = next(iter(labelled + names), None)
    return section(section(draft, "heads"), name) if name else {}


def tables(task: Draft) -> Iterator[tuple[tuple[str | int, ...], Draft]]:
    """The tables of a task's data, one or several joined ones, each with its path below the task."""
    data = section(task, "data")
    if "join" not in data:
        yield ("data",), data
    for number, table in mappings(data, "join"):
        yield ("data", "join", number), table
