"""Checks a tree against the JSON Schema of the spec: unknown keys and kinds, and pydantic's errors as sentences.

A key or kind with one plausible meaning is reported and then read as that, so that the rest is still checked and one error gives
one message.
"""

from collections.abc import Iterable
from typing import Any, Final

from cloudkit.errors import nearest, suggest
from cloudkit.modelspec.yaml_tree import Finding, KeyPath, Node, child, dotted, plain, show

Schema = dict[str, Any]


class SchemaCheck:
    """The schema, findings of checking a tree, and paths whose value was reported."""

    def __init__(self, schema: Schema) -> None:
        self.root = schema
        self.findings: list[Finding] = []
        self.reported: set[KeyPath] = set()

    def report(self, path: KeyPath, message: str, node: Node | None = None) -> None:
        """Add a finding, at the node if there is one."""
        self.findings.append(Finding(path, message, node.start if node else None))

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference."""
        reference = schema.get("$ref")
        target: Schema = self.root["$defs"][reference.rsplit("/", 1)[1]] if reference else schema
        return target

    def member(self, schema: Schema, part: object) -> Schema:
        """Return the schema of a key or list item; empty if unknown."""
        schema = self.resolve(schema)
        if isinstance(part, int):
            return dict(schema.get("items", {}))
        known = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
        return known if isinstance(known, dict) else {}

    def at(self, tree: Node, path: KeyPath) -> Schema:
        """Return the schema of the value at a path, with unions resolved by the content of the tree."""
        schema, node = self.root, tree
        for part in path:
            schema = self.member(self.variant(schema, node), part)
            node = child(node, part) or Node(None, node.mark)
        return self.resolve(schema)

    def variant(self, schema: Schema, node: Node) -> Schema:
        """Return the member of a union that a mapping is; if undecided, one with the keys of all members."""
        schema = self.resolve(schema)
        if "anyOf" in schema and isinstance(node.value, dict):  # a part that may be null
            parts = (self.resolve(branch) for branch in schema["anyOf"])
            schema = next((part for part in parts if "properties" in part), schema)
        if "oneOf" not in schema:
            return schema
        branches = [self.resolve(branch) for branch in schema["oneOf"]]
        keys = node.value if isinstance(node.value, dict) else {}
        kind = keys["kind"].value if "kind" in keys else None
        for branch in branches:
            if kind is not None and branch["properties"].get("kind", {}).get("const") == kind:
                return branch
            if "discriminator" not in schema and any(key in keys for key in branch["required"]):
                return branch
        merged = {name: value for branch in branches for name, value in branch["properties"].items()}
        return {"properties": merged, "required": [key for branch in branches for key in branch["required"]]}


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like a misspelt one, ignoring case and hyphens; None if none is close."""
    found = nearest(name.replace("-", "_")[:100], known, cutoff=0.5)
    return found[0] if found else None


