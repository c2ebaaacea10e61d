"""The key of a stage: what it depends on, and that a moved module cannot leave it silently."""

from pathlib import Path

import pytest

import cloudkit
from cloudkit.train import stages
from cloudkit.train.stages import CODE, code_hash, make_key, module_files


@pytest.mark.parametrize("kind", CODE)
def test_every_module_in_the_key_of_a_stage_can_be_imported_and_has_sources(kind: stages.Kind) -> None:
    for name in CODE[kind]:
        assert any(file.suffix == ".py" for file in module_files(name)), name


@pytest.mark.parametrize("name", ["cloudkit.train.moved_elsewhere", "cloudkit.no_package.module"])
def test_a_module_that_has_moved_is_an_error_and_not_an_empty_hash(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        code_hash((name,))


def test_a_package_brings_its_compiled_modules_and_templates() -> None:
    names = {file.name for file in module_files("cloudkit._native")}
    assert "library.py" in names
    assert any(file.suffix == ".html" for file in module_files("cloudkit.report"))


def test_the_key_follows_the_content_of_a_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "cloudkit"
    package.mkdir()
    module = package / "made_up.py"
    monkeypatch.setattr(cloudkit, "__path__", [*cloudkit.__path__, str(package)])
    monkeypatch.setattr(cloudkit, "__file__", str(package / "__init__.py"))
    monkeypatch.setitem(CODE, "report", ("cloudkit.made_up",))
    keys = []
    for text in ("a = 1\n", "a = 2\n", "a = 1\n"):
        module.write_text(text)
        code_hash.cache_clear()
        keys.append(make_key("report", {}, {}))
    code_hash.cache_clear()
    assert keys[0] == keys[2] != keys[1]
