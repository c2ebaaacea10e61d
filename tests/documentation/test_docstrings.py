"""The examples in docstrings run, and every name of the public API of text has one."""

import doctest
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import cloudkit

ROOT = Path(cloudkit.__file__).parent
OPTIONAL = ("torch", "triton", "pyarrow", "duckdb", "ray", "urllib3")  # of extras
WITH_EXAMPLES = ("cloudkit.encoding", "cloudkit.scope", "cloudkit.tokens")
RESULTS = {"Batch", "Candidates", "Diagnostic", "Encoded", "Findings", "Orbit"}  # of functions with examples
STREAMS = {"encode_files", "encode_records"}  # encode_batch has their example


def modules_with_examples() -> Iterator[str]:
    for found in pkgutil.walk_packages([str(ROOT)], "cloudkit."):
        path = ROOT.joinpath(*found.name.split(".")[1:])
        source = path / "__init__.py" if found.ispkg else path.with_suffix(".py")
        if source.is_file() and ">>> " in source.read_text("utf-8"):
            yield found.name


@pytest.mark.parametrize("name", sorted(modules_with_examples()))
def test_the_examples_in_the_docstrings_of_a_module_run(name: str) -> None:
    try:
        module = import_module(name)
    except ImportError as error:
        if not any(extra in str(error) for extra in OPTIONAL):
            raise
        pytest.skip(str(error))
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("package", WITH_EXAMPLES)
def test_every_public_function_and_class_has_an_example(package: str) -> None:
    module = import_module(package)
    public = {name: getattr(module, name) for name in module.__all__ if name not in RESULTS | STREAMS}
    documented = {name: inspect.getdoc(one) or "" for name, one in public.items() if callable(one)}
    assert [name for name, text in documented.items() if ">>> " not in text] == []
