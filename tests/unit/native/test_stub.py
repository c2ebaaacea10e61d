"""The stub of the compiled module says what the module has, and the twin has it too."""

import ast
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from cloudkit import _native
from cloudkit._native import twin

core = pytest.importorskip("cloudkit._native.core", reason="no compiled core in this installation")

STUB = ast.parse(Path(_native.__file__).with_name("core.pyi").read_text("utf-8"))
STUBBED = {
    node.name: [a.arg for a in node.args.args] for node in STUB.body if isinstance(node, ast.FunctionDef)
}
NOT_OFFERED = {"letter_index", "not_a_token"}  # helpers that the module keeps to itself


# of crystals: moyo and spglib are the oracles
NO_TWIN = {"find_symmetry", "encode_crystals", "encode_columns"}
OTHERS = {"COMPILED", "SYMMETRY_VERSION", "SpeciesTable"}


def functions(module: ModuleType) -> dict[str, list[str]]:
    return {
        name: list(inspect.signature(value).parameters)
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and not inspect.isclass(value)
        and not inspect.ismodule(value)
    }


def test_the_stub_lists_every_function_with_its_parameters() -> None:
    found = {name: names for name, names in functions(core).items() if name not in NOT_OFFERED}
    assert found == STUBBED


def test_the_twin_has_every_function_with_the_same_parameters() -> None:
    twins = {name: names for name, names in STUBBED.items() if name not in NO_TWIN}
    assert {name: functions(twin)[name] for name in twins} == twins


def test_the_door_opens_on_every_function() -> None:
    assert set(_native.__all__) == {*STUBBED, *OTHERS}
