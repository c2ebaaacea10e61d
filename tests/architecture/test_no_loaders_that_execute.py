"""Nothing that is read can run: no pickle, no eval, no loader that constructs objects (spec/decisions/0015)."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "cloudkit"
MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {"eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "pandas.read_pickle", "os.system"}  # fmt: skip


def findings(source: str) -> Iterator[str]:
    """Imports and calls in a source that could run what they read."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            if ast.unparse(node.func) in CALLS:
                yield ast.unparse(node.func)
            yield from (word.arg for word in node.keywords if word.arg in ("allow_pickle", "shell") and ast.unparse(word.value) != "False")  # fmt: skip


def test_no_module_reads_with_a_loader_that_could_execute() -> None:
    found = {
        str(path.relative_to(PACKAGE)): list(findings(path.read_text("utf-8")))
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_such_a_loader_would_be_noticed() -> None:
    source = "import pickle\nfrom marshal import loads\ntorch.load(f)\nnumpy.load(f, allow_pickle=True)\neval(text)\n"
    assert sorted(findings(source)) == ["allow_pickle", "eval", "marshal", "pickle", "torch.load"]
