"""The import graph of cloudkit: no cycles, and the cache key of a build covers the code that makes its stages."""

import ast
from functools import cache
from pathlib import Path

import pytest

import cloudkit

ROOT = Path(cloudkit.__file__).parent


@cache
def modules() -> dict[str, Path]:
    """Module names -> their files."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = ("cloudkit", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of cloudkit that a module imports at run time, also inside functions."""
    tree = ast.parse(modules()[module].read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if full in modules() else str(node.module))
    return frozenset(names & modules().keys() - {module})


def cycles() -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in imports(module):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            component = [stack.pop()]
            while component[-1] != module:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for module in modules():
        if module not in index:
            visit(module)
    return sorted(found)


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert cycles() == []


def test_the_walk_of_the_graph_finds_what_it_should() -> None:
    assert "cloudkit.train.trainer" in imports("cloudkit.train.steps")
    assert "cloudkit.train.stages" not in imports("cloudkit.train.checks")  # for type checking only


def reached_from(start: str, prefix: str = "cloudkit.") -> set[str]:
    """The modules with a prefix that a module imports, directly or not."""
    reached, left = set[str](), [start]
    while left:
        module = left.pop()
        if module not in reached:
            reached.add(module)
            left += [name for name in imports(module) if name.startswith(prefix)]
    return reached


def test_the_key_of_a_training_stage_covers_all_modules_of_train_that_it_runs() -> None:
    pytest.importorskip("lightning")
    from cloudkit.train.stages import CODE

    reached = reached_from("cloudkit.train.steps", "cloudkit.train.")
    # stages.py writes the keys and the folders; it does not change what is in them
    assert reached - set(CODE["finetune"]) == {"cloudkit.train.stages"}


def test_the_key_of_an_encode_stage_covers_all_packages_that_read_its_data() -> None:
    pytest.importorskip("lightning")
    from cloudkit.train.stages import CODE

    listed = {name.split(".")[1] for name in CODE["encode"]}
    reached = {name.split(".")[1] for name in reached_from("cloudkit.evaluate.task_data")}
    # the spec's part of the key holds what modelspec says; predict: arrays of leakage.py, which splits and does not read
    assert reached - listed <= {"errors", "html", "modelspec", "predict"}
