"""The examples in docstrings run, and every public function and class has one."""

import doctest
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import cloudkit

ROOT = Path(cloudkit.__file__).parent
HERE = {  # files of the folder in which examples run
    "salt.vasp": "rock salt\n5.64\n0 0.5 0.5\n0.5 0 0.5\n0.5 0.5 0\nNa Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n",
    "two.extxyz": '2\nLattice="4.12 0 0 0 4.12 0 0 0 4.12"\nCs 0 0 0\nCl 2.06 2.06 2.06\n1\nLattice="3.35 0 0 0 3.35 0 0 0 3.35"\nPo 0 0 0\n',
    "strings.csv": "id,scope\nsalt,1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b\n",
}  # fmt: skip
OPTIONAL = ("torch", "triton", "pyarrow", "duckdb", "ray", "urllib3")  # of extras
COMMANDS = "cloudkit.cli"  # their docstrings are the help that the terminal shows


def modules_with_examples() -> Iterator[str]:
    for found in pkgutil.walk_packages([str(ROOT)], "cloudkit."):
        path = ROOT.joinpath(*found.name.split(".")[1:])
        source = path / "__init__.py" if found.ispkg else path.with_suffix(".py")
        if source.is_file() and ">>> " in source.read_text("utf-8"):
            yield found.name


@pytest.mark.parametrize("name", sorted(modules_with_examples()))
def test_the_examples_in_the_docstrings_of_a_module_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, text in HERE.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    try:
        module = import_module(name)
    except ImportError as error:
        if not any(extra in str(error) for extra in OPTIONAL):
            raise
        pytest.skip(str(error))
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


def packages() -> Iterator[str]:
    yield from ("cloudkit", "cloudkit.models.runtime")
    for found in pkgutil.iter_modules([str(ROOT)], "cloudkit."):
        if not found.name.startswith(("cloudkit._", COMMANDS)):
            yield found.name


def public(package: str) -> Iterator[object]:
    """Yield the public functions and classes of a package; without those that need an extra which is not installed.

    A module without ``__all__`` has those that it defines.
    """
    module = import_module(package)
    exported = getattr(module, "__all__", None)
    for name in exported or [name for name in vars(module) if not name.startswith("_")]:
        try:
            one = getattr(module, name)
        except ImportError:
            continue
        home = str(getattr(one, "__module__", ""))
        if home.startswith("cloudkit.") if exported else home == package:
            yield one


def documented(text: str) -> set[str]:
    """The names in the section Parameters of a docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?:\n\n\w+\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^\S.*", section[1], re.MULTILINE) if section else []
    return {name.strip(" *") for line in lines for name in line.partition(" : ")[0].split(",")}


@pytest.mark.parametrize("package", sorted(packages()))
def test_every_public_function_and_class_is_documented_as_numpydoc(package: str) -> None:
    for one in public(package):
        text = inspect.getdoc(one) or ""
        titles = re.findall(r"^(\w+)\n-+$", text, re.MULTILINE)
        assert ">>> " in text and "Examples" in titles, one
        if inspect.isfunction(one):
            signature = inspect.signature(one)
            assert documented(text) == {*signature.parameters}, one
            assert {"Returns", "Yields"} & {*titles} or signature.return_annotation in (
                None,
                Iterator[None],
            ), one
