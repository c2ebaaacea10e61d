"""Unknown keys and unknown kinds, with the nearest known name.

A key or kind with one plausible meaning is reported and then read as that, so that the rest is still checked
and one mistake gives one message.
"""

from typing import Final

from cloudkit.modelspec.names import nearest, suggest
from cloudkit.modelspec.shape import Schema, Shape, one_of
from cloudkit.modelspec.tree import Finding, Node, Path, dotted, plain, show

RENAMED: Final = {  # keys as other tools or earlier specs call them, too unlike ours for the nearest name to be right
    "average": "ema_decay",
    "ema": "ema_decay",
    "valid": "validation_fraction",
    "clip": "max_grad_norm",
    "gradient_clip": "max_grad_norm",
    "group": "bucket_batches",
    "apart": "exclude_shared",
    "from": "init_from",
    "split": "split_by",
    "batch_size": "batch",
    "lr": "learning_rate",
}


def check_keys(shape: Shape, schema: Schema, node: Node, path: Path = ()) -> None:
    """Report and repair unknown keys and kinds, here and below."""
    if isinstance(node.value, dict):
        _check_rivals(shape, schema, node, path)
        _check_names(shape, schema, node, path)  # may mend the key that decides what else is known
        _check_kind(shape, schema, node, path)
        _check_names(shape, schema, node, path)
        found = shape.variant(schema, node)
        for key, member in list(node.value.items()):
            check_keys(shape, shape.member(found, key), member, (*path, key))
    elif isinstance(node.value, list):
        for index, member in enumerate(node.value):
            check_keys(shape, shape.member(schema, index), member, (*path, index))


def _check_names(shape: Shape, schema: Schema, node: Node, path: Path) -> None:
    found = shape.variant(schema, node)
    if "properties" not in found:
        return
    absent = [name for name in found["properties"] if name not in node.value]
    absent.sort(key=lambda name: name not in found.get("required", ()))
    for name in [name for name in node.value if name not in found["properties"]]:
        renamed = RENAMED.get(name)
        near = (
            renamed
            if renamed in found["properties"]
            else nearest(name, absent) or nearest(name, found["properties"])
        )
        end = f"; did you mean '{near}'?" if near else suggest(name, found["properties"])
        where = dotted(path)
        member = node.value.pop(name)
        shape.report((*path, name), f"unknown key {show(name)} in {where}{end}", member)
        if near in absent:
            node.value[near] = member
            absent.remove(near)


def _check_rivals(shape: Shape, schema: Schema, node: Node, path: Path) -> None:
    """In a union without kinds, keys that each decide for another member."""
    choices = _deciding_keys(shape, schema)
    given = [key for key in choices if key in node.value]
    for key in given[1:]:
        shape.report(
            (*path, key), f"{dotted(path)} has both '{given[0]}' and '{key}'; keep one", node.value[key]
        )
    if len(given) > 1:
        keep = shape.variant(schema, node)["properties"]
        node.value = {name: member for name, member in node.value.items() if name in keep}


def _deciding_keys(shape: Shape, schema: Schema) -> list[str]:
    schema = shape.resolve(schema)
    branches = [] if "discriminator" in schema else schema.get("oneOf", [])
    return [key for branch in branches for key in shape.resolve(branch)["required"]]


def _check_kind(shape: Shape, schema: Schema, node: Node, path: Path) -> None:
    """The key that decides between members of a union must be there and known."""
    choices = _deciding_keys(shape, schema)
    if "discriminator" in shape.resolve(schema):
        _check_named_kind(shape, list(shape.resolve(schema)["discriminator"]["mapping"]), node, path)
    elif choices and not any(key in node.value for key in choices):
        shape.report(path, f"{dotted(path)} needs the key {one_of([repr(key) for key in choices])}", node)
        shape.bad.add(path)


def _check_named_kind(shape: Shape, known: list[str], node: Node, path: Path) -> None:
    kind = node.value.get("kind")
    if kind is None:
        shape.report(path, f"{dotted(path)} needs the key 'kind': {one_of(known)}", node)
    elif kind.value not in known:
        near = nearest(kind.value, known) if isinstance(kind.value, str) else None
        hint = f"; did you mean '{near}'?" if near else ""
        message = f"{dotted(path)}.kind must be {one_of(known)}, not {show(plain(kind))}{hint}"
        shape.findings.append(Finding((*path, "kind"), message, kind.mark))
        kind.value = near
    if kind is None or kind.value is None:
        shape.bad.add(path)
