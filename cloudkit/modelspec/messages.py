"""pydantic's errors as sentences: where, what is allowed, what was found."""

from collections.abc import Iterable
from typing import Any

from cloudkit.modelspec.names import nearest
from cloudkit.modelspec.shape import Schema, Shape, one_of
from cloudkit.modelspec.tree import Finding, Node, Path, child, dotted, plain, show

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping of keys",
}


def allowed(schema: Schema, shape: Shape) -> str:
    """What a schema allows, in words."""
    schema = shape.resolve(schema)
    if "oneOf" in schema:
        return _TYPES["object"]
    if "anyOf" in schema:
        return one_of([allowed(option, shape) for option in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return one_of([str(value) for value in schema.get("enum", [schema.get("const")])])
    if "minimum" in schema and schema["minimum"] == schema.get("maximum"):
        return str(schema["minimum"])
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    if schema.get("minItems"):
        limits.append("not empty")
    if "pattern" in schema:
        limits.append(f"matching {schema['pattern']}")
    if "maxLength" in schema:
        limits.append(f"at most {schema['maxLength']} characters")
    elif schema.get("minLength"):
        limits.append("not empty")
    words = _TYPES.get(str(schema.get("type")), "another value")
    return f"{words} ({', '.join(limits)})" if limits else words


def choices(schema: Schema, shape: Shape) -> list[str]:
    """The words among the allowed values."""
    schema = shape.resolve(schema)
    own = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    return own + [word for option in schema.get("anyOf", []) for word in choices(option, shape)]


def tree_path(tree: Node, location: Iterable[object]) -> Path:
    """pydantic's location without the names of union members that it puts between the keys."""
    path: list[str | int] = []
    node = tree
    for part in location:
        found = child(node, part)
        if found is not None and isinstance(part, str | int):
            path.append(part)
            node = found
    return tuple(path)


def findings(errors: Iterable[Any], tree: Node, shape: Shape) -> list[Finding]:
    """One finding per wrong value or missing key; their paths join `shape.bad`."""
    found: dict[Path, Finding] = {}
    for error in errors:
        location = error["loc"]
        path = tree_path(tree, location)
        if any(path[:n] in shape.bad for n in range(len(path) + 1)):
            continue
        if error["type"] == "missing":
            name = location[-1]
            words = allowed(shape.at(tree, (*path, name)), shape)
            found[*path, name] = Finding(path, f"{dotted(path)} needs the key '{name}': {words}")
        elif location[-1] == "[key]":
            words = allowed({"type": "string", **shape.at(tree, path[:-1])["propertyNames"]}, shape)
            message = f"the name {show(path[-1])} in {dotted(path[:-1])} must be {words}"
            found[path] = Finding(path, message, _node(tree, path).key)
        else:
            found[path] = Finding(path, _wrong_value(path, tree, shape))
    shape.bad.update(found)
    return list(found.values())


def _node(tree: Node, path: Path) -> Node:
    for part in path:
        tree = child(tree, part) or tree
    return tree


def _wrong_value(path: Path, tree: Node, shape: Shape) -> str:
    value = plain(_node(tree, path))
    schema = shape.at(tree, path)
    message = f"{dotted(path)} must be {allowed(schema, shape)}, not {show(value)}"
    near = nearest(value, choices(schema, shape)) if isinstance(value, str) else None
    if near:
        return f"{message}; did you mean '{near}'?"
    quotable = (
        schema.get("type") == "string"
        and isinstance(value, bool | int | float)
        and not choices(schema, shape)
    )
    return message + ("; put it in quotes to make it text" if quotable else "")
