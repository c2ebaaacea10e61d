"""A tree beside the JSON Schema of the spec: which schema belongs to which node, and the defaults."""

from typing import Any

from cloudkit.modelspec.tree import Finding, Node, Path, child

Schema = dict[str, Any]


class _Unknown:
    """Stands in a draft for a value that is absent or was already reported."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


class Shape:
    """The schema, what walking a tree beside it found, and in `bad` the paths whose value was reported."""

    def __init__(self, schema: Schema) -> None:
        self.root = schema
        self.findings: list[Finding] = []
        self.bad: set[Path] = set()

    def report(self, path: Path, message: str, node: Node | None = None) -> None:
        """Add a finding, at the node if there is one."""
        self.findings.append(Finding(path, message, node.start if node else None))

    def resolve(self, schema: Schema) -> Schema:
        """Follow a reference."""
        reference = schema.get("$ref")
        target: Schema = self.root["$defs"][reference.rsplit("/", 1)[1]] if reference else schema
        return target

    def member(self, schema: Schema, part: object) -> Schema:
        """Schema of a key or list item; empty where nothing is known."""
        schema = self.resolve(schema)
        if isinstance(part, int):
            return dict(schema.get("items", {}))
        known = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
        return known if isinstance(known, dict) else {}

    def at(self, tree: Node, path: Path) -> Schema:
        """Schema of the value at a path, with unions decided by what stands in the tree."""
        schema, node = self.root, tree
        for part in path:
            schema = self.member(self.variant(schema, node), part)
            node = child(node, part) or Node(None, node.mark)
        return self.resolve(schema)

    def variant(self, schema: Schema, node: Node) -> Schema:
        """The member of a union that a mapping stands for; if open, one with the keys of all members."""
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
            if branch["properties"].get("kind", {}).get("const", UNKNOWN) == kind:
                return branch
            if "discriminator" not in schema and any(key in keys for key in branch["required"]):
                return branch
        merged = {name: value for branch in branches for name, value in branch["properties"].items()}
        return {"properties": merged, "required": [key for branch in branches for key in branch["required"]]}

    def filled(self, schema: Schema, node: Node, path: Path = ()) -> Any:
        """Plain data with defaults for absent keys; UNKNOWN where there is none or the value was reported."""
        if path in self.bad:
            return UNKNOWN
        found = self.variant(schema, node)
        if isinstance(node.value, list):
            return [self.filled(self.member(found, i), m, (*path, i)) for i, m in enumerate(node.value)]
        if not isinstance(node.value, dict):
            return node.value
        defaults = {
            name: value.get("default", UNKNOWN) for name, value in found.get("properties", {}).items()
        }
        given = {k: self.filled(self.member(found, k), m, (*path, k)) for k, m in node.value.items()}
        return {**defaults, **given}


def one_of(names: list[str]) -> str:
    """``a, b or c``."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