def one_of(names: list[str]) -> str:
    """Join names as in ``a, b or c``."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


RENAMED: Final = {  # keys of other tools or earlier specs, too different for `nearest_name`
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


def check_keys(check: SchemaCheck, schema: Schema, node: Node, path: KeyPath = ()) -> None:
    """Report and repair unknown keys and kinds, in a node and below."""
    if isinstance(node.value, dict):
        _check_rivals(check, schema, node, path)
        _check_names(check, schema, node, path)  # may repair the key that decides which keys are known
        _check_kind(check, schema, node, path)
        _check_names(check, schema, node, path)
        found = check.variant(schema, node)
        for key, member in list(node.value.items()):
            check_keys(check, check.member(found, key), member, (*path, key))
    elif isinstance(node.value, list):
        for index, member in enumerate(node.value):
            check_keys(check, check.member(schema, index), member, (*path, index))


def _check_names(check: SchemaCheck, schema: Schema, node: Node, path: KeyPath) -> None:
    found = check.variant(schema, node)
    if "properties" not in found:
        return
    absent = [name for name in found["properties"] if name not in node.value]
    absent.sort(key=lambda name: name not in found.get("required", ()))
    for name in [name for name in node.value if name not in found["properties"]]:
        renamed = RENAMED.get(name)
        near = (
            renamed
            if renamed in found["properties"]
            else nearest_name(name, absent) or nearest_name(name, found["properties"])
        )
        end = f"; did you mean '{near}'?" if near else suggest(name, found["properties"])
        where = dotted(path)
        member = node.value.pop(name)
        check.report((*path, name), f"unknown key {show(name)} in {where}{end}", member)
        if near in absent:
            node.value[near] = member
            absent.remove(near)


def _check_rivals(check: SchemaCheck, schema: Schema, node: Node, path: KeyPath) -> None:
    """Report keys of different members of a union without kinds."""
    choices = _deciding_keys(check, schema)
    given = [key for key in choices if key in node.value]
    for key in given[1:]:
        check.report(
            (*path, key), f"{dotted(path)} has both '{given[0]}' and '{key}'; keep one", node.value[key]
        )
    if len(given) > 1:
        keep = check.variant(schema, node)["properties"]
        node.value = {name: member for name, member in node.value.items() if name in keep}


def _deciding_keys(check: SchemaCheck, schema: Schema) -> list[str]:
    schema = check.resolve(schema)
    branches = [] if "discriminator" in schema else schema.get("oneOf", [])
    return [key for branch in branches for key in check.resolve(branch)["required"]]


def _check_kind(check: SchemaCheck, schema: Schema, node: Node, path: KeyPath) -> None:
    """Report a missing or unknown key that decides between members of a union."""
    choices = _deciding_keys(check, schema)
    if "discriminator" in check.resolve(schema):
        _check_named_kind(check, list(check.resolve(schema)["discriminator"]["mapping"]), node, path)
    elif choices and not any(key in node.value for key in choices):
        check.report(path, f"{dotted(path)} needs the key {one_of([repr(key) for key in choices])}", node)
        check.reported.add(path)


def _check_named_kind(check: SchemaCheck, known: list[str], node: Node, path: KeyPath) -> None:
    kind = node.value.get("kind")
    if kind is None:
        check.report(path, f"{dotted(path)} needs the key 'kind': {one_of(known)}", node)
    elif kind.value not in known:
        near = nearest_name(kind.value, known) if isinstance(kind.value, str) else None
        hint = f"; did you mean '{near}'?" if near else ""
        message = f"{dotted(path)}.kind must be {one_of(known)}, not {show(plain(kind))}{hint}"
        check.findings.append(Finding((*path, "kind"), message, kind.mark))
        kind.value = near
    if kind is None or kind.value is None:
        check.reported.add(path)


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


def allowed(schema: Schema, check: SchemaCheck) -> str:
    """Describe what a schema allows."""
    schema = check.resolve(schema)
    if "oneOf" in schema:
        return _TYPES["object"]
    if "anyOf" in schema:
        return one_of([allowed(option, check) for option in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return one_of([str(value) for value in schema.get("enum", [schema.get("const")])])
    if "minimum" in schema and schema["minimum"] == schema.get("maximum"):
        return str(schema["minimum"])
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    if schema.get("minItems"):
        limits.append("not empty" if schema["minItems"] == 1 else f"at least {schema['minItems']} items")
    if "maxItems" in schema:
        limits.append(f"at most {schema['maxItems']} items")
    if "pattern" in schema:
        limits.append(f"matching {schema['pattern']}")
    if "maxLength" in schema:
        limits.append(f"at most {schema['maxLength']} characters")
    elif schema.get("minLength"):
        limits.append("not empty")
    words = _TYPES.get(str(schema.get("type")), "another value")
    return f"{words} ({', '.join(limits)})" if limits else words


def choices(schema: Schema, check: SchemaCheck) -> list[str]:
    """Return the allowed values that are text."""
    schema = check.resolve(schema)
    own = [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    return own + [word for option in schema.get("anyOf", []) for word in choices(option, check)]


def tree_path(tree: Node, location: Iterable[object]) -> KeyPath:
    """Return pydantic's location without the names of union members between the keys."""
    path: list[str | int] = []
    node = tree
    for part in location:
        found = child(node, part)
        if found is not None and isinstance(part, str | int):
            path.append(part)
            node = found
    return tuple(path)


def findings(errors: Iterable[Any], tree: Node, check: SchemaCheck) -> list[Finding]:
    """Return one finding per wrong value or missing key, and mark their paths as reported."""
    found: dict[KeyPath, Finding] = {}
    for error in errors:
        location = error["loc"]
        path = tree_path(tree, location)
        if any(path[:n] in check.reported for n in range(len(path) + 1)):
            continue
        if error["type"] == "missing":
            name = location[-1]
            words = allowed(check.at(tree, (*path, name)), check)
            found[*path, name] = Finding(path, f"{dotted(path)} needs the key '{name}': {words}")
        elif location[-1] == "[key]":
            words = allowed({"type": "string", **check.at(tree, path[:-1])["propertyNames"]}, check)
            message = f"the name {show(path[-1])} in {dotted(path[:-1])} must be {words}"
            found[path] = Finding(path, message, _node(tree, path).key)
        else:
            found[path] = Finding(path, _wrong_value(path, tree, check))
    check.reported.update(found)
    return list(found.values())


def _node(tree: Node, path: KeyPath) -> Node:
    for part in path:
        tree = child(tree, part) or tree
    return tree


def _wrong_value(path: KeyPath, tree: Node, check: SchemaCheck) -> str:
    value = plain(_node(tree, path))
    schema = check.at(tree, path)
    counted = isinstance(value, list) and value and schema.get("type") == "array"
    found = f"a list of {len(value)}" if counted else show(value)
    message = f"{dotted(path)} must be {allowed(schema, check)}, not {found}"
    near = nearest_name(value, choices(schema, check)) if isinstance(value, str) else None
    if near:
        return f"{message}; did you mean '{near}'?"
    quotable = (
        schema.get("type") == "string"
        and isinstance(value, bool | int | float)
        and not choices(schema, check)
    )
    return message + ("; put it in quotes to make it text" if quotable else "")
