"""Walls of the house: what `import cloudkit` loads, what it exports, and the one door of each outside package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cloudkit

PACKAGE = Path(cloudkit.__file__).parent
HEAVY = (
    *(
        "pydantic",
        "yaml",
        "torch",
        "lightning",
        "triton",
        "spglib",
        "moyopy",
        "gemmi",
        "pymatgen",
        "ase",
        "pandas",
        "pyarrow",
        "urllib3",
    ),
    *("sklearn", "matplotlib", "jsonschema", "typer", "rich", "transformers", "tokenizers", "safetensors"),
)
ABOVE_TORCH = {"kernels", "data", "models", "predict", "evaluate", "train", "corpus", "cli"}
DOORS = {
    **{key: {"structure"} for key in ("spglib", "moyopy")},
    **{key: {"io"} for key in ("gemmi", "pymatgen", "ase", "pyarrow")},
    "threadpoolctl": {"predict"},
    "jsonschema": {"scope"},
    "pydantic": {"modelspec"},
    "pydantic_core": {"modelspec"},
    "yaml": {"modelspec", "models"},
    "urllib3": {"fetch"},
    "triton": {"kernels"},
    **{key: {"corpus"} for key in ("duckdb", "ray")},
    "torch": ABOVE_TORCH,
    "lightning": {"train"},
    "scipy": {"train"},
    "safetensors": {"models", "train"},
    "sklearn": {"predict", "evaluate", "train"},
    **{key: {"report"} for key in ("matplotlib", "jinja2", "markupsafe")},
    "pandas": {"predict", "corpus"},
    "typer": {"cli"},
    "rich": {"cli"},
}
EVERYWHERE = {"numpy", "cloudkit", *sys.stdlib_module_names}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def home(path: Path) -> str:
    """The subpackage that a file belongs to ('' for a module of cloudkit itself)."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imported(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports at run time, wherever in it."""
    names = set()
    tree = ast.parse(path.read_text("utf-8"))
    for block in [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]:
        block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
            "import_module",
            "require",
        ):
            names |= {str(a.value).split(".")[0] for a in node.args[:1] if isinstance(a, ast.Constant)}
    return names


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_cloudkit_loads_numpy_and_nothing_heavy() -> None:
    loaded = modules_after("import cloudkit")
    assert "numpy" in loaded
    assert loaded & set(HEAVY) == set()


def test_reading_and_tokenizing_strings_needs_no_engine_and_no_torch() -> None:
    text = "0 0 0 | Si 1a"
    loaded = modules_after(
        f"import cloudkit\nassert cloudkit.Tokenizer('compact').encode({text!r}).size == 5\nassert cloudkit.validate({text!r}) == []"
    )
    assert (
        loaded & {"torch", "pydantic", "yaml", "pandas", "pymatgen", "lightning", "pyarrow", "sklearn"}
        == set()
    )


def test_predicting_with_a_shipped_model_needs_numpy_only() -> None:
    loaded = modules_after(
        "import cloudkit\nfrom cloudkit.predict.inputs import encode_inputs\nmodel = cloudkit.load('thermal')\n"
        "((table, failures),) = model.predict_columns(encode_inputs('0 0 0 | Si 1a'))\nassert len(table['value']) == 4"
    )
    assert (
        loaded & {"torch", "pydantic", "pandas", "safetensors", "matplotlib", "sklearn", "pyarrow"} == set()
    )


def test_the_public_names_are_these() -> None:
    assert sorted(cloudkit.__all__) == [
        "CloudClassifier", "CloudFeaturizer", "CloudRegressor", "CloudkitError", "Columns", "Diagnostic", "Findings", "Scope", "Tokenizer",
        "encode", "encode_batch", "get_include", "get_library", "load", "parse", "parse_batch", "validate", "validate_batch",
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(cloudkit.__all__) - {"load"}))
def test_every_public_name_is_there_and_documented(name: str) -> None:
    try:
        value = getattr(cloudkit, name)
    except cloudkit.errors.MissingExtra as missing:
        pytest.skip(str(missing))
    assert value.__doc__
    assert value.__module__.startswith("cloudkit.")


def test_an_unknown_name_is_an_attribute_error_and_the_version_is_that_of_the_distribution() -> None:
    with pytest.raises(AttributeError, match="no attribute 'encod'"):
        cloudkit.encod  # noqa: B018
    assert cloudkit.__version__[0].isdigit()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_outside_packages_through_their_door_only(path: Path) -> None:
    outside = imported(path) - EVERYWHERE
    assert {name for name in outside if home(path) not in DOORS.get(name, set())} == set()


def test_print_is_called_in_cli_only() -> None:
    calls = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in SOURCES
        if home(path) != "cli"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []


def test_nothing_swallows_all_exceptions() -> None:
    swallowed = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(isinstance(s, ast.Pass) for s in node.body))
    ]
    assert swallowed == []
