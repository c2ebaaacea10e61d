"""`new`, `schema` and `doctor`."""

import json
from importlib import metadata

import pytest


def test_new_writes_a_spec_that_loads(cloudkit, tmp_path):
    from cloudkit.modelspec import load_spec

    assert cloudkit("new", tmp_path / "m.yaml").code == 0
    assert load_spec(tmp_path / "m.yaml").name == "thermal"


def test_new_never_overwrites(cloudkit, tmp_path):
    (tmp_path / "m.yaml").write_text("mine\n")
    answer = cloudkit("new", tmp_path / "m.yaml")
    assert (answer.code, "is left as it is" in answer.err) == (2, True)
    assert (tmp_path / "m.yaml").read_text() == "mine\n"


def test_the_presets_are_listed_with_a_summary(cloudkit):
    listed = json.loads(cloudkit("new", "--list", "--json").out)
    assert "thermal" in listed
    for name, summary in listed.items():
        assert f"{name:<12}{summary}" in cloudkit("new", "--list").out


def test_the_model_schema_knows_the_parts_of_a_spec(cloudkit):
    schema = json.loads(cloudkit("schema", "model").out)
    assert {"encoder", "heads", "tasks"} <= set(schema["properties"])


def test_schema_without_a_name_lists_the_names(cloudkit):
    assert "model" in cloudkit("schema").out.splitlines()
    assert "model" in json.loads(cloudkit("schema", "--json").out)


def test_doctor_shows_versions_and_is_content_with_a_full_environment(cloudkit):
    pytest.importorskip("lightning")
    findings = {f["name"]: f for f in json.loads(cloudkit("doctor", "--json").out)}
    assert findings["moyopy"]["value"] == metadata.version("moyopy")
    missing = [f for f in findings.values() if f["fix"] and f["needed"]]
    assert cloudkit("doctor").code == (1 if missing else 0)


def test_doctor_names_the_command_that_installs_what_is_missing(cloudkit, monkeypatch):
    real = metadata.version

    def version(name: str) -> str:
        if name == "lightning":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    answer = cloudkit("doctor")
    assert answer.code == 1
    assert "lightning     missing  ->  pip install 'cloudkit-scope[train]'" in answer.out
